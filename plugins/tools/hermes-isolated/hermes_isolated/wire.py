"""Messages between the host and an isolated plugin's process: JSON-RPC 2.0, one message on a line.

Both ends use `Peer`. The host's end takes nothing for granted: a line that is too long, no JSON, too deeply nested, an
answer to nothing, a second answer, an answer that came too late cost the call they belong to, if any, and are counted.
Only the standard library and msgspec: this is also loaded in the plugin's own environment.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Fault", "Failed", "Lines", "Oversized", "Peer", "PeerClosed"]

_ID = re.compile(rb'"id"\s*:\s*(\d{1,15})\b')
_ENDS = 400
_FORGET = 4096
"""How many given-up requests are remembered, to tell their late answers from inventions."""
_PER_SECOND = (20_000, 128 << 20)
"""Lines and bytes that are taken in a second."""


class Fault(msgspec.Struct, omit_defaults=True):
    """What an error answer says besides its message."""

    kind: str = ""
    remedy: str = ""
    status: int = 0
    retry_after: float | None = None
    limit: int = 0
    partial: bool = False


class _Error(msgspec.Struct, omit_defaults=True):
    code: int = -32000
    message: str = ""
    data: Fault | None = None


class _Message(msgspec.Struct, omit_defaults=True):
    jsonrpc: str = ""
    id: int | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


class Failed(Exception):
    """A request was answered with an error. `contract` when the answer itself broke the rules."""

    def __init__(self, message: str, fault: Fault | None = None, *, contract: bool = False) -> None:
        super().__init__(message)
        self.fault = fault or Fault()
        self.contract = contract


class PeerClosed(Exception):
    """The other end is gone."""


class Oversized:
    """What is left of a line that was too long."""

    def __init__(self, start: bytes, end: bytes, size: int) -> None:
        self.size = size
        found = _ID.search(start) or _ID.search(end)
        self.id = int(found[1]) if found else None


class Lines:
    """Cuts what arrives into lines; of one longer than `limit` only its two ends are kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._start = b""

    def feed(self, chunk: bytes) -> list[bytes | Oversized]:
        """The lines that are whole by now."""
        if not self._size and chunk.count(b"\n") == 1 and chunk.endswith(b"\n") and len(chunk) <= self._limit:
            return [chunk]
        found: list[bytes | Oversized] = []
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._add(piece)
            found.append(self._taken())
        if rest:
            self._add(rest)
        return found

    def _add(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            if not self._start:
                self._start = b"".join(self._parts)[:_ENDS]
            self._parts = [b"".join(self._parts[-2:])[-_ENDS:]]

    def _taken(self) -> bytes | Oversized:
        text = b"".join(self._parts)
        size, start = self._size, self._start
        self._parts, self._size, self._start = [], 0, b""
        return Oversized(start, text[-_ENDS:], size) if start else text


class Peer(asyncio.Protocol):
    """One end of the connection."""

    def __init__(
        self,
        *,
        limit: int,
        heard: Callable[[str, int | None, msgspec.Raw], None],
        objected: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`heard` gets method, id (None for a notification) and parameters of what the other end asks; `objected` is
        told of every breach of the rules."""
        self._lines = Lines(limit)
        self._limit = limit
        self._heard = heard
        self._objected = objected
        self._decoder = msgspec.json.Decoder(_Message)
        self._encoder = msgspec.json.Encoder()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._given_up: dict[int, asyncio.Future[None]] = {}
        self._transport: Any = None
        self._second = 0.0
        self._taken = [0, 0]
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the other end is gone."""

    # ------------------------------------------------------------------------------------------------ sending

    def request(self, method: str, params: Any) -> tuple[int, asyncio.Future[msgspec.Raw]]:
        """Ask; gives the number of the request and what will hold the answer. Raises `PeerClosed`, also later."""
        if self._transport is None or self.closed.done():
            raise PeerClosed
        number = next(self._numbers)
        data = self._encoder.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._transport.write(data + b"\n")
        return number, answer

    def give_up(self, number: int) -> None:
        """Nobody waits for that answer any more. The other end is told, and its late answer is no breach."""
        answer = self._waiting.pop(number, None)
        if answer is not None:
            answer.cancel()
            self._given_up[number] = asyncio.get_running_loop().create_future()
            if len(self._given_up) > _FORGET:
                self._settle(next(iter(self._given_up)))
            self.notify("notifications/cancelled", {"requestId": number})

    def owed(self) -> list[asyncio.Future[None]]:
        """What is to become done for each request that was given up and not answered yet."""
        return list(self._given_up.values())

    def is_owed(self, number: int) -> bool:
        """Whether that request was given up and not answered yet."""
        return number in self._given_up

    def _settle(self, number: int) -> None:
        settled = self._given_up.pop(number)
        if not settled.done():
            settled.set_result(None)

    def notify(self, method: str, params: Any) -> None:
        """Say something that needs no answer."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, number: int, result: Any) -> None:
        """Answer a request of the other end."""
        self._send({"jsonrpc": "2.0", "id": number, "result": result})

    def refuse(self, number: int, message: str, fault: Fault | None = None) -> None:
        """Answer a request of the other end with an error."""
        self._send({"jsonrpc": "2.0", "id": number, "error": _Error(message=message, data=fault)})

    def _send(self, message: dict[str, Any]) -> None:
        if self._transport is not None and not self.closed.done():
            self._transport.write(self._encoder.encode(message) + b"\n")

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    # ---------------------------------------------------------------------------------------------- receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self.closed.done():
            self.closed.set_result(None)
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(PeerClosed())
        for number in list(self._given_up):
            self._settle(number)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        lines = self._lines.feed(data)
        for line in lines:
            self._receive(line)
        self._slow_down(len(lines), len(data))

    def _slow_down(self, lines: int, size: int) -> None:
        """Let a flood wait in the pipe: whoever writes it must not take this process's time."""
        now = time.monotonic()
        if now - self._second >= 1.0:
            self._second, self._taken = now, [0, 0]
        self._taken = [self._taken[0] + lines, self._taken[1] + size]
        if any(taken > most for taken, most in zip(self._taken, _PER_SECOND, strict=True)):
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(self._second + 1.0 - now, self._go_on)

    def _go_on(self) -> None:
        if not self.closed.done():
            self._transport.resume_reading()

    def _receive(self, line: bytes | Oversized) -> None:
        if isinstance(line, Oversized):
            self._breach(
                line.id, f"a message of {line.size} bytes; at most {self._limit} are taken", line.id is not None
            )
            return
        if not line.strip():
            return
        try:
            message = self._decoder.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            found = _ID.search(line[:_ENDS])
            self._breach(int(found[1]) if found else None, f"a line that is no message ({error})", bool(found))
            return
        if message.method:
            self._heard(message.method, message.id, message.params)
        else:
            self._answered(message)

    def _answered(self, message: _Message) -> None:
        if message.id is None or message.id not in self._waiting:
            if message.id is None or message.id not in self._given_up:
                self._objected(f"an answer to request {message.id}, which is not open")
            else:
                self._settle(message.id)
            return
        answer = self._waiting.pop(message.id)
        if answer.done():
            return
        if message.error is not None:
            answer.set_exception(Failed(message.error.message, message.error.data))
        elif bytes(message.result):
            answer.set_result(message.result.copy())
        else:
            self._objected("an answer with neither result nor error")
            answer.set_exception(Failed("it gave neither a result nor an error", contract=True))

    def _breach(self, number: int | None, text: str, known: bool) -> None:
        self._objected(text)
        answer = self._waiting.pop(number, None) if known and number is not None else None
        if answer is not None and not answer.done():
            answer.set_exception(Failed(f"it sent {text}", contract=True))
