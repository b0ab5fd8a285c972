"""Background processes of a session."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Literal

from hermes_host.errors import NotFound, ToolError
from hermes_host.protocols import Command, Exited, Terminal
from hermes_host.terminals.output import KEPT_AT_MOST, PlainText, Tail, create_private

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from hermes_host.terminals.state import Frames, ShellState

__all__ = ["Job", "Jobs"]

_REMEMBERED = 200_000
"""Characters of output in memory."""
_FINISHED = 64
_RUNNING = 64
_INDEX_BYTES = 1 << 16


class Jobs:
    """The background processes of one session: at most 64 running, and the 64 that ended last."""

    def __init__(self, terminal: Terminal, state: ShellState, file_for: Callable[[str], Path]) -> None:
        self._terminal = terminal
        self._state = state
        self._file_for = file_for
        self._jobs: dict[str, Job] = {}

    async def start(self, script: str, *, directory: str = "", pty: bool = False) -> Job:
        """Start a script with a copy of the shell's state; returns once it runs.

        Raises `FileNotFoundError` or `NotADirectoryError` for a directory that is none, `ToolError` when too many run.
        """
        if "\0" in script:
            raise ValueError("A script cannot hold NUL characters.")
        if sum(job.state == "running" for job in self._jobs.values()) >= _RUNNING:
            raise ToolError(f"{_RUNNING} background processes are running.", remedy="Kill one that is not needed.")
        job = Job(f"proc_{token_hex(6)}", script, self._file_for)
        text, frames = self._state.wrap(script, pty=pty, save=False)
        cwd = (
            f"{self._state.directory}/{directory}" if directory and not directory.startswith(("/", "~")) else directory
        )
        await job.begin(self._terminal, text, frames, cwd or self._state.directory, pty)
        self._jobs[job.id] = job
        self._forget_old()
        return job

    def get(self, id: str) -> Job:
        """Raises `NotFound`."""
        try:
            return self._jobs[id]
        except KeyError:
            known = ", ".join(self._jobs) or "none"
            raise NotFound(f"There is no background process {id!r}.", remedy=f"Known are: {known}.") from None

    def list(self) -> Sequence[Job]:
        """All that are known, in the order in which they were started."""
        return tuple(self._jobs.values())

    async def close(self) -> None:
        """Kill all that run."""
        await asyncio.gather(*(job.kill() for job in self._jobs.values()))

    def _forget_old(self) -> None:
        ended = sorted((job for job in self._jobs.values() if job.state != "running"), key=lambda job: job.ended or 0.0)
        for job in ended[: max(0, len(ended) - _FINISHED)]:
            del self._jobs[job.id]
            job.file.unlink(missing_ok=True)


class Job:
    """A background process. Its output is in `file`; the last 200,000 characters are in memory."""

    def __init__(self, id: str, command: str, file_for: Callable[[str], Path]) -> None:
        self.id = id
        self.command = command
        self.state: Literal["running", "exited", "killed"] = "running"
        self.code: int | None = None
        """The exit code; None while it runs, and when it was killed with `kill`."""
        self.started = time.time()
        self.ended: float | None = None
        self.pid: int | None = None
        """On the terminal's machine; None where the shell has not said it yet."""
        self.file = file_for(f"{id}.txt")
        """All output as it came."""
        self._output = _JobOutput(self.file)
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._input_ended = False
        self._task: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finished = asyncio.Event()
        self._read = 0

    async def begin(self, terminal: Terminal, text: str, frames: Frames, cwd: str, pty: bool) -> None:
        """Start it; part of `Jobs.start`."""
        command = Command(script=text, cwd=cwd, stdin=self._follow_input(), pty=pty)
        self._task = asyncio.create_task(self._follow(terminal, command, frames), name=f"job {self.id}")
        try:
            await asyncio.shield(self._begun)
        except BaseException:
            await self.kill()
            raise

    async def _follow(self, terminal: Terminal, command: Command, frames: Frames) -> None:
        framed_stream = 1 if command.pty else 2
        self._output.normalise_line_ends = command.pty
        try:
            async with aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Exited):
                        self.code = event.code
                        self.state = "exited"
                        break
                    data = frames.feed(event.data) if event.stream == framed_stream else event.data
                    self._output.add(data)
                    self._note_pid(frames)
                self._output.add(frames.finish())
        except OSError as error:
            if self._begun.done():
                self._output.add(f"\n[the terminal failed: {error}]\n".encode())
                self.state = "killed"
            else:
                self._begun.set_exception(error)
        finally:
            if self.state == "running":
                self.state = "killed"
            self.ended = time.time()
            self._output.close()
            if not self._begun.done():
                self._begun.set_result(None)
            self._finished.set()

    def _note_pid(self, frames: Frames) -> None:
        if self.pid is None and frames.blocks:
            kind, _, number = frames.blocks.pop(0).partition(b"\0")
            if kind == b"pid" and number.isdigit():
                self.pid = int(number)
                self._begun.set_result(None)

    async def _follow_input(self) -> AsyncIterator[bytes]:
        while (data := await self._input.get()) is not None:
            yield data

    def poll(self) -> str:
        """The output since the last call, without terminal control sequences."""
        return self._output.poll()

    def log(self, offset: int = 0, limit: int = 200) -> Sequence[str]:
        """Lines `offset` to `offset + limit` of all output, from 0; a negative offset counts from the end."""
        return self._output.lines(offset, limit)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end at most `timeout` seconds; whether it has ended."""
        try:
            async with asyncio.timeout(timeout):
                await self._finished.wait()
        except TimeoutError:
            return False
        return True

    async def write(self, data: bytes, eof: bool = False) -> None:
        """Write to its standard input, and close that with `eof`. Raises `ToolError` when it is closed or it ended."""
        if self.state != "running":
            raise ToolError(f"The background process {self.id!r} has ended.", remedy="Start it again.")
        if self._input_ended:
            raise ToolError(f"The standard input of {self.id!r} is closed.", remedy="Start it again.")
        if data:
            self._input.put_nowait(data)
        if eof:
            self._input_ended = True
            self._input.put_nowait(None)

    async def kill(self) -> None:
        """Kill it and everything it started, and wait until that is done. Nothing happens when it has ended."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        elif self._task is not None and self._task.cancelled():
            pass


class _JobOutput:
    """A job's output: all of it in a file, its end in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._plain = PlainText()
        self._tail = Tail(_REMEMBERED)
        self._length = 0
        self._polled = 0
        self._bytes = 0
        self._newlines = 0
        self._index: list[tuple[int, int]] = [(0, 0)]
        self._problem = ""
        self.normalise_line_ends = False

    def add(self, data: bytes) -> None:
        if not data:
            return
        self._show(self._plain.feed(data))
        self._store(data)

    def _show(self, text: str) -> None:
        if self.normalise_line_ends:
            text = text.replace("\r\n", "\n")
        self._tail.add(text)
        self._length += len(text)

    def _store(self, data: bytes) -> None:
        if self._problem:
            return
        try:
            if self._file is None:
                self._file = create_private(self._path)
            if self._bytes + len(data) > KEPT_AT_MOST:
                self._problem = "full"
                data = data[: KEPT_AT_MOST - self._bytes]
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._problem = error.strerror or str(error)
            return
        if self._bytes - self._index[-1][1] >= _INDEX_BYTES:
            self._index.append((self._newlines, self._bytes))
        self._bytes += len(data)
        self._newlines += data.count(b"\n")

    def close(self) -> None:
        self._show(self._plain.feed(b"", final=True))
        if self._file is not None:
            self._file.close()
            self._file = None

    def poll(self) -> str:
        new = self._length - self._polled
        self._polled = self._length
        text = self._tail.text()
        if new <= len(text):
            return text[len(text) - new :]
        return f"[… {new - len(text):,} characters left out; all output is in {self._path} …]\n{text}"

    def lines(self, offset: int, limit: int) -> list[str]:
        if self._bytes == 0:
            return []
        if offset < 0:
            offset = max(0, self._newlines + 1 + offset)
        line, position = max(entry for entry in self._index if entry[0] <= offset)
        found: list[str] = []
        plain = PlainText()
        with self._path.open("rb") as file:
            file.seek(position)
            if position:
                # The index points into a line, which the next one follows.
                file.readline()
                line += 1
            for raw in file:
                if line >= offset + limit:
                    break
                if line >= offset:
                    found.append(plain.feed(raw, final=True).rstrip("\r\n"))
                line += 1
        return found
