"""Background processes of a session."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from secrets import token_hex
from typing import TYPE_CHECKING, Literal, cast

from hermes_host.errors import NotFound, ToolError
from hermes_host.protocols import Command, DetachingTerminal, Exited, Terminal
from hermes_host.terminals.record import Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from hermes_host.terminals.output import Redacting
    from hermes_host.terminals.remote.jobs import Notes
    from hermes_host.terminals.state import Frames, ShellState

__all__ = ["Job", "Jobs"]

_FINISHED = 64
_RUNNING = 64


class Jobs:
    """The background processes of one session: at most 64 running, and the 64 that ended last.

    With `notes`, and on a terminal that `detaches`, they outlive this process: `find` finds them again, and `close`
    lets them run. Those in a pseudo-terminal always end with the terminal.
    """

    def __init__(
        self,
        terminal: Terminal,
        state: ShellState,
        file_for: Callable[[str], Path],
        environment: Callable[[], Mapping[str, str]] = dict,
        redactor: Callable[[], Redacting | None] = lambda: None,
        notes: Notes | None = None,
    ) -> None:
        self._notes = notes if isinstance(terminal, DetachingTerminal) and terminal.detaches else None
        self._terminal = terminal
        self._redactor = redactor
        self._environment = environment
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
        await self._state.prepare(self._terminal)
        id = f"proc_{token_hex(6)}"
        file = self._file_for(f"{id}.txt")
        text, frames = self._state.wrap(script, pty=pty, save=False)
        cwd = self._state.below(directory)
        if self._notes is not None and not pty:
            from hermes_host.terminals.remote.jobs import DetachedJob

            note = self._notes.new(id, script, frames.word, time.time())
            job: Job = DetachedJob(self._terminal, self._notes, note, file, redactor=self._redactor())
            self._jobs[id] = job
            try:
                await cast("DetachedJob", job).launch(text, cwd, self._environment())
            except BaseException:
                del self._jobs[id]
                raise
        else:
            job = Job(id, script, file, pty=pty, redactor=self._redactor())
            await job.begin(self._terminal, text, frames, cwd, self._environment())
            self._jobs[id] = job
        self._forget_old()
        return job

    async def find(self) -> None:
        """Find the jobs again that an earlier process of this session has started on this terminal."""
        if self._notes is None:
            return
        found = [note for note in self._notes.all() if note.id not in self._jobs]
        if not found:
            return
        from hermes_host.terminals.remote.jobs import DetachedJob

        jobs = [
            DetachedJob(self._terminal, self._notes, note, self._file_for(f"{note.id}.txt"), redactor=self._redactor())
            for note in found
        ]
        self._jobs = {job.id: job for job in jobs} | self._jobs
        await asyncio.gather(*(job.find() for job in jobs))
        self._forget_old()

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
        """Kill all that run, but for those that outlive this process."""
        await asyncio.gather(*(job.leave() for job in self._jobs.values()))

    def _forget_old(self) -> None:
        ended = sorted((job for job in self._jobs.values() if job.state != "running"), key=lambda job: job.ended or 0.0)
        for job in ended[: max(0, len(ended) - _FINISHED)]:
            del self._jobs[job.id]
            job.forget()


class Job:
    """A background process. Its output is in `file`; the last 200,000 characters are in memory."""

    def __init__(self, id: str, command: str, file: Path, *, pty: bool, redactor: Redacting | None = None) -> None:
        self.id = id
        self.command = command
        self.state: Literal["running", "exited", "killed", "lost"] = "running"
        """`lost`: it does not run any more, or cannot be reached, and nobody knows how it ended."""
        self.code: int | None = None
        """The exit code; None while it runs, and when it was killed with `kill` or lost."""
        self.started = time.time()
        self.ended: float | None = None
        self.pid: int | None = None
        """On the terminal's machine; None where the shell has not said it."""
        self.file = file
        """All output as it came, up to 1 GiB; there once there is output."""
        self._pty = pty
        self._record = Record(file, carriage_returns=not pty, redactor=redactor)
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._input_ended = False
        self._task: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finished = asyncio.Event()

    async def begin(
        self, terminal: Terminal, text: str, frames: Frames, cwd: str, environment: Mapping[str, str]
    ) -> None:
        """Start it; part of `Jobs.start`."""
        command = Command(script=text, cwd=cwd, env=environment, stdin=self._follow_input(), pty=self._pty)
        self._task = asyncio.create_task(self._follow(terminal, command, frames), name=f"job {self.id}")
        try:
            await asyncio.shield(self._begun)
        except asyncio.CancelledError:
            await self.kill()
            raise

    async def _follow(self, terminal: Terminal, command: Command, frames: Frames) -> None:
        try:
            async with aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Exited):
                        self.code = event.code
                        self.state = "exited"
                        break
                    framed = event.stream == (1 if command.pty else 2)
                    self._record.add(frames.feed(event.data) if framed else event.data)
                    self._note_pid(frames)
            self._record.add(frames.finish())
        except Exception as error:  # noqa: BLE001, a backend may raise anything, and whoever started it is to know
            if not self._begun.done():
                self._begun.set_exception(error)
            self._record.add(f"\n[The terminal failed: {error}]\n".encode())
        finally:
            if self.state == "running":
                self.state = "killed"
            self.ended = time.time()
            self._record.close()
            self._set_finished()

    def _set_finished(self, *, only_begun: bool = False) -> None:
        if not self._begun.done():
            self._begun.set_result(None)
        if not only_begun:
            self._finished.set()

    def _note_pid(self, frames: Frames) -> None:
        if frames.blocks and not self._begun.done():
            kind, _, number = frames.blocks.pop(0).partition(b"\0")
            if kind == b"pid" and number.isdigit():
                self.pid = int(number)
                self._begun.set_result(None)

    async def _follow_input(self) -> AsyncIterator[bytes]:
        while (data := await self._input.get()) is not None:
            yield data

    def poll(self) -> str:
        """The output since the last call, without terminal control sequences."""
        return self._record.poll()

    def log(self, offset: int = 0, limit: int = 200) -> Sequence[str]:
        """Lines `offset` to `offset + limit` of all output, from 0; a negative offset counts from the end."""
        return self._record.lines(offset, limit)

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
        self._expect_input()
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

    def _expect_input(self) -> None:
        if self.state != "running":
            raise ToolError(f"The background process {self.id!r} has ended.", remedy="Start it again.")
        if self._input_ended:
            raise ToolError(f"The standard input of {self.id!r} is closed.", remedy="Start it again.")

    async def leave(self) -> None:
        """What becomes of it when its shell is closed: it is killed, unless it outlives this process."""
        await self.kill()

    def forget(self) -> None:
        """Remove what is kept of it."""
        self.file.unlink(missing_ok=True)
