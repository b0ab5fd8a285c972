"""MCP over streamable HTTP."""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from hermes_host.errors import ConfigError
from hermes_mcp_server.guard import SHORTEST_TOKEN, Guard
from hermes_mcp_server.replay import SessionManager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mcp.server.lowlevel import Server

    from hermes_mcp_server.settings import HttpSettings

__all__ = ["address", "application", "check_token", "listening_socket", "serve_http"]

log = logging.getLogger(__name__)

_EVERY = ("0.0.0.0", "::", "")
_RETRY = 1_000
"""Milliseconds after which a client is to come back when its connection ended."""


def check_token(token: str) -> None:
    """Raises `ConfigError` for none, and for one that can be guessed."""
    if len(token) < SHORTEST_TOKEN:
        raise ConfigError(
            f"Over HTTP this server needs a token of {SHORTEST_TOKEN} characters or more, also on this machine alone.",
            remedy="Make one: hermes mcp serve --new-token",
        )


def application(server: Server[Any], settings: HttpSettings, token: str) -> Any:
    """The ASGI application. Raises `ConfigError` without a token worth the name."""
    check_token(token)
    manager = SessionManager(
        server,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the guard sees to it
        retry_interval=_RETRY,
        session_idle_timeout=settings.idle_timeout,
        max_request_body_size=settings.max_request,
        max_sessions=settings.max_clients,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    app = Starlette(routes=[Route(settings.path, StreamableHTTPASGIApp(manager))], lifespan=lifespan)
    named = [] if settings.host in _EVERY else [settings.host]
    return Guard(app, token=token, hosts=[*named, *settings.allowed_hosts], origins=settings.allowed_origins)


def listening_socket(settings: HttpSettings) -> socket.socket:
    """A socket that clients can connect to. Raises `ConfigError`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}.",
            remedy="Choose another with --port, or 0 for any free one.",
        ) from None
    return listener


def address(listener: socket.socket, settings: HttpSettings) -> str:
    """The endpoint's URL."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.path}"


async def serve_http(
    server: Server[Any], settings: HttpSettings, token: str, *, started: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `started` gets the URL."""
    import uvicorn

    app = application(server, settings, token)
    with listening_socket(settings) as listener:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=65_536,
        )
        web = uvicorn.Server(config)
        # Its own way with signals would send them to this process once more when it is done.
        web.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, setattr, web, "should_exit", True)
        started(address(listener, settings))
        await web.serve(sockets=[listener])
