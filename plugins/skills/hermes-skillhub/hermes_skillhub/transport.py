"""HTTP for all hubs: guarded addresses, limits on time and size, patience with busy servers, cached answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import NotFound
from hermes_skillhub.errors import AddressRefused, HubUnavailable, TooManyRequests

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from yarl import URL

    from hermes_skillhub.addresses import AddressPolicy
    from hermes_skillhub.cache import Cache

__all__ = ["JSON_LIMIT", "Answer", "Transport"]

JSON_LIMIT = 8 << 20
"""Bytes of a JSON document, unpacked."""
_REDIRECTS = 5
_TRIES = 3
_PATIENCE = 15.0
"""The longest wait, in seconds, that a server may ask for without the user being told instead."""
_MOVED = (301, 302, 303, 307, 308)
_PASSING = (429, 502, 503, 504)


class Answer(msgspec.Struct, frozen=True):
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str
    """Where it came from, after redirects."""

    def json(self) -> Any:
        """The document. Raises `HubUnavailable` when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HubUnavailable(f"{self.url} did not answer with JSON.", status=self.status) from error


class Transport:
    """One per process. A connection is opened when something is first asked for."""

    def __init__(
        self,
        policy: AddressPolicy,
        cache: Cache,
        *,
        timeout: float = 30.0,
        resolve: Callable[[str, int], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        self._policy = policy
        self._cache = cache
        self._timeout = timeout
        self._resolve = resolve
        self._session: ClientSession | None = None

    async def json(
        self, url: str, *, headers: Mapping[str, str] | None = None, cached: bool = False, lifetime: float | None = None
    ) -> Any:
        """A JSON document; with `cached` also one that was asked for within the cache's lifetime, or `lifetime`."""
        key = _key(url, headers)
        if cached and (known := await self._cache.read(key, lifetime)) is not None:
            return json.loads(known)
        answer = await self.get(url, headers=headers, limit=JSON_LIMIT)
        document = answer.json()
        if cached:
            await self._cache.write(key, answer.body)
        return document

    async def remembered(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """What never changes under its name: made once, then kept as long as the cache has room."""
        name = hashlib.sha256(key.encode()).hexdigest()
        known = await self._cache.read(name, math.inf)
        if known is None:
            known = await make()
            await self._cache.write(name, known)
        return known

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = JSON_LIMIT) -> Answer:
        """Bytes. Raises `NotFound` for 404 and 410, `AddressRefused`, `TooManyRequests`, `HubUnavailable`."""
        return await self._patiently("GET", url, headers or {}, None, limit)

    async def send(self, method: str, url: str, document: Any, *, headers: Mapping[str, str] | None = None) -> Any:
        """Send a JSON document once and give the answer's. Errors as for `get`."""
        said = {"Content-Type": "application/json", **(headers or {})}
        answer = await self._once(method, url, said, json.dumps(document).encode(), JSON_LIMIT)
        _judge(answer)
        return answer.json() if answer.body else None

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _patiently(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Answer:
        for attempt in range(1, _TRIES + 1):
            answer = await self._once(method, url, headers, body, limit)
            if answer.status not in _PASSING or attempt == _TRIES:
                break
            wait = _retry_after(answer.headers)
            wait = 0.5 * attempt if wait is None else wait
            if wait > _PATIENCE:
                break
            await asyncio.sleep(wait)
        _judge(answer)
        return answer

    async def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int) -> Answer:
        from aiohttp import ClientError

        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(method, url, headers, body, limit)
        except TimeoutError as error:
            raise HubUnavailable(f"{_host(url)} did not answer within {self._timeout:g} s.") from error
        except (ClientError, OSError) as error:
            raise HubUnavailable(f"{_host(url)} cannot be reached: {_reason(error)}.") from error

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Answer:
        current = _parsed(url)
        said = {"User-Agent": "hermes-skillhub", **headers}
        self._policy.check(current)
        for _ in range(_REDIRECTS + 1):
            async with self._open().request(
                method, current, headers=said, data=body, allow_redirects=False
            ) as response:
                location = response.headers.get("Location", "")
                if response.status not in _MOVED or not location:
                    names = {name.lower(): value for name, value in response.headers.items()}
                    return Answer(response.status, names, await _read(response, limit), str(current))
            if method != "GET":
                raise HubUnavailable(f"{_host(url)} sent a change elsewhere; it was not followed.")
            target = current.join(_parsed(location))
            self._policy.check(target)
            if target.origin() != current.origin():
                # A secret is for the host it was made for.
                said = {name: value for name, value in said.items() if name.lower() != "authorization"}
            current = target
        raise HubUnavailable(f"{_host(url)} redirects without an end.")

    def _open(self) -> ClientSession:
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

            self._session = ClientSession(
                connector=TCPConnector(
                    resolver=self._policy.resolver(self._resolve), use_dns_cache=False, limit_per_host=8
                ),
                # Without this a .netrc or a proxy of the environment would take part.
                trust_env=False,
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=None, sock_connect=self._timeout),
            )
        return self._session


async def _read(response: ClientResponse, limit: int) -> bytes:
    """The body, unpacked, as long as it keeps to `limit`."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(1 << 16):
        size += len(part)
        if size > limit:
            response.close()
            raise HubUnavailable(f"{response.url.host} sent more than {limit:,} bytes.", status=response.status)
        parts.append(part)
    return b"".join(parts)


def _judge(answer: Answer) -> None:
    """Raise for an answer that is not a success."""
    if answer.status < 300:
        return
    host = _host(answer.url)
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == 429 or (answer.status == 403 and (spent or "retry-after" in answer.headers)):
        wait = _retry_after(answer.headers)
        when = f" Try again in {_span(wait)}." if wait is not None else ""
        raise TooManyRequests(f"{host} wants no more requests for now.{when}", retry_after=wait)
    if answer.status in (404, 410):
        raise NotFound(f"{answer.url} does not exist.")
    said = _said(answer.body)
    raise HubUnavailable(f"{host} answered {answer.status}{': ' + said if said else ''}.", status=answer.status)


def _reason(error: BaseException) -> str:
    """Why a connection failed, without what the library says around it."""
    inner = getattr(error, "os_error", error)
    return str(getattr(inner, "strerror", None) or inner or type(error).__name__).rstrip(".")


def _said(body: bytes) -> str:
    """The reason a server gives, in one short line."""
    from hermes_host.visible import one_line

    try:
        message = json.loads(body).get("message", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return one_line(str(message), 160).rstrip(".")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a server wants to be left alone, by any of the headers that say so; at least 0."""
    said = headers.get("retry-after", "")
    if said:
        try:
            seconds = float(said)
            return max(0.0, seconds) if math.isfinite(seconds) else None
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            return None
    try:
        if "ratelimit-reset" in headers:
            return max(0.0, float(headers["ratelimit-reset"]))
        if "x-ratelimit-reset" in headers and headers.get("x-ratelimit-remaining", "0") == "0":
            return max(0.0, float(headers["x-ratelimit-reset"]) - time.time())
    except ValueError:
        pass
    return None


def _span(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} minutes" if seconds > 90 else f"{math.ceil(seconds)} s"


def _parsed(url: str) -> URL:
    from yarl import URL

    if any(ord(character) < 0x21 or ord(character) == 0x7F or character == "\\" for character in url):
        raise AddressRefused("The address holds a blank, a control character or a backslash.")
    try:
        return URL(url)
    except ValueError as error:
        raise AddressRefused(f"{url!r} is not an address.") from error


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rpartition("@")[2]


def _key(url: str, headers: Mapping[str, str] | None) -> str:
    """Where an answer is kept. Answers to different secrets are different, and no secret can be read from it."""
    return hashlib.sha256(json.dumps([url, sorted((headers or {}).items())]).encode()).hexdigest()
