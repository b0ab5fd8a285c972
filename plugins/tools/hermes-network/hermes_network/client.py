"""Guarded HTTP: every URL, every redirect and every address is judged, and what is judged is what is connected to."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from hermes_network.bodies import PACKINGS
from hermes_network.errors import AddressRefused, FetchFailed, Kind
from hermes_network.journal import Entry
from hermes_network.resolver import Lookup, PinnedResolver, lookup_of, resolve
from hermes_network.response import Fetched, Response
from hermes_network.targets import Target, literal
from hermes_network.waiting import retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from aiohttp import ClientResponse, ClientSession
    from yarl import URL

    from hermes_network.guard import Guard
    from hermes_network.journal import Journal

__all__ = ["Client", "Fetched", "Response"]

_MOVED = (301, 302, 303, 307, 308)
_PATIENCE = 30.0
"""The longest wait, in seconds, that a server may ask for without the caller being told instead."""
_IDLE = 30.0
"""Seconds without a byte after which a server counts as gone, whatever the whole fetch may take."""
_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "user-agent", "range", "if-range"})
_NOT_FOR_CALLERS = frozenset(
    {
        *("host", "connection", "keep-alive", "content-length", "transfer-encoding", "te", "trailer", "upgrade"),
        *("expect", "accept-encoding", "proxy-authorization", "proxy-connection", "forwarded", "via"),
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Client:
    """Fetches under one guard, with connections of its own. Nothing is imported or opened before the first request."""

    def __init__(
        self,
        guard: Guard,
        *,
        purpose: str = "",
        journal: Journal | None = None,
        lookup: Lookup | None = None,
        timeout: float | None = None,
    ) -> None:
        """`purpose` stands in the log; `lookup` replaces the look-up of names that the settings say."""
        self.guard = guard
        self._settings = guard.settings
        self._purpose = purpose
        self._journal = journal
        self._lookup = lookup
        self._timeout = timeout or guard.settings.timeout
        self._session: ClientSession | None = None
        self._resolver: PinnedResolver | None = None

    async def fetch(
        self,
        url: str,
        *,
        purpose: str = "",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int | None = None,
        timeout: float | None = None,
        overflow: Literal["refuse", "cut"] = "refuse",
        retry: bool = True,
    ) -> Fetched:
        """A whole answer, whatever its status; see `open`. With `overflow="cut"` a longer body is cut at the limit."""
        async with self._opened(
            url, purpose, method, headers, body, accept, limit_bytes, timeout, overflow == "cut", retry
        ) as response:
            read = await response.read()
            return Fetched(
                url=response.url,
                status=response.status,
                headers=response.headers,
                content_type=response.content_type,
                charset=response.charset,
                body=read,
                redirects=response.redirects,
                truncated=response.truncated,
            )

    @asynccontextmanager
    async def open(
        self,
        url: str,
        *,
        purpose: str = "",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int | None = None,
        timeout: float | None = None,
        retry: bool = True,
    ) -> AsyncGenerator[Response]:
        """The beginning of an answer, whatever its status; `Response.pieces` gives its body.

        `accept` are types such as `text/*`: another type is refused before it is read. `limit_bytes` counts unpacked
        bytes; `timeout` is in seconds, for everything up to the end of the `async with`. With `retry` a GET that is
        answered by 429 or 503 and a Retry-After is asked once more, if the time allows. Of redirects only those of GET
        and HEAD are followed; to another origin no header goes along that could be a secret.

        Raises `AddressRefused` or `FetchFailed`.
        """
        async with self._opened(
            url, purpose, method, headers, body, accept, limit_bytes, timeout, False, retry
        ) as response:
            yield response

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        opened, self._session, self._resolver = self._session, None, None
        if opened is not None:
            await opened.close()

    @asynccontextmanager
    async def _opened(
        self,
        url: str,
        purpose: str,
        method: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        accept: Sequence[str],
        limit: int | None,
        timeout: float | None,
        cut: bool,
        retry: bool,
    ) -> AsyncGenerator[Response]:
        patience = timeout or self._timeout
        asking = _Asking(purpose or self._purpose or "unnamed", method.upper(), body, limit or self._settings.max_bytes)
        clock = asyncio.timeout(patience)
        try:
            async with clock:
                said = {"Accept": ", ".join(accept) or "*/*", "User-Agent": self._settings.user_agent}
                said |= _checked(headers or {})
                response = await self._follow(url, asking, said, cut, clock.when() if retry else None)
                try:
                    await response.begin(accept)
                    yield response
                finally:
                    await response.aclose()
        except TimeoutError as error:
            if not clock.expired():
                raise
            host = asking.host or "The server"
            raise FetchFailed(f"{host} did not finish within {patience:g} s.", kind="timeout", host=host) from error

    async def _follow(
        self, url: str, asking: _Asking, headers: dict[str, str], cut: bool, retry_until: float | None
    ) -> Response:
        target = self._check(url, asking)
        redirects: list[str] = []
        while True:
            response, entry = await self._ask(target, asking, headers)
            answer = Response(
                response,
                target,
                limit=asking.limit,
                cut=cut,
                redirects=redirects,
                entry=entry,
                journal=self._journal,
                clock=time.time,
            )
            wait = _wait(answer, asking.method, retry_until)
            location = response.headers.get("Location", "")
            if wait is None and (answer.status not in _MOVED or not location):
                return answer
            await answer.aclose()
            if wait is not None:
                retry_until = None
                await asyncio.sleep(wait)
                continue
            if asking.method not in ("GET", "HEAD"):
                raise FetchFailed(
                    f"{target.host} sent a change elsewhere; it was not followed.",
                    kind="redirects",
                    host=target.host,
                    status=answer.status,
                )
            if len(redirects) >= self._settings.max_redirects:
                raise FetchFailed(f"{redirects[0]} redirects without an end.", kind="redirects", host=target.host)
            redirects.append(target.shown)
            target, headers = self._next(target, location, asking, headers)

    def _next(
        self, target: Target, location: str, asking: _Asking, headers: dict[str, str]
    ) -> tuple[Target, dict[str, str]]:
        """Where a redirect leads, judged like the first address, and what may be said there."""
        following = self._check(_joined(target.url, location), asking)
        if target.scheme == "https" and following.scheme == "http":
            refusal = AddressRefused(
                f"{target.host} redirects to {following.host} without encryption.",
                rule="downgrade",
                host=following.host,
            )
            self._log_refusal(refusal, asking, following)
            raise refusal
        if following.origin != target.origin:
            # A secret is for the host it was made for, by whatever header it travels.
            headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ACROSS_ORIGINS}
        return following, headers

    def _check(self, url: str | URL, asking: _Asking) -> Target:
        try:
            target = self.guard.check(url)
        except AddressRefused as error:
            self._log_refusal(error, asking, None)
            raise
        asking.host = target.host
        return target

    async def _ask(self, target: Target, asking: _Asking, headers: dict[str, str]) -> tuple[ClientResponse, Entry]:
        """Send one request. Raises `AddressRefused` or `FetchFailed`, and writes them down."""
        from aiohttp import ClientError

        entry = Entry(
            time=time.time(),
            purpose=asking.purpose,
            verdict="ok",
            method=asking.method,
            scheme=target.scheme,
            host=target.host,
            port=target.port,
            sent=len(asking.body or b""),
        )
        failure: FetchFailed
        try:
            return await self._send(target, asking, headers), entry
        except AddressRefused as error:
            self._log_refusal(error, asking, target)
            raise
        except FetchFailed as error:
            failure = error
        except TimeoutError as error:
            failure = FetchFailed(f"{target.host} did not answer in time.", kind="timeout", host=target.host)
            failure.__cause__ = error
        except (ClientError, OSError) as error:
            failure = _failure(target.host, error)
            failure.__cause__ = error
        except asyncio.CancelledError:
            self._log(entry, "failed", "timeout")
            raise
        self._log(entry, "failed", failure.kind)
        raise failure

    async def _send(self, target: Target, asking: _Asking, headers: dict[str, str]) -> ClientResponse:
        session, resolver = self._connections()
        url: URL = target.url
        options: dict[str, Any] = {}
        said = {**headers, "Accept-Encoding": PACKINGS}
        if self._settings.proxy:
            url, options = await self._through_proxy(target, said)
        elif target.address is not None:
            resolver.approve(target.host, target.port)
        return await session.request(
            asking.method, url, headers=said, data=asking.body, allow_redirects=False, **options
        )

    async def _through_proxy(self, target: Target, headers: dict[str, str]) -> tuple[URL, dict[str, Any]]:
        """The address that was judged in place of the name, so that the proxy has nothing to look up."""
        headers["Host"] = target.url.host_port_subcomponent or target.host
        options: dict[str, Any] = {"proxy": self._settings.proxy.reveal()}
        if target.address is not None:
            return target.url, options
        lookup = self._lookup or lookup_of(self._settings.nameservers)
        addresses = await resolve(self.guard, lookup, target.host, target.port)
        chosen = next((address for address in addresses if ":" not in address), addresses[0])
        if target.scheme == "https":
            options["server_hostname"] = target.host
        return target.url.with_host(chosen), options

    def _connections(self) -> tuple[ClientSession, PinnedResolver]:
        if self._session is None or self._resolver is None:
            from hermes_network.connections import session

            lookup = self._lookup or lookup_of(self._settings.nameservers)
            trusted = _proxy_host(self._settings.proxy.reveal())
            self._resolver = PinnedResolver(self.guard, lookup, trusted=trusted)
            if trusted is not None and literal(trusted[0]) is not None:
                self._resolver.approve(*trusted)
            self._session = session(
                self.guard, self._resolver, ca_bundle=self._settings.ca_bundle, patience=min(_IDLE, self._timeout)
            )
        return self._session, self._resolver

    def _log_refusal(self, error: AddressRefused, asking: _Asking, target: Target | None) -> None:
        entry = Entry(
            time=time.time(),
            purpose=asking.purpose,
            verdict="refused",
            method=asking.method,
            scheme=target.scheme if target else "",
            host=target.host if target else error.host,
            port=target.port if target else 0,
        )
        self._log(entry, "refused", error.rule)

    def _log(self, entry: Entry, verdict: str, rule: str) -> None:
        if self._journal is not None:
            import msgspec

            seconds = round(time.time() - entry.time, 3)
            self._journal.write(msgspec.structs.replace(entry, verdict=verdict, rule=rule, seconds=seconds))


class _Asking:
    """What stays the same through all redirects."""

    def __init__(self, purpose: str, method: str, body: bytes | None, limit: int) -> None:
        self.purpose = purpose
        self.method = method
        self.body = body
        self.limit = limit
        self.host = ""


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a caller. Raises `AddressRefused` for those that say where a request goes or how long it is."""
    for name, value in headers.items():
        if name.lower() in _NOT_FOR_CALLERS:
            raise AddressRefused(f"The header {name!r} cannot be set.", rule="header", remedy="Leave it out.")
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise AddressRefused("A header holds characters that no header may hold.", rule="header")
    return dict(headers)


def _joined(base: URL, location: str) -> str | URL:
    """A Location as servers write it: with blanks around it, and sometimes within."""
    from yarl import URL

    text = location.strip(" \t").replace(" ", "%20")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        return text
    if text.startswith("//"):
        return f"{base.scheme}:{text}"
    if "\\" in text or any(ord(character) < 0x20 or ord(character) > 0x7E for character in text):
        text = text.encode("utf-8", "surrogateescape").decode("latin-1")
        text = "".join(c if 0x20 < ord(c) < 0x7F and c != "\\" else f"%{ord(c):02X}" for c in text)
    try:
        return base.join(URL(text, encoded=True))
    except ValueError:
        return text


def _wait(answer: Response, method: str, until: float | None) -> float | None:
    """How long to wait before asking once more, None for not at all."""
    if until is None or answer.status not in (429, 503) or method not in ("GET", "HEAD"):
        return None
    wait = retry_after(answer.headers)
    if wait is None or wait > _PATIENCE or asyncio.get_running_loop().time() + wait >= until:
        return None
    return wait


def _failure(host: str, error: Exception) -> FetchFailed:
    """What went wrong, without addresses and without what the library says around it."""
    from aiohttp import ClientConnectorError, ClientHttpProxyError, ClientSSLError

    kind: Kind = "protocol"
    if isinstance(error, ClientSSLError):
        kind, message = "tls", f"The certificate of {host} cannot be verified, or it speaks no TLS."
    elif isinstance(error, ClientHttpProxyError):
        kind, message = "connection", f"The proxy did not let a connection to {host} through (status {error.status})."
    elif isinstance(error, ClientConnectorError | OSError) and not _disconnected(error):
        kind, message = "connection", f"No connection to {host}: {_reason(error)}."
    else:
        message = f"{host} did not answer with HTTP that can be read."
    return FetchFailed(message, kind=kind, host=host)


def _disconnected(error: Exception) -> bool:
    from aiohttp import ServerDisconnectedError

    return isinstance(error, ServerDisconnectedError)


def _reason(error: Exception) -> str:
    import os

    number = getattr(getattr(error, "os_error", error), "errno", None)
    return os.strerror(number).lower() if number and number > 0 else "it failed"


def _proxy_host(proxy: str) -> tuple[str, int] | None:
    if not proxy:
        return None
    from yarl import URL

    from hermes_host.errors import ConfigError

    try:
        url = URL(proxy)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.raw_host or not url.port:
        raise ConfigError("network.proxy is not an address of a proxy.", remedy="Write http://proxy.corp:3128.")
    return url.raw_host, url.port
