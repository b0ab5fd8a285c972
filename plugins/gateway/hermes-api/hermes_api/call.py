"""One request as the routes see it: who asks, what is asked, and how it is answered."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import msgspec
from aiohttp import web
from hermes_gateway.web import PATH, read_body

from hermes_api.access import SECURITY_HEADERS
from hermes_api.errors import ApiError, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hermes_api.keys import Key
    from hermes_api.settings import ApiSettings

__all__ = ["Call", "ClientGone", "Stream", "json_answer"]

_encode = msgspec.json.Encoder().encode
_DEPTH = 64


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Call:
    """A request with what was found out about it already."""

    def __init__(self, request: web.BaseRequest, key: Key, settings: ApiSettings, headers: Mapping[str, str]) -> None:
        """`headers` go with the answer."""
        self.request = request
        self.key = key
        self.settings = settings
        self.id = f"req_{secrets.token_hex(12)}"
        self.headers = {**SECURITY_HEADERS, "X-Request-Id": self.id, **headers}
        self.path: dict[str, str] = request[PATH]
        self.query = request.rel_url.query
        self.raw = b""
        self.place = b""
        """The path, as it counts for telling requests apart."""
        self.begun: web.StreamResponse | None = None
        """The stream that is under way."""
        self.keeps = False
        """Whether what is sent as a stream is to be kept in `sent`."""
        self.sent: list[bytes] | None = None
        self.failed = False
        """Whether a stream ended with an error."""
        self._body: Any = None

    async def read(self) -> bytes:
        """The body, within the limits of size and time. Raises `ApiError`."""
        limit = self.settings.max_body_bytes
        length = self.request.headers.get("Content-Length", "")
        if length and not length.isdecimal():
            raise refused("Content-Length is no number.", code="invalid_content_length")
        try:
            async with asyncio.timeout(self.settings.body_seconds):
                self.raw = await read_body(self.request, limit)
        except web.HTTPRequestEntityTooLarge:
            raise ApiError(
                413, f"The body is larger than {limit} bytes (api.max_body_bytes).", code="body_too_large"
            ) from None
        except TimeoutError:
            raise ApiError(
                408, f"The body did not arrive within {self.settings.body_seconds:g} s.", code="slow_body"
            ) from None
        except (web.HTTPException, ValueError, ConnectionError, web.PayloadAccessError) as error:
            raise refused(f"The body cannot be read: {error}", code="invalid_body") from error
        return self.raw

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises `ApiError`."""
        if self._body is None:
            try:
                body = msgspec.json.decode(self.raw)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                raise refused(f"The body is no JSON: {error}", code="invalid_json") from error
            if not isinstance(body, dict):
                raise refused("The body must be a JSON object.", code="invalid_json")
            self._body = body
        return cast("dict[str, Any]", self._body)

    def header(self, name: str) -> str:
        """A header of the request, empty where it is not there."""
        return self.request.headers.get(name, "").strip()

    def flag(self, name: str) -> bool:
        """Whether an option is on: as a header `X-Hermes-Name: 1`, or in the query as `hermes_name=1`."""
        value = self.header(f"X-Hermes-{name}") or self.query.get(f"hermes_{name.lower()}", "")
        return value.lower() in ("1", "true", "yes", "on")

    @asynccontextmanager
    async def attended(self) -> AsyncIterator[None]:
        """Do something as long as somebody waits for it: when the client goes away it is cancelled, and `ClientGone`
        raised instead."""
        transport = self.request.transport
        task = asyncio.current_task()
        if transport is None or transport.is_closing() or task is None:
            raise ClientGone
        before = transport.get_protocol()
        watch = _Watch(cast("asyncio.Protocol", before), task)
        transport.set_protocol(watch)
        try:
            yield
        except asyncio.CancelledError:
            if not watch.gone or task.uncancel() > 0:
                raise
            raise ClientGone from None
        except ConnectionError as error:
            raise ClientGone from error
        finally:
            if not watch.gone:
                transport.set_protocol(before)

    @asynccontextmanager
    async def stream(self, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Answer with server-sent events."""
        response = web.StreamResponse(
            headers={
                **self.headers,
                **headers,
                "Content-Type": "text/event-stream; charset=utf-8",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(self.request)
        self.begun = response
        stream = Stream(response, self.request.transport, self.settings.keep_alive_seconds, self.keeps)
        try:
            yield stream
            await response.write_eof()
        finally:
            stream.close()
            self.sent = stream.sent


class _Watch(asyncio.Protocol):
    """The protocol of a connection, with an eye on its end."""

    def __init__(self, inner: asyncio.Protocol, task: asyncio.Task[Any]) -> None:
        self._task = task
        self._inner = inner
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self._inner.connection_lost(error)
        self._task.cancel()


class Stream:
    """Events on their way to a client, with a comment now and then while there are none."""

    def __init__(
        self, response: web.StreamResponse, transport: asyncio.Transport | None, keep_alive: float, keep: bool
    ) -> None:
        self.response = response
        self._transport = transport
        self.sent: list[bytes] | None = [] if keep else None
        self._pause = keep_alive
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._beats: set[asyncio.Task[None]] = set()
        self._timer = self._loop.call_later(keep_alive, self._beat)

    async def send(self, data: bytes) -> None:
        """Send events that are formatted already."""
        self._last = self._loop.time()
        if self.sent is not None:
            self.sent.append(data)
        await self.response.write(data)

    async def data(self, value: Any) -> None:
        """Send `data:` with JSON."""
        await self.send(b"data: " + _encode(value) + b"\n\n")

    async def event(self, name: str, value: Any) -> None:
        """Send an event with a name."""
        await self.send(b"event: " + name.encode() + b"\ndata: " + _encode(value) + b"\n\n")

    def close(self) -> None:
        """No more comments."""
        self._timer.cancel()
        for task in self._beats:
            task.cancel()

    def _beat(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= self._pause and self._beats:
            # Not even the last comment could be sent: whoever does not read is not waited for.
            if self._transport is not None:
                self._transport.abort()
            return
        if silent >= self._pause:
            self._last = self._loop.time()
            silent = 0.0
            task = self._loop.create_task(self._comment())
            self._beats.add(task)
            task.add_done_callback(self._beats.discard)
        self._timer = self._loop.call_later(self._pause - silent, self._beat)

    async def _comment(self) -> None:
        try:
            await self.response.write(b": keep-alive\n\n")
        except (ConnectionError, RuntimeError):
            pass  # the client is gone, which whoever watches the connection says


def json_answer(call: Call, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON."""
    return web.Response(
        body=value if isinstance(value, bytes) else _encode(value),
        status=status,
        content_type="application/json",
        headers={**call.headers, **(headers or {})},
    )
