"""A running command: what the other machine sends becomes events."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncssh

from hermes_host.errors import HermesError
from hermes_host.protocols import Exited, Output
from hermes_ssh.failures import CommandLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hermes_ssh.links import Link

__all__ = ["TERMINAL", "Process"]

_HELD_AT_MOST = 1 << 20
"""Bytes waiting for the reader of the events. Beyond it the channel's window is left to run full."""
_CHUNK = 1 << 16
_DRAIN_SECONDS = 0.3
"""How long to wait for output when the server has told the end and the wrapper has not: somebody killed it."""
_CLOSE_SECONDS = 1.0
"""How long to wait for the last output of what was killed."""

# Raw, until the code has been read: a line of a terminal is cut at 4,095 bytes, and some bytes are signals.
_RAW = {
    mode: 0
    for mode in (asyncssh.PTY_ECHO, asyncssh.PTY_ICANON, asyncssh.PTY_ISIG, asyncssh.PTY_ICRNL, asyncssh.PTY_IXON)
} | {asyncssh.PTY_IEXTEN: 0}
TERMINAL: dict[str, Any] = {
    "request_pty": "force",
    "term_type": "xterm-256color",
    "term_size": (120, 50),
    "term_modes": _RAW,
}
"""Options of a session with a pseudo-terminal."""


class Stream:
    """One stream of a command: takes out what the wrapper says, and what comes before it and after it."""

    def __init__(self, word: str) -> None:
        self._tag = b"\0" + word.encode()
        self._buffer = b""
        self.noise = b""
        self.began = False
        self.failure = ""
        self.code: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Take in more; gives the part that the command wrote."""
        if self.began and self.code is None and not self._buffer and b"\0" not in data:
            return data
        self._buffer += data
        passed = []
        while self.code is None and not self.failure:
            at = self._buffer.find(self._tag)
            end = self._buffer.find(b"\0", at + len(self._tag)) if at >= 0 else -1
            cut = at if at >= 0 else self._possible_tag()
            passed.append(self._take(cut))
            if end < 0:
                break
            length = end - at
            said, self._buffer = self._buffer[len(self._tag) : length], self._buffer[length + 1 :]
            self._hear(said.decode("ascii", "replace"))
        return b"".join(passed)

    def _possible_tag(self) -> int:
        """Where the beginning of a tag may have come."""
        at = self._buffer.rfind(b"\0")
        return at if at >= 0 and self._tag.startswith(self._buffer[at:]) else len(self._buffer)

    def _take(self, cut: int) -> bytes:
        taken, self._buffer = self._buffer[:cut], self._buffer[cut:]
        if self.began:
            return taken
        self.noise = (self.noise + taken)[-4096:]
        return b""

    def _hear(self, said: str) -> None:
        kind, _, value = said.partition(" ")
        if kind == "ready":
            self.began = True
        elif kind == "end" and value.isdigit():
            self.code = int(value)
        elif kind == "fail":
            self.failure = value


class Process(asyncssh.SSHClientSession[bytes]):
    """A command on the other machine."""

    _channel: asyncssh.SSHClientChannel[bytes]

    def __init__(self, link: Link, word: str, mark: str, stdin: bytes | AsyncIterator[bytes], pty: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._mark = mark
        self._stdin = stdin
        self._pty = pty
        self._streams = {1: Stream(word)} if pty else {1: Stream(word), 2: Stream(word)}
        self._queue: deque[Output] = deque()
        self._held = 0
        self._paused = False
        self._discarding = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._changed = asyncio.Event()
        self._exit: int | None = None
        self._complete = False
        self._timed_out = False
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = asyncio.Event()
        """Set when the channel is gone; children in the background can hold it open after the command's end."""

    # ---------------------------------------------------------------------------------------------------- its use

    async def begin(self, code: bytes, cwd: str, program: str) -> None:
        """Send the code and wait until the command runs, or raise why it does not."""
        try:
            await self._write(code)
            while not all(stream.began for stream in self._streams.values()) and not self._complete:
                await self._wait()
                first = self._streams[1]
                if first.failure:
                    raise _refusal(first.failure, cwd, program)
            if self._failure is not None:
                raise self._failure
            if not any(stream.began for stream in self._streams.values()):
                noise = b"".join(stream.noise for stream in self._streams.values()).decode("utf-8", "replace").strip()
                raise HermesError(
                    f"The other machine's shell ended before the command began: {noise[-500:] or 'no reason given'}.",
                    remedy="The account needs a shell that runs commands, and `env`, `sh`, `head`.",
                )
        except BaseException:
            await self._abandon()
            raise
        if self._stdin or self._pty:
            self._tasks.append(asyncio.create_task(self._feed()))

    async def events(self, timeout: float | None) -> AsyncIterator[Output | Exited]:
        """The output as it comes, then the end. Leaving early kills the process tree and waits for that."""
        timer = self._loop.call_later(timeout, self._expire) if timeout is not None else None
        try:
            while True:
                while self._queue:
                    output = self._queue.popleft()
                    self._held -= len(output.data)
                    yield output
                self._resume()
                if self._queue:
                    continue  # what was held back came while reading was resumed
                if self._failure is not None:
                    raise self._failure
                if self._complete:
                    break
                await self._wait()
            yield Exited(code=124 if self._timed_out else self._code(), timed_out=self._timed_out)
        finally:
            if timer is not None:
                timer.cancel()
            if self._complete:
                self._let_go()
            else:
                await self._abandon()

    async def _abandon(self) -> None:
        """Kill it, whatever it is doing."""
        killing = asyncio.ensure_future(self._link.end(self._mark))
        try:
            await asyncio.shield(killing)
        finally:
            self._let_go()
            self.close()

    def close(self) -> None:
        """Close the channel; what still runs there does not end by that."""
        self._channel.close()

    def _let_go(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._queue.clear()
        self._discarding = True
        self._held = 0
        self._resume()
        if not self.closed.is_set() and not self._channel.is_closing():
            self._channel.write_eof()

    def _code(self) -> int:
        code = self._streams[1].code
        return code if code is not None else self._exit if self._exit is not None else 255

    def _expire(self) -> None:
        if not self._complete and not self._timed_out:
            self._timed_out = True
            self._tasks.append(asyncio.create_task(self._kill_in_time()))

    async def _kill_in_time(self) -> None:
        await self._link.end(self._mark)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                while not self.closed.is_set():
                    # Room for the last of its output, so that the end of the channel can come behind it.
                    self._held = 0
                    self._resume()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        self._finish()

    # ------------------------------------------------------------------------------------------ what asyncssh calls

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is open."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Something was written."""
        number = 2 if datatype == asyncssh.EXTENDED_DATA_STDERR and not self._pty else 1
        passed = self._streams[number].feed(data)
        if passed and not self._discarding:
            self._queue.append(Output(passed, number))
            self._held += len(passed)
            if self._held >= _HELD_AT_MOST and not self._paused:
                self._paused = True
                self._channel.pause_reading()
        if not self._timed_out and all(stream.code is not None for stream in self._streams.values()):
            self._finish()
        self._changed.set()

    def exit_status_received(self, status: int) -> None:
        """The wrapper has ended."""
        self._ended(status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """The wrapper was killed."""
        self._ended(128 + _signal_number(signal))

    def _ended(self, code: int) -> None:
        self._exit = code
        if not self._complete:
            self._loop.call_later(_DRAIN_SECONDS, self._drained)

    def _drained(self) -> None:
        # While the reader of the events is behind, the wrapper's word is still on its way.
        if self._paused:
            self._loop.call_later(_DRAIN_SECONDS, self._drained)
        elif not self._timed_out:
            self._finish()

    def eof_received(self) -> bool:
        """Keep our side open: standard input has its own end."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed."""
        self.closed.set()
        self._writable.set()
        self._changed.set()
        if self._complete:
            return
        if (self._exit is None and exc is not None) or (self._exit is None and self._link.lost):
            self._failure = CommandLost(
                f"The SSH connection ended while the command ran{f' ({exc})' if exc else ''}; it was ended there too.",
                remedy="See what it has done before running it again. The next command connects anew.",
            )
        if not self._timed_out or self._failure is not None:
            self._finish()

    def pause_writing(self) -> None:
        """The other side takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more."""
        self._writable.set()

    # ----------------------------------------------------------------------------------------------------- its parts

    def _finish(self) -> None:
        self._complete = True
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _resume(self) -> None:
        if self._paused and self._held < _HELD_AT_MOST // 2:
            self._paused = False
            self._channel.resume_reading()

    async def _feed(self) -> None:
        last = b""
        try:
            if isinstance(self._stdin, bytes):
                last = self._stdin
                await self._write(last)
            else:
                async for data in self._stdin:
                    last = data or last
                    await self._write(data)
            if self._pty:
                # Control-D: once for the text before it where that is no whole line, and once for the end.
                await self._write(b"\x04" if last[-1:] in (b"", b"\n") else b"\x04\x04")
            elif not self._channel.is_closing():
                self._channel.write_eof()
        except (OSError, asyncssh.Error):
            pass  # the command has ended without reading all of it
        except Exception as error:  # noqa: BLE001 - of the iterator, which is the caller's: the caller is told
            self._failure = error
            self._changed.set()

    async def _write(self, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK):
            await self._writable.wait()
            if self._channel.is_closing():
                raise BrokenPipeError
            self._channel.write(data[start : start + _CHUNK])


def _refusal(said: str, cwd: str, program: str) -> OSError:
    if said == "PROGRAM":
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    number = getattr(errno, said, errno.EIO)
    return OSError(number, os.strerror(number), cwd)


def _signal_number(name: str) -> int:
    try:
        return int(signal.Signals[f"SIG{name}"])
    except KeyError:
        return 0  # RFC 4254 names few, and servers leave out the rest
