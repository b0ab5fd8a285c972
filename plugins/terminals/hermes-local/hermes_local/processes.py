"""A running command: speaks with its keeper and turns pipes into events, with no thread and no poll."""

from __future__ import annotations

import asyncio
import errno
import marshal
import os
import struct
from collections import deque
from typing import TYPE_CHECKING

from hermes_host.protocols import Exited, Output

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hermes_local.plumbing import Plumbing

__all__ = ["Process", "writable"]

_CHUNK = 1 << 16
_HELD_AT_MOST = 1 << 20
"""Bytes waiting for the reader of the events. Beyond it the pipes are left full, and the command waits."""
_DRAIN_SECONDS = 0.02
"""How long output of children may come after the command itself has ended (`> >(tee log)`)."""
_GONE_SECONDS = 3.0
"""How long to wait for a killed tree. Only a process of another user (setuid) takes longer."""


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def writable(descriptor: int) -> None:
    """Wait until `descriptor` takes more."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(descriptor, _set, ready)
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)


class Process:
    """A running command: its events, and what is left of it afterwards."""

    def __init__(self, loop: asyncio.AbstractEventLoop, control: socket.socket, plumbing: Plumbing) -> None:
        self._loop = loop
        self._control = control
        self._plumbing = plumbing
        self._open = plumbing.outputs
        self._reading: set[int] = set()
        self._queue: deque[Output] = deque()
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._said = b""
        self._failure: BaseException | None = None
        self._cwd = ""
        self._started = False
        self._code: int | None = None
        self._complete = False
        self._killed = False
        self._timed_out = False
        self._discarding = False
        self._feeding: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when nothing of the command is left, background children included."""

    async def begin(self, cwd: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Hand the request over and wait until the program runs, or raise why it does not."""
        self._cwd = cwd
        environment = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
        data = marshal.dumps((os.fsencode(cwd), [os.fsencode(word) for word in argv], environment, self._plumbing.pty))
        data = struct.pack(">I", len(data)) + data
        self._loop.add_reader(self._control.fileno(), self._hear)
        try:
            sent = self._control.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            await self._loop.sock_sendall(self._control, data[sent:])
        for descriptor in self._open:
            self._read_from(descriptor)
        while not self._started and self._failure is None:
            await self._wait()
        if self._failure is not None:
            raise self._failure
        if self._plumbing.input >= 0:
            self._feeding = self._loop.create_task(self._feed())
            self._feeding.add_done_callback(self._fed)

    async def events(self, timeout: float | None) -> AsyncIterator[Output | Exited]:
        """The output as it comes, then the end. Leaving early kills the process tree and waits for that."""
        if timeout is not None:
            self._timers.append(self._loop.call_later(timeout, self._expire))
        try:
            while True:
                while self._queue:
                    output = self._queue.popleft()
                    self._held -= len(output.data)
                    yield output
                self._resume()
                if self._failure is not None:
                    raise self._failure
                if self._complete:
                    break
                await self._wait()
            yield Exited(code=124 if self._timed_out else self._code or 0, timed_out=self._timed_out)
        finally:
            for timer in self._timers:
                timer.cancel()
            if not self._complete:
                self.kill()
                await self.wait_until_gone()
            self._let_go()

    # -------------------------------------------------------------------------------------------------- ending

    def kill(self) -> None:
        """Ask every process of the command to end, and kill it shortly afterwards. Returns at once."""
        if self._killed or self.gone.done():
            return
        self._killed = True
        try:
            self._control.send(b"K")
        except OSError:
            pass  # the keeper is gone, and with it the command

    async def wait_until_gone(self) -> None:
        """Wait until nothing is left of a killed command; not longer than a few seconds."""
        await asyncio.wait([self.gone], timeout=_GONE_SECONDS)

    def abandon(self) -> None:
        """Forget a command that did not start."""
        self._finish_control()
        self._let_go()

    def _expire(self) -> None:
        if self._code is None:
            self._timed_out = True
            self.kill()
            self._timers.append(self._loop.call_later(_GONE_SECONDS, self._give_up))

    def _give_up(self) -> None:
        self._complete = True
        self._wake()

    def _let_go(self) -> None:
        """Nobody reads the events any more. Background children may still write: their output goes nowhere."""
        if self._feeding is not None:
            self._feeding.cancel()
        else:
            self._close_input()
        self._queue.clear()
        self._held = 0
        self._discarding = True
        if self.gone.done():
            for descriptor in list(self._open):
                self._close_output(descriptor)
        else:
            self._resume()

    # ------------------------------------------------------------------------------------------------- hearing

    def _hear(self) -> None:
        """Take in what the keeper says."""
        try:
            said = self._control.recv(256)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._finish_control()
            return
        self._said += said
        while len(self._said) >= 5:
            kind, number = self._said[:1], int.from_bytes(self._said[1:5], "big")
            self._said = self._said[5:]
            if kind == b"S":
                self._started = True
            elif kind == b"X":
                self._ended(number)
            else:
                self._failure = OSError(number, os.strerror(number), self._cwd if kind == b"D" else None)
        self._wake()

    def _ended(self, code: int) -> None:
        self._code = code
        self._take_what_is_there()
        if not self._open:
            self._complete = not self._timed_out
        elif not self._timed_out:
            self._timers.append(self._loop.call_later(_DRAIN_SECONDS, self._give_up))

    def _finish_control(self) -> None:
        if self.gone.done():
            return
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        self.gone.set_result(None)
        if not self._started and self._failure is None:
            self._failure = OSError(errno.ECHILD, "The process that starts commands was killed.")
        if self._code is None:
            self._code = 137  # the keeper was killed
        self._take_what_is_there()
        for descriptor in list(self._open):
            if self._discarding:
                self._close_output(descriptor)
        self._complete = True
        self._wake()

    # ------------------------------------------------------------------------------------------------- reading

    def _read_from(self, descriptor: int) -> None:
        self._reading.add(descriptor)
        self._loop.add_reader(descriptor, self._readable, descriptor)

    def _readable(self, descriptor: int) -> None:
        if self._receive(descriptor) and self._held >= _HELD_AT_MOST:
            for each in list(self._reading):
                self._loop.remove_reader(each)
            self._reading.clear()
        self._wake()

    def _receive(self, descriptor: int) -> bool:
        """Read once; false when there is nothing (now, or ever again)."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a pseudo-terminal that nobody has open
                raise
            data = b""
        if not data:
            self._close_output(descriptor)
            if not self._open and self._code is not None and not self._timed_out:
                self._complete = True
            return False
        if not self._discarding:
            self._queue.append(Output(data, self._open[descriptor]))
            self._held += len(data)
        return True

    def _take_what_is_there(self) -> None:
        """What the command wrote before its end lies in the pipes: at most what they hold, so this comes to an end."""
        for descriptor in list(self._open):
            taken = 0
            while taken < _HELD_AT_MOST and descriptor in self._open and self._receive(descriptor):
                taken += _CHUNK

    def _resume(self) -> None:
        if self._held < _HELD_AT_MOST // 2 and len(self._reading) < len(self._open):
            for descriptor in self._open:
                if descriptor not in self._reading:
                    self._read_from(descriptor)

    def _close_output(self, descriptor: int) -> None:
        if descriptor in self._reading:
            self._reading.discard(descriptor)
            self._loop.remove_reader(descriptor)
        del self._open[descriptor]
        os.close(descriptor)

    def _wake(self) -> None:
        if self._waiter is not None:
            _set(self._waiter)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # ------------------------------------------------------------------------------------------------- feeding

    async def _feed(self) -> None:
        """Write standard input where it is a pipe or a terminal."""
        stdin = self._plumbing.stdin
        last = b""
        try:
            if isinstance(stdin, bytes):
                last = stdin
                await self._write(stdin)
            else:
                async for data in stdin:
                    last = data or last
                    await self._write(data)
            if self._plumbing.pty:
                # Control-D: once for the text before it where that is no whole line, and once for the end.
                await self._write(b"\x04" if last[-1:] in (b"", b"\n") else b"\x04\x04")
        except (BrokenPipeError, ConnectionResetError):
            pass
        except OSError as error:
            if error.errno != errno.EIO:
                raise

    def _fed(self, feeding: asyncio.Task[None]) -> None:
        # Not in the task itself: one that is cancelled before its first step runs no `finally`.
        self._close_input()
        if not feeding.cancelled():
            self._failure = feeding.exception()
            self._wake()

    def _close_input(self) -> None:
        if self._plumbing.input >= 0:
            os.close(self._plumbing.input)
            self._plumbing.input = -1

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._plumbing.input, view) :]
            except BlockingIOError:
                await writable(self._plumbing.input)
