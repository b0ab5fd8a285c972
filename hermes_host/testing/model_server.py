"""A model server on loopback that says exactly what a test wants, byte for byte.

It speaks real HTTP/1.1 over real sockets, knows nothing about any client, and can misbehave as vendors and networks do:
stall, cut the connection, send half a character, an HTML page, or nothing. What it answers comes from a script::

    async with ModelServer([chat("Hello"), failure(429, "slow down", headers={"retry-after": "2"})]) as server:
        ...  # point a client at server.url
        assert server.requests[0].json["model"] == "m"

A step of the script is an `Answer` (bytes and how to send them) or a callable that gets the request and gives one.
Wire formats live in modules beside this one that build answers (`model_server_chat` for chat completions); the server
itself knows none of them.

As a program, for whole-system tests and measurements, it prints its URL as the first line::

    python -m hermes_host.testing.model_server --port 0 --echo
    python -m hermes_host.testing.model_server --script answers.json --loop
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import ssl

__all__ = ["Answer", "ModelServer", "ModelServerStep", "Pause", "Received", "json_answer", "main"]


class Pause(Enum):
    """What may stand between the bytes of an answer."""

    HOLD = "hold"
    """Wait until `ModelServer.release` is called or the client goes away."""
    CUT = "cut"
    """Reset the connection."""
    CLOSE = "close"
    """Close the connection in order, but without the end of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response: each piece of bytes is written by itself, as a chunk of its own where `framing` is `chunked`.

    `framing` is how the body's end is told: by chunks, by its length, or by closing the connection.
    """

    pieces: Sequence[bytes | Pause] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    framing: Literal["chunked", "length", "close"] = "chunked"
    hold_first: bool = False
    """Hold before the status line."""

    def head(self) -> bytes:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}"]
        headers = {"content-type": "application/json", **{name.lower(): text for name, text in self.headers.items()}}
        if self.framing == "chunked":
            headers["transfer-encoding"] = "chunked"
        elif self.framing == "length":
            headers["content-length"] = str(sum(len(piece) for piece in self.pieces if isinstance(piece, bytes)))
        else:
            headers["connection"] = "close"
        lines.extend(f"{name}: {text}" for name, text in headers.items())
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def wire(self) -> list[bytes | Pause]:
        """Everything to be sent, in order."""
        if self.framing != "chunked":
            return [self.head(), *self.pieces]
        framed = [_chunk(piece) if isinstance(piece, bytes) else piece for piece in self.pieces if piece]
        return [self.head(), *framed, b"0\r\n\r\n"]

    def joined(self) -> Answer:
        """The same with all bytes between two pauses in one piece: fast to send, and many events in one read."""
        pieces: list[bytes | Pause] = []
        for piece in self.pieces:
            if isinstance(piece, bytes) and pieces and isinstance(pieces[-1], bytes):
                pieces[-1] += piece
            else:
                pieces.append(piece)
        return Answer(
            pieces=pieces, status=self.status, headers=self.headers, framing=self.framing, hold_first=self.hold_first
        )

    def split(self, size: int) -> Answer:
        """The same bytes in pieces of `size`, across lines and characters."""
        pieces: list[bytes | Pause] = []
        for piece in self.joined().pieces:
            if isinstance(piece, bytes):
                pieces.extend(piece[start : start + size] for start in range(0, len(piece), size))
            else:
                pieces.append(piece)
        return Answer(
            pieces=pieces, status=self.status, headers=self.headers, framing=self.framing, hold_first=self.hold_first
        )


@dataclass(eq=False, kw_only=True)
class Received:
    """A request as it came. `connection` numbers the TCP connections from 1; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client went away before the answer was complete."""

    @cached_property
    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)


ModelServerStep = Answer | Callable[[Received], Answer]


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(pieces=[msgspec.json.encode(value)], status=status, headers=headers or {}, framing="length")


class ModelServer:
    """An HTTP server on 127.0.0.1 that answers POST requests from a script and keeps what it received.

    `script` is a list, used up from the front, or a callable that answers every request. GET requests for a path ending
    in `models` are answered from `models`, other GET requests from `pages` by path. `requests` holds the POST requests,
    `connections` counts the TCP connections, `holding` is set while an answer is held.
    """

    def __init__(
        self,
        script: Iterable[ModelServerStep] | Callable[[Received], Answer] = (),
        *,
        models: Answer | Sequence[str] = ("test-model",),
        pages: Mapping[str, Answer] | None = None,
        port: int = 0,
        prefix: str = "/v1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script: list[ModelServerStep] | None = None if callable(script) else list(script)
        self._answer_all = script if callable(script) else None
        self._models = models if isinstance(models, Answer) else _model_list(models)
        self._pages = dict(pages or {})
        self._port = port
        self._prefix = prefix
        self._tls = tls
        self.requests: list[Received] = []
        self.lookups: list[Received] = []
        """The GET requests."""
        self.connections = 0
        self.holding = asyncio.Event()
        self._release = asyncio.Event()
        self._held = 0
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return self.origin + self._prefix

    async def holds(self, count: int) -> None:
        """Wait until so many answers are held at once."""
        while self._held < count:
            self._news.clear()
            await self._news.wait()

    def release(self) -> None:
        """Let the held answers go on; later holds hold again."""
        self._release.set()
        self._release = asyncio.Event()
        self.holding.clear()

    async def __aenter__(self) -> ModelServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port, limit=1 << 26, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *failure: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve_forever(self) -> None:
        """Serve until cancelled."""
        if self._server is None:
            raise RuntimeError("Enter the server before serving.")
        # Not the server's own serve_forever(): since Python 3.12 it waits, when cancelled, for connections kept alive.
        await asyncio.get_running_loop().create_future()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        connection = self.connections
        # A client that goes away is an event of the test, not a failure of the server.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(connection, reader, writer):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _exchange(self, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await _read_request(connection, reader)
        if received is None:
            return False
        answer = self._choose(received)
        if answer.hold_first and not await self._hold(received, reader):
            return False
        return await self._send(answer, received, reader, writer)

    def _choose(self, received: Received) -> Answer:
        if received.method == "GET":
            self.lookups.append(received)
            page = self._pages.get(received.path)
            if page is not None:
                return page
            return self._models if received.path.endswith("/models") else _NOT_FOUND
        self.requests.append(received)
        if self._answer_all is not None:
            return self._answer_all(received)
        if not self.script:
            return json_answer({"error": {"message": "The model server's script is over."}}, status=400)
        step = self.script.pop(0)
        return step if isinstance(step, Answer) else step(received)

    async def _send(
        self, answer: Answer, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        try:
            for piece in answer.wire():
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                elif piece is Pause.HOLD:
                    if not await self._hold(received, reader):
                        return False
                else:
                    if piece is Pause.CUT:
                        writer.transport.abort()
                    return False
        except ConnectionError:
            received.gone.set()
            raise
        return answer.framing != "close"

    async def _hold(self, received: Received, reader: asyncio.StreamReader) -> bool:
        """Wait for the release; False when the client went away instead."""
        released = asyncio.ensure_future(self._release.wait())
        left = asyncio.ensure_future(reader.read(1))
        self._held += 1
        self.holding.set()
        self._news.set()
        try:
            await asyncio.wait({released, left}, return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                left.exception()
                received.gone.set()
                return False
            return True
        finally:
            self._held -= 1
            for task in (released, left):
                task.cancel()
            await asyncio.gather(released, left, return_exceptions=True)


async def _read_request(connection: int, reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): text.strip() for name, _, text in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method=method, path=path, headers=headers, body=body, connection=connection)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _model_list(names: Sequence[str]) -> Answer:
    return json_answer({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


_NOT_FOUND = json_answer({"error": {"message": "There is nothing here."}}, status=404)

_REASONS = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted, as `python -m hermes_host.testing.model_server --help` says."""
    from hermes_host.testing.model_server_program import run

    run(arguments)


if __name__ == "__main__":
    main()
