"""HTTP connections to one endpoint, kept open between requests.

`httpcore2` is the part of `httpx2` that speaks HTTP. What the rest of `httpx2` adds (cookies, redirects, authentication
flows, forms) is not wanted here, and importing it would take a good part of a short program's time.
"""

from __future__ import annotations

import os
import zlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hermes_compatible.clock import TimeUp
from hermes_compatible.failures import transport_failure
from hermes_compatible.sending import PIECE, Pieces
from hermes_host.errors import ConfigError, InvalidResponse

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Mapping

    import httpcore2

    from hermes_compatible.clock import Clock
    from hermes_compatible.endpoint import Endpoint

__all__ = ["Connections", "Received", "transport_errors"]

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
_KEPT = 32
_KEPT_SECONDS = 60.0


def transport_errors() -> tuple[type[Exception], ...]:
    """What is raised when the network, the server, a proxy or the time fails; `httpcore2` has no common base for it."""
    import httpcore2

    return (
        TimeUp,
        httpcore2.NetworkError,
        httpcore2.TimeoutException,
        httpcore2.ProtocolError,
        httpcore2.ProxyError,
        httpcore2.UnsupportedProtocol,
    )


class Received:
    """The beginning of an answer. Close it, or the connection stays occupied."""

    def __init__(self, endpoint: Endpoint, response: httpcore2.Response) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }
        self._endpoint = endpoint
        self._response = response

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes; unpacked where a server packs it although it was asked not to."""
        packing = self.headers.get("content-encoding", "identity").lower()
        if packing == "identity":
            return self._response.aiter_stream()
        if packing not in ("gzip", "x-gzip", "deflate"):
            raise InvalidResponse(f"{self._endpoint.provider} sent an answer packed as {packing!r}, unasked.")
        return self._unpacked()

    async def read(self, limit: int) -> bytes:
        """The body as a whole, or its beginning where it is longer than the limit in bytes."""
        body = b""
        async for piece in self.pieces():
            body += piece
            if len(body) > limit:
                break
        return body

    async def aclose(self) -> None:
        """Free the connection: for the next request after a whole body, by closing it otherwise."""
        await self._response.aclose()

    async def _unpacked(self) -> AsyncGenerator[bytes]:
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            async for piece in self._response.aiter_stream():
                yield unpack.decompress(piece)
            yield unpack.flush()
        except zlib.error as error:
            raise InvalidResponse(f"{self._endpoint.provider} sent an answer that cannot be unpacked.") from error


class Connections:
    """Connections to one endpoint. No redirect is followed, no cookie kept, no request sent twice."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def send(
        self, method: str, url: str, clock: Clock, *, headers: Mapping[str, str], body: bytes = b""
    ) -> Received:
        """Send a request and wait for the beginning of its answer, as long as the clock allows.

        Raises `ConnectionLost`.
        """
        import httpcore2

        target = httpcore2.URL(url)
        host = target.host if target.port is None else b"%b:%d" % (target.host, target.port)
        pairs = [(b"host", host), (b"user-agent", b"hermes-host"), (b"accept-encoding", b"identity")]
        pairs += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if body:
            pairs.append((b"content-length", b"%d" % len(body)))
        content = Pieces(body) if len(body) > PIECE else body
        request = httpcore2.Request(
            method, target, headers=pairs, content=content, extensions={"timeout": clock.stages}
        )
        try:
            response = await clock.within(self._open().handle_async_request(request))
        except transport_errors() as error:
            raise transport_failure(self._endpoint, error, clock, partial=False) from error
        clock.answering = True
        return Received(self._endpoint, response)

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _open(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            self._pool = _new_pool(self._endpoint)
        return self._pool


def _new_pool(endpoint: Endpoint) -> httpcore2.AsyncConnectionPool:
    """A pool with one TLS context, and with none where plain HTTP is spoken: reading certificates costs 20 ms."""
    import httpcore2

    secure = endpoint.base_url.startswith("https:")
    options: dict[str, Any] = {
        "ssl_context": _certificates(endpoint) if secure else None,
        "max_connections": None,
        "max_keepalive_connections": _KEPT,
        "keepalive_expiry": _KEPT_SECONDS,
    }
    proxy = _proxy(endpoint.base_url)
    if not proxy:
        return httpcore2.AsyncConnectionPool(**options)
    parts = urlsplit(proxy)
    if parts.username:
        options["proxy_auth"] = (unquote(parts.username), unquote(parts.password or ""))
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme in ("http", "https"):
        return httpcore2.AsyncHTTPProxy(address, **options)
    if parts.scheme not in ("socks5", "socks5h"):
        raise ConfigError(f"The proxy for {endpoint.provider} is of an unknown kind: {parts.scheme!r}.")
    if find_spec("socksio") is None:
        raise ConfigError(f"The proxy for {endpoint.provider} speaks SOCKS.", remedy="Run `pip install socksio`.")
    return httpcore2.AsyncSOCKSProxy(address, **options)


def _proxy(url: str) -> str:
    """The proxy the environment names for this address, as `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are understood."""
    present = {name.lower() for name, value in os.environ.items() if value}
    if not present & set(_PROXY_VARIABLES):
        return ""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    if proxy_bypass(parts.netloc):
        return ""
    found = proxies.get(parts.scheme) or proxies.get("all", "")
    return found if "://" in found or not found else f"http://{found}"


def _certificates(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.ca_bundle:
        import ssl

        path = os.path.expanduser(endpoint.ca_bundle)
        try:
            return ssl.create_default_context(cafile=path)
        except OSError as error:
            raise ConfigError(f"compatible.ca_bundle cannot be read: {path!r}.") from error
    import httpcore2

    return httpcore2.default_ssl_context()
