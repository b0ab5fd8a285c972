"""HTTP for all hubs, through the network guard: patience with busy servers, cached answers, errors of hubs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from hermes_network.errors import FetchFailed
from hermes_network.waiting import retry_after

from hermes_host.errors import NotFound
from hermes_skillhub.errors import HubUnavailable, TooManyRequests

if TYPE_CHECKING:
    from hermes_network.client import Client

    from hermes_skillhub.cache import Cache

__all__ = ["JSON_LIMIT", "Answer", "Transport"]

JSON_LIMIT = 8 << 20
"""Bytes of a JSON document, unpacked."""
_TRIES = 3
_PATIENCE = 15.0
"""The longest wait, in seconds, that a server may ask for without the user being told instead."""
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

    def __init__(self, client: Callable[[], Awaitable[Client]], cache: Cache) -> None:
        """`client` gives the guarded client, and is asked at the first request."""
        self._client = client
        self._cache = cache

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

    async def _patiently(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Answer:
        for attempt in range(1, _TRIES + 1):
            answer = await self._once(method, url, headers, body, limit)
            if answer.status not in _PASSING or attempt == _TRIES:
                break
            wait = retry_after(answer.headers)
            wait = 0.5 * attempt if wait is None else wait
            if wait > _PATIENCE:
                break
            await asyncio.sleep(wait)
        _judge(answer)
        return answer

    async def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int) -> Answer:
        client = await self._client()
        try:
            fetched = await client.fetch(
                url,
                method=method,
                headers={"User-Agent": "hermes-skillhub", **headers},
                body=body,
                limit_bytes=limit,
                retry=False,
            )
        except FetchFailed as error:
            raise HubUnavailable(error.message, remedy=error.remedy, status=error.status) from error
        return Answer(fetched.status, fetched.headers, fetched.body, fetched.url)


def _judge(answer: Answer) -> None:
    """Raise for an answer that is not a success."""
    if answer.status < 300:
        return
    host = _host(answer.url)
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == 429 or (answer.status == 403 and (spent or "retry-after" in answer.headers)):
        wait = retry_after(answer.headers)
        when = f" Try again in {_span(wait)}." if wait is not None else ""
        raise TooManyRequests(f"{host} wants no more requests for now.{when}", retry_after=wait)
    if answer.status in (404, 410):
        raise NotFound(f"{answer.url} does not exist.")
    said = _said(answer.body)
    raise HubUnavailable(f"{host} answered {answer.status}{': ' + said if said else ''}.", status=answer.status)


def _said(body: bytes) -> str:
    """The reason a server gives, in one short line."""
    from hermes_host.visible import one_line

    try:
        message = json.loads(body).get("message", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return one_line(str(message), 160).rstrip(".")


def _span(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} minutes" if seconds > 90 else f"{math.ceil(seconds)} s"


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rpartition("@")[2]


def _key(url: str, headers: Mapping[str, str] | None) -> str:
    """Where an answer is kept. Answers to different secrets are different, and no secret can be read from it."""
    return hashlib.sha256(json.dumps([url, sorted((headers or {}).items())]).encode()).hexdigest()
