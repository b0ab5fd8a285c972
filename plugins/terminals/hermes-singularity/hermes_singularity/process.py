"""A running command: a client of the container's instance here, and what the client's pipes give becomes events."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import termios
import tty
from collections import deque
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import Exited, Output
from hermes_singularity.instances import client_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

__all__ = ["Process"]

_CHUNK = 1 << 16
_HELD_AT_MOST = 1 << 20
"""Bytes waiting for the reader of the events. Beyond it the pipes are left full, and the command waits."""
_WINDOW = (50, 120)
# Opening the terminal as the leader of a new session makes it the controlling one.
_ON_TERMINAL = 'terminal=$1; shift; exec "$@" <"$terminal" >"$terminal" 2>&1'


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Process:
    """A command. `kill` ends what it started inside the container."""

    def __init__(
        self, word: str, kill: Callable[[], Awaitable[None]], stdin: bytes | AsyncIterator[bytes], pty: bool
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._tag = b"\0" + word.encode()
        self._kill = kill
        self._stdin = stdin
        self._pty = pty
        self._outputs: dict[int, int] = {}
        self._reading: set[int] = set()
        self._input = -1
        self._queue: deque[Output] = deque()
        self._held = 0
        self._before = {1: b"", 2: b""}
        self._said = {1: ""} if pty else {1: "", 2: ""}
        self._discarding = False
        self._changed = asyncio.Event()
        self._code: int | None = None
        self._timed_out = False
        self._killing = False
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._client: subprocess.Popen[bytes] | None = None
        self._theirs: list[int] = []

    # ---------------------------------------------------------------------------------------------------- its use

    async def begin(self, argv: Sequence[str], code: bytes, cwd: str, program: str) -> None:
        """Start the client, send the code, and wait until the command runs, or raise why it does not."""
        self._start(argv)
        try:
            with contextlib.suppress(BrokenPipeError):
                await self._write(code)
            while self._code is None and self._said[1] in ("", "ready") and not all(self._said.values()):
                await self._wait()
            if set(self._said.values()) != {"ready"}:
                raise self._refusal(cwd, program)
        except BaseException:
            await self._abandon()
            raise
        if self._stdin or self._pty:
            self._tasks.append(asyncio.create_task(self._feed()))
        elif self._input >= 0:
            self._close_input()

    def _refusal(self, cwd: str, program: str) -> Exception:
        said = self._said[1]
        if said == "PROGRAM":
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
        if said:
            number = getattr(errno, said, errno.EIO)
            return OSError(number, os.strerror(number), cwd)
        noise = b" ".join(self._before.values()).decode("utf-8", "replace").strip()
        return HermesError(
            f"The container ran nothing: {noise[-500:] or f'its command line ended with code {self._code}'}.",
            remedy="The image needs `sh`, `env` and `head`. See `hermes terminal doctor`.",
        )

    def _start(self, argv: Sequence[str]) -> None:
        if self._pty:
            ours, theirs = os.openpty()
            termios.tcsetwinsize(ours, _WINDOW)
            # Raw until the code has been read: a line of a terminal is cut at 4,095 bytes, and some bytes are signals.
            tty.setraw(theirs)
            attributes = termios.tcgetattr(theirs)
            attributes[1] |= termios.OPOST | termios.ONLCR
            termios.tcsetattr(theirs, termios.TCSANOW, attributes)
            given = [subprocess.DEVNULL] * 3
            argv = ["/bin/sh", "-c", _ON_TERMINAL, "sh", os.ttyname(theirs), *argv]
            self._outputs, self._input, close = {ours: 1}, os.dup(ours), [theirs]
        else:
            reading, self._input = os.pipe()
            out, out_given = os.pipe()
            err, err_given = os.pipe()
            self._outputs = {out: 1, err: 2}
            given = close = [reading, out_given, err_given]
        try:
            self._client = subprocess.Popen(
                argv,
                stdin=given[0],
                stdout=given[1],
                stderr=given[2],
                env={**client_environment(os.environ), "TERM": "xterm-256color"},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._theirs = close
            self._close_theirs()
            self._close_input()
            for descriptor in self._outputs:
                os.close(descriptor)
            self._outputs = {}
            raise HermesError(f"{argv[0]!r} cannot be run: {error}", remedy="See `hermes terminal doctor`.") from None
        self._theirs = close
        if not self._pty:  # a terminal is held open until the client has it, or reading it would say it is gone
            self._close_theirs()
        os.set_blocking(self._input, False)
        for descriptor in self._outputs:
            os.set_blocking(descriptor, False)
            self._read_from(descriptor)
        self._pidfd = os.pidfd_open(self._client.pid)
        self._loop.add_reader(self._pidfd, self._ended)

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
                if self._failure is not None:
                    raise self._failure
                if self._code is not None and not self._killing:
                    break
                await self._wait()
            yield Exited(code=124 if self._timed_out else self._code, timed_out=self._timed_out)
        finally:
            if timer is not None:
                timer.cancel()
            if self._code is None or self._killing:
                await self._abandon()
            else:
                self._let_go()

    # -------------------------------------------------------------------------------------------------- ending

    async def _abandon(self) -> None:
        killing = asyncio.ensure_future(self._end())
        try:
            await asyncio.shield(killing)
        finally:
            self._let_go()

    async def _end(self) -> None:
        """Kill what runs inside, then the client here, and wait for that."""
        if self._client is None:
            return
        await self._kill()
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._client.pid, signal.SIGKILL)
        while self._code is None:
            await self._wait()

    def _expire(self) -> None:
        if self._code is None and not self._timed_out:
            self._timed_out = self._killing = True
            self._tasks.append(asyncio.create_task(self._end_in_time()))

    async def _end_in_time(self) -> None:
        await self._end()
        self._killing = False
        self._changed.set()

    def _ended(self) -> None:
        """The client has ended: what the command wrote is in the pipes, so they are read until they are empty."""
        assert self._client is not None
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._client.wait()
        for descriptor in list(self._outputs):
            taken = 0
            while taken < _HELD_AT_MOST and descriptor in self._outputs and self._receive(descriptor):
                taken += _CHUNK
        self._code = code if code >= 0 else 128 - code
        self._close_theirs()
        self._changed.set()

    def _let_go(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._queue.clear()
        self._held = 0
        self._close_input()
        # Children in the background may still write: that belongs to no command any more, and must not end them.
        self._discarding = True
        for descriptor in self._outputs.keys() - self._reading:
            self._read_from(descriptor)
        self._close_theirs()

    def close(self) -> None:
        """Close what is still open, once nothing runs any more."""
        for descriptor in list(self._outputs):
            self._close_output(descriptor)

    @property
    def closed(self) -> bool:
        """Whether nothing is open any more."""
        return not self._outputs

    def _close_theirs(self) -> None:
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = []

    # -------------------------------------------------------------------------------------------------- reading

    def _read_from(self, descriptor: int) -> None:
        self._reading.add(descriptor)
        self._loop.add_reader(descriptor, self._readable, descriptor)

    def _readable(self, descriptor: int) -> None:
        if self._receive(descriptor) and self._held >= _HELD_AT_MOST:
            for each in list(self._reading):
                self._loop.remove_reader(each)
            self._reading.clear()
        self._changed.set()

    def _receive(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a terminal that nobody has open
        if not data:
            self._close_output(descriptor)
            return False
        stream = self._outputs[descriptor]
        if not self._said[stream]:
            data = self._hear(data, stream)
        if data and not self._discarding:
            self._queue.append(Output(data, stream))
            self._held += len(data)
        return True

    def _hear(self, data: bytes, stream: int) -> bytes:
        """Take out what the client says before the command begins; gives what the command wrote after that."""
        before = self._before[stream] = (self._before[stream] + data)[-_CHUNK - 4096 :]
        at = before.find(self._tag)
        end = before.find(b"\0", at + len(self._tag))
        if at < 0 or end < 0:
            return b""
        self._said[stream] = before[at + len(self._tag) : end].decode("ascii", "replace")
        return before[end + 1 :]

    def _resume(self) -> None:
        if self._held < _HELD_AT_MOST // 2 and self._code is None:
            for descriptor in self._outputs.keys() - self._reading:
                self._read_from(descriptor)

    def _close_output(self, descriptor: int) -> None:
        if descriptor in self._reading:
            self._reading.discard(descriptor)
            self._loop.remove_reader(descriptor)
        del self._outputs[descriptor]
        os.close(descriptor)

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # -------------------------------------------------------------------------------------------------- feeding

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
            else:
                self._close_input()
        except OSError:
            pass  # the command has ended without reading all of it
        except Exception as error:  # noqa: BLE001 - of the iterator, which is the caller's: the caller is told
            self._failure = error
            self._changed.set()

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._input < 0:
                raise BrokenPipeError
            try:
                view = view[os.write(self._input, view) :]
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        descriptor = self._input
        self._loop.add_writer(descriptor, _set, ready)
        try:
            await ready
        finally:
            self._loop.remove_writer(descriptor)

    def _close_input(self) -> None:
        if self._input >= 0:
            self._loop.remove_writer(self._input)
            os.close(self._input)
            self._input = -1
