"""The gateway's HTTP server: one port, shared by all who serve something, with what all of them need in front.

Requests for a host that is not ours are refused before anything looks at them: that is what a page in a browser can do
to a server on this machine (DNS rebinding). Bodies are read with a limit, connections are counted, and one that
sends no request is closed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

from aiohttp import web

from hermes_gateway.server_settings import ServerSettings
from hermes_host.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hermes_host.context import PluginContext
    from hermes_host.specs import ServiceSpec

__all__ = ["PATH", "Server", "address_parts", "connect", "error_response", "read_body"]

log = logging.getLogger(__name__)

PATH: web.RequestKey[dict[str, str]] = web.RequestKey("hermes.path", dict)
"""The key of a request under which a handler finds the variable parts of its path."""

_FIRST_REQUEST_SECONDS = 15.0
_CONNECTIONS = 2000
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Server:
    """Serves routers mounted below prefixes. See `hermes_gateway.parts.WebServer`."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._mounts: dict[str, web.UrlDispatcher] = {}
        self._runner: web.ServerRunner | None = None
        self.address = ""

    def mount(self, prefix: str, router: web.UrlDispatcher) -> None:
        """Serve what `router` has, whose paths all begin with `prefix`. Raises `PluginError` where that is taken."""
        if not prefix.startswith("/") or prefix != prefix.rstrip("/"):
            raise PluginError(f"{prefix!r} is no prefix of paths; one looks like '/v1'.")
        if prefix in self._mounts:
            raise PluginError(f"{prefix!r} is served already.")
        self._mounts[prefix] = router

    def unmount(self, prefix: str) -> None:
        """Serve it no more."""
        self._mounts.pop(prefix, None)

    async def run(self, started: Callable[[], None]) -> None:
        """Listen until cancelled. Raises `ConfigError` when the port cannot be had."""
        host, port = address_parts(self._settings.listen)
        runner = web.ServerRunner(_Counted(self._handle), handle_signals=False)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                raise ConfigError(
                    f"The gateway cannot listen on {self._settings.listen}: {error.strerror or error}.",
                    remedy="Another program may use the port. Choose another: `hermes config set server.listen "
                    "127.0.0.1:PORT`.",
                ) from error
            self.address = _url(runner)
            started()
            await asyncio.Event().wait()
        finally:
            self.address = ""
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._ours(request):
            return error_response(421, "This server does not answer for that host.")
        path = request.rel_url.path
        prefixes = [prefix for prefix in self._mounts if path == prefix or path.startswith(f"{prefix}/")]
        if not prefixes:
            return error_response(404, "There is nothing at this address.")
        return await _dispatch(self._mounts[max(prefixes, key=len)], request)

    def _ours(self, request: web.BaseRequest) -> bool:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1:
            return False
        try:
            name = urlsplit(f"//{hosts[0]}").hostname or ""
        except ValueError:
            return False
        public = urlsplit(self._settings.public_url).hostname
        allowed = {*_LOOPBACK_NAMES, *(host.lower() for host in self._settings.hosts), public}
        listening, _ = address_parts(self._settings.listen)
        return name in allowed or (name == listening and not _is_any(listening))


def connect(context: PluginContext, spec: ServiceSpec) -> Server:
    """The server of this process; it listens while the gateway runs."""
    return Server(context.section(ServerSettings, "server"))


def address_parts(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises `ConfigError`."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"server.listen: {listen!r} is not of the form HOST:PORT.", remedy="Such as 127.0.0.1:8642.")
    return host, int(port)


def error_response(status: int, message: str, **headers: str) -> web.Response:
    """An error as JSON, in the form of the OpenAI API, which all clients show."""
    return web.json_response(
        {"error": {"message": message, "type": "invalid_request_error"}}, status=status, headers=headers
    )


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body, at most `limit` bytes, however it is sent. Raises `HTTPRequestEntityTooLarge`."""
    if (request.content_length or 0) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, request.content_length or 0)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.content.iter_chunked(65536):
        size += len(piece)
        if size > limit:
            raise web.HTTPRequestEntityTooLarge(limit, size)
        pieces.append(piece)
    return b"".join(pieces)


async def _dispatch(router: web.UrlDispatcher, request: Any) -> web.StreamResponse:
    match = await router.resolve(request)
    if match.http_exception is not None:
        missing = match.http_exception
        headers = {"Allow": missing.headers["Allow"]} if "Allow" in missing.headers else {}
        return error_response(
            missing.status,
            "There is nothing at this address." if missing.status == 404 else "That method is not served here.",
            **headers,
        )
    request[PATH] = dict(match)
    return await match.handler(request)


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _url(runner: web.ServerRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Counted(web.Server):
    """Closes connections that are too many, and those that bring no request."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(self._noted, access_log=None)
        self._answer = handler
        self._heard: WeakSet[asyncio.BaseTransport] = WeakSet()

    def __call__(self) -> web.RequestHandler:
        protocol = super().__call__()
        loop = asyncio.get_running_loop()
        loop.call_soon(self._refuse_surplus, protocol)
        loop.call_later(_FIRST_REQUEST_SECONDS, self._close_silent, protocol)
        return protocol

    async def _noted(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            self._heard.add(request.transport)
        return await self._answer(request)

    def _refuse_surplus(self, protocol: web.RequestHandler) -> None:
        if len(self.connections) > _CONNECTIONS and protocol.transport is not None:
            protocol.transport.close()

    def _close_silent(self, protocol: web.RequestHandler) -> None:
        transport = protocol.transport
        if transport is not None and transport not in self._heard:
            transport.close()
