"""Runs one command over a channel; the other side of `programs`."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import Command, Exited, Output
from hermes_host.terminals.remote.programs import READY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hermes_host.terminals.remote.channel import Channel

__all__ = ["Lost", "Run"]

_log = logging.getLogger(__name__)

_PIECE = 24 * 1024
"""Bytes of standard input in one piece. Two pieces on their way fit into one pipe (64 KiB), so nothing ever blocks."""
_WELCOME = 4
"""Pieces of output (48 KiB each) of one stream that may be on their way."""
_START_SECONDS = 60.0
_DRAIN_SECONDS = 10.0


class Lost(ToolError):
    """The channel ended before the command did."""


class _Ended(msgspec.Struct):
    code: int


class Run:
    """A command that runs. `tag` marks its processes; `kill` kills those."""

    def __init__(self, channel: Channel, command: Command, setup: str, kill: Callable[[], Awaitable[None]]) -> None:
        """`setup` is shell text that exports the environment, enters the directory and sets the arguments."""
        self._channel = channel
        self._command = command
        self._setup = setup
        self._kill = kill
        self._word = f"hermes-{token_hex(8)}"
        self._sending = asyncio.Lock()
        self._taken = asyncio.Semaphore(2)
        self._buffer = b""
        self.ended = False
        """Whether the exit code is known, so that there is nothing to kill."""

    async def events(self) -> AsyncIterator[Output | Exited]:
        """What it writes, then its end. Raises `Lost` when the sandbox is gone, `OSError` when it cannot start."""
        loop = asyncio.get_running_loop()
        command = self._command
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._begin()
        except TimeoutError:
            raise Lost(f"The sandbox's shell gave no sign for {_START_SECONDS:g} s.") from None
        deadline = None if command.timeout is None else loop.time() + command.timeout
        timed_out = False
        feeding: asyncio.Task[None] | None = None
        if not command.pty and command.stdin != b"":
            feeding = asyncio.create_task(self._feed(command.stdin))
        source = self._terminal_items() if command.pty else self._piped_items()
        try:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        item = await anext(source)
                except TimeoutError:
                    if timed_out:
                        break  # killed, and still the channel says nothing
                    timed_out = True
                    await self._kill()
                    deadline = loop.time() + _DRAIN_SECONDS
                    source = self._terminal_items() if command.pty else self._piped_items()
                    continue
                if isinstance(item, _Ended):
                    self.ended = True
                    yield Exited(code=124 if timed_out else item.code, timed_out=timed_out)
                    return
                if isinstance(item, Output):
                    if item.data:
                        yield item
                    if not command.pty:
                        await self._send(f"{item.stream}\n".encode())
                elif command.pty and feeding is None:  # it has begun
                    feeding = asyncio.create_task(self._type(command.stdin))
            self.ended = True
            yield Exited(code=124, timed_out=True)
        finally:
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait([feeding])
                if not feeding.cancelled() and (error := feeding.exception()) is not None:
                    _log.warning("the standard input of a command ended early: %s", error)

    async def leave(self) -> None:
        """Say that nobody listens any more, and close the channel."""
        try:
            async with asyncio.timeout(5):
                await self._send(b"q\n")
        except (OSError, HermesError, TimeoutError):
            pass  # the sandbox is gone, so nobody is left to be told
        await self._channel.close()

    async def _begin(self) -> None:
        while READY not in self._buffer:
            self._buffer = self._buffer[-4096:] + await self._more()
        self._buffer = self._buffer.partition(READY)[2]
        feeds = "no" if self._command.stdin == b"" else "yes"
        setup = self._setup.encode("utf-8", "surrogateescape")
        script = self._command.script.encode("utf-8", "surrogateescape")
        head = [f"{self._word} {feeds}\n".encode()]
        for blob in (setup, script):
            head += [f"{len(blob)}\n".encode(), blob]
        if not self._command.pty:
            head.append(b"1\n2\n" * _WELCOME)
        await self._send(b"".join(head))

    async def _more(self) -> bytes:
        data = await self._channel.receive()
        if not data:
            raise Lost("The connection to the sandbox ended while a command ran.")
        return data

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            await self._channel.send(data)

    async def _feed(self, stdin: bytes | AsyncIterator[bytes]) -> None:
        """Give it standard input, two small pieces ahead of what it takes."""
        try:
            async for data in _pieces(stdin):
                await self._taken.acquire()
                await self._send(b"i %d\n" % len(data) + data)
        except Exception:
            # Whoever gives the input failed: the command must not wait for the rest.
            await self._send(b"e\n")
            raise
        await self._send(b"e\n")

    async def _type(self, stdin: bytes | AsyncIterator[bytes]) -> None:
        last = b"\n"
        async for data in _pieces(stdin):
            await self._send(data)
            last = data[-1:]
        # In the middle of a line the first only ends the piece that is read.
        await self._send(b"\4" if last == b"\n" else b"\4\4")

    # ------------------------------------------------------------------------------------------------ in pipes

    async def _piped_items(self) -> AsyncIterator[Output | _Ended]:
        """Output without the word at its end, then the end once both streams and the exit code have come."""
        streams = self._streams
        while True:
            line = await self._line()
            kind, _, rest = line.partition(b" ")
            if kind in (b"1", b"2"):
                data = streams[int(kind)].feed(base64.b64decode(rest))
                yield Output(data, int(kind))  # may be empty: the piece is answered for all the same
            elif kind == b"a":
                self._taken.release()
            elif kind == b"x":
                self._code = int(rest)
            else:
                self._refuse(kind, rest)
            if self._code is not None and all(stream.ended for stream in streams.values()):
                yield _Ended(self._code)

    _code: int | None = None

    @property
    def _streams(self) -> dict[int, _Stream]:
        if not hasattr(self, "_both"):
            mark = f"\2{self._word}\3".encode()
            self._both = {1: _Stream(mark), 2: _Stream(mark)}
        return self._both

    async def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._buffer += await self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _refuse(self, kind: bytes, rest: bytes) -> None:
        """Raise why it did not start. Nothing is left to kill then."""
        self.ended = True
        if kind == b"f":
            raise ToolError(
                f"Nothing can be run in the sandbox: {rest.decode('utf-8', 'replace')}.",
                remedy="The image must have sh, mktemp, mkfifo, dd and base64 (coreutils or busybox).",
            )
        number = int(rest)
        path = self._command.cwd if kind == b"d" else self._command.argv[0]
        raise OSError(number, os.strerror(number), path)

    # ---------------------------------------------------------------------------------------- in a pseudo-terminal

    async def _terminal_items(self) -> AsyncIterator[Output | _Ended | None]:
        """None when the program begins, then output as it is, then the end."""
        start = f"\2{self._word} ".encode()
        while True:
            at = self._buffer.find(start)
            end = self._buffer.find(b"\3", at) if at >= 0 else -1
            if end >= 0:
                before, message = self._buffer[:at], self._buffer[at + len(start) : end]
                self._buffer = self._buffer[end + 1 :]
                if before and self._begun:
                    yield Output(before, 1)
                kind, _, rest = message.partition(b" ")
                if kind == b"g":
                    self._begun = True
                    yield None
                elif kind == b"x":
                    yield _Ended(int(rest))
                else:
                    self._refuse(kind, rest)
                continue
            if at < 0 and self._begun:
                keep = _overlap(self._buffer, start)
                shown, self._buffer = self._buffer[: len(self._buffer) - keep], self._buffer[len(self._buffer) - keep :]
                if shown:
                    yield Output(shown, 1)
            self._buffer += await self._more()

    _begun = False


class _Stream:
    """Output up to the mark that ends it."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._held = b""
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        if self.ended:
            return b""
        data = self._held + data
        at = data.find(self._mark)
        if at >= 0:
            self.ended, self._held = True, b""
            return data[:at]
        cut = len(data) - _overlap(data, self._mark)
        self._held = data[cut:]
        return data[:cut]


def _overlap(data: bytes, mark: bytes) -> int:
    """How many of the last bytes may be the beginning of `mark`."""
    at = data.rfind(mark[:1], max(0, len(data) - len(mark) + 1))
    while at >= 0:
        if mark.startswith(data[at:]):
            return len(data) - at
        at = data.rfind(mark[:1], max(0, len(data) - len(mark) + 1), at)
    return 0


async def _pieces(stdin: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(stdin, bytes):
        for start in range(0, len(stdin), _PIECE):
            yield stdin[start : start + _PIECE]
        return
    async for data in stdin:
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]
