"""`hermes mcp serve`."""

from __future__ import annotations

import asyncio
import secrets
import signal
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hermes_host.cli.application import pass_host, run_async
from hermes_host.services import Credentials
from hermes_mcp_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hermes_host.host import Host

__all__ = ["PLUGIN", "TOKEN", "serve"]

PLUGIN = "mcp-server"
TOKEN = "HERMES_MCP_SERVER_TOKEN"


@click.command(
    epilog="\b\nExamples:\n"
    "  hermes mcp serve                                    for a client that starts it\n"
    "  hermes mcp serve --toolsets safe,file               with tools that write, after consent\n"
    "  hermes mcp serve --new-token                        make a token for HTTP, once\n"
    "  hermes mcp serve --http --port 8765                 for clients that connect"
)
@click.option("--toolsets", default="", metavar="LIST", help="Toolsets and tools to offer; `safe`: all that only read.")
@click.option("--no-converse", is_flag=True, help="Offer tools only, no conversations.")
@click.option("--http", "over_http", is_flag=True, help="Listen for streamable HTTP in place of standard input.")
@click.option("--host", "address", default="", metavar="ADDRESS", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="The port; 0 for any free one.")
@click.option("--new-token", is_flag=True, help=f"Make a token, keep it as {TOKEN}, print it once, and leave.")
@pass_host
def serve(
    host: Host, toolsets: str, no_converse: bool, over_http: bool, address: str, port: int | None, new_token: bool
) -> None:
    """Offer this host's tools and conversations to MCP clients.

    Without --http it speaks over standard input and output until the client leaves. Calls pass the same gate as a
    model's: what needs consent is asked through clients that can ask a person, and refused otherwise.
    """
    settings = host.context(PLUGIN).section(Settings, "mcp_server")
    listening = settings.http
    if address:
        listening = msgspec.structs.replace(listening, host=address)
    if port is not None:
        listening = msgspec.structs.replace(listening, port=port)
    settings = msgspec.structs.replace(settings, http=listening, converse=settings.converse and not no_converse)
    chosen = [name.strip() for name in toolsets.split(",") if name.strip()] or settings.toolsets
    if new_token:
        run_async(host, lambda: _make_token(host))
    elif over_http:
        token = host.context(PLUGIN).secret(TOKEN)
        run_async(host, lambda: _serve(host, settings, chosen, token=token))
    elif address or port is not None:
        raise click.UsageError("--host and --port go with --http.")
    else:
        run_async(host, lambda: _until_signal(_serve(host, settings, chosen)))


async def _make_token(host: Host) -> None:
    token = secrets.token_urlsafe(32)
    (await host.context(PLUGIN).services.get(Credentials)).set(TOKEN, token)
    click.echo(token)


async def _serve(host: Host, settings: Settings, toolsets: list[str], *, token: str | None = None) -> None:
    from hermes_mcp_server.http import check_token, serve_http
    from hermes_mcp_server.server import HostServer
    from hermes_mcp_server.stdio import serve_stdio

    if token is not None:
        check_token(token)
    server = HostServer(host, host.context(PLUGIN), settings, toolsets)
    await server.prepare()
    try:
        if token is None:
            await serve_stdio(server.sdk)
        else:
            await serve_http(server.sdk, settings.http, token, started=lambda url: _say(url, server))
    finally:
        await server.aclose()


def _say(url: str, server: Any) -> None:
    click.echo(f"Serving {server.summary()} on {url}", err=True)


async def _until_signal(work: Awaitable[None]) -> None:
    """Do it; a polite kill ends it as the client's leaving does, so that what runs is stored and released."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if not task.cancelled():
        task.result()
