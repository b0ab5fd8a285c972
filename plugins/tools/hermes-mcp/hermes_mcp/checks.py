"""What `hermes doctor` says about MCP servers; none is started for it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hermes_host.cli.listing import count
from hermes_host.protocols import CheckResult
from hermes_mcp.offers import objection
from hermes_mcp.redaction import names_a_secret
from hermes_mcp.servers import Servers
from hermes_mcp.sign_in import is_signed_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext
    from hermes_mcp.server import Server

__all__ = ["servers"]


async def servers(context: PluginContext) -> Iterable[CheckResult]:
    """Can each be started, is the way to it private, and does something wait for consent?"""
    found: list[CheckResult] = []
    for server in (await context.services.get(Servers)).enabled:
        results = [CheckResult(name=f"mcp {server.name}", status="warning", detail=text, remedy=remedy)
                   for text, remedy in _faults(context, server)]  # fmt: skip
        known = count(len(server.tools()), "tool") if server.offer is not None else "its list was not fetched yet"
        found += results or [CheckResult(name=f"mcp {server.name}", status="ok", detail=known)]
    return found or [CheckResult(name="mcp", status="ok", detail="no servers")]


def _faults(context: PluginContext, server: Server) -> Iterable[tuple[str, str]]:
    settings = server.settings
    if settings.url:
        address = urlsplit(settings.url)
        secret = settings.auth == "oauth" or any(names_a_secret(name) for name in settings.headers)
        if address.scheme == "http" and secret and address.hostname not in ("localhost", "127.0.0.1", "::1"):
            yield "Its secrets go over the network unencrypted.", f"Use https:// in mcp_servers.{server.name}.url"
        if settings.auth == "oauth" and not is_signed_in(context, server.name, settings):
            yield "Nobody has signed in.", f"hermes mcp auth {server.name}"
    elif shutil.which(settings.command, path=settings.env.get("PATH", os.environ.get("PATH"))) is None:
        yield f"There is no program {settings.command!r}.", "Install it, or give its whole path."
    waiting = [tool.name for tool in server.tools() if objection(tool, server.accepted)[0]]
    if waiting:
        names = ", ".join(waiting[:5]) + (" …" if len(waiting) > 5 else "")
        wait = count(len(waiting), "tool waits", "tools wait")
        yield f"{wait} for your consent: {names}", f"hermes mcp accept {server.name}"
