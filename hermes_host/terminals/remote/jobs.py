"""Background processes that stay on their machine when this process ends, and are found again."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import Command, Exited, Output
from hermes_host.terminals.jobs import Job
from hermes_host.terminals.remote import job_programs as programs
from hermes_host.terminals.remote.backend import replace_file
from hermes_host.terminals.state import Frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from hermes_host.protocols import Terminal
    from hermes_host.terminals.output import Redacting

__all__ = ["DetachedJob", "Note", "Notes"]

_ASK_SECONDS = 60.0
_INPUT_SECONDS = 10.0
_TRIES = 4
"""How often in a row a machine may fail to answer before its jobs count as lost."""


class Note(msgspec.Struct, kw_only=True):
    """What is written down about a job, in a file of its own, before it is started and whenever that changes."""

    id: str
    backend: str
    """The terminal backend it is on."""
    command: str
    folder: str
    """Its directory on that machine."""
    word: str
    """What frames messages in its output."""
    started: float
    pid: int | None = None
    state: Literal["running", "exited", "killed", "lost"] = "running"
    killed: bool = False
    """Somebody wanted it to end."""
    code: int | None = None
    ended: float | None = None
    polled: int = 0
    """Characters of its output that were read."""
    length: int = 0
    """Characters there were when it ended."""


class Notes:
    """The notes of one session's jobs on one backend, in the folder of its outputs."""

    def __init__(self, folder: Path, backend: str) -> None:
        self._folder = folder
        self._backend = backend

    def new(self, id: str, command: str, word: str, started: float) -> Note:
        """A note for a job that is to be started."""
        folder = f"/tmp/hermes-job-{token_hex(8)}"
        return Note(id=id, backend=self._backend, command=command, folder=folder, word=word, started=started)

    def keep(self, note: Note) -> None:
        """Write it down, at once or not at all."""
        private_directory(self._folder)
        replace_file(self._path(note.id), msgspec.json.encode(note))

    def forget(self, id: str) -> None:
        """Remove it."""
        self._path(id).unlink(missing_ok=True)

    def all(self) -> Sequence[Note]:
        """Those of this backend, oldest first. A damaged one is left where it is."""
        found = []
        for path in self._folder.glob("proc_*.json"):
            with suppress(OSError, msgspec.DecodeError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Note))
        return sorted((note for note in found if note.backend == self._backend), key=lambda note: note.started)

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}.json"


class DetachedJob(Job):
    """A job that outlives this process. It is followed by commands of the terminal that may be cut at any moment."""

    def __init__(
        self, terminal: Terminal, notes: Notes, note: Note, file: Path, *, redactor: Redacting | None = None
    ) -> None:
        super().__init__(note.id, note.command, file, pty=False, redactor=redactor)
        self._terminal = terminal
        self._notes = notes
        self._note = note
        self._frames = Frames(note.word)
        self._received = 0
        self.started, self.state, self.code, self.ended = note.started, note.state, note.code, note.ended
        self.pid = note.pid

    # ---------------------------------------------------------------------------------------- beginning and finding

    async def launch(self, text: str, cwd: str, environment: Mapping[str, str]) -> None:
        """Start it. It is written down first: a host that dies in between finds it again."""
        self._notes.keep(self._note)
        command = Command(
            script=programs.start(self._note.folder, self.id, text, self._note.word),
            cwd=cwd,
            env=environment,
            timeout=_ASK_SECONDS,
            detached=True,
        )
        try:
            code, _ = await self._ask(command)
            if code:
                raise ToolError(
                    f"The background process could not be started there (exit code {code}).",
                    remedy="It needs room in /tmp and `mkfifo`, `setsid` or `nohup`, `dd`, `tail`.",
                )
        except OSError:  # the directory: nothing has run
            self._notes.forget(self.id)
            raise
        except BaseException:
            with suppress(HermesError, OSError):
                await asyncio.shield(self._kill_there())
            self._notes.forget(self.id)
            raise
        self._task = asyncio.create_task(self._watch(), name=f"job {self.id}")
        try:
            await asyncio.shield(self._begun)
        except asyncio.CancelledError:
            await self.kill()
            self.forget()
            raise

    async def find(self) -> None:
        """Look what has become of it, after it was read from its note. Never raises."""
        if self.state != "running":
            self._record.load(unread=self._note.length - self._note.polled)
            self._set_finished()
            return
        self._record.skip(self._note.polled)
        caught_up = asyncio.Event()
        self._task = asyncio.create_task(self._watch(caught_up), name=f"job {self.id}")
        waiting = asyncio.create_task(caught_up.wait())
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    # ------------------------------------------------------------------------------------------------- following

    async def _watch(self, caught_up: asyncio.Event | None = None) -> None:
        failures = 0
        known = caught_up is None  # it has just begun
        try:
            while True:
                received = self._received
                try:
                    if not known and await self._look():
                        return
                    known = False
                    if caught_up is not None and not caught_up.is_set():
                        await self._take(programs.read(self._note.folder, self._received))
                        caught_up.set()
                    await self._take(programs.follow(self._note.folder, self._received))
                    failures = 0 if self._received > received else failures
                except (HermesError, OSError, RuntimeError) as error:
                    failures += 1
                    if failures >= _TRIES:
                        self._finish("lost", said=f"Its machine does not answer: {error}", final=False)
                        return
                    await asyncio.sleep(0.2 * 4**failures)  # nothing tells when a machine answers again
        finally:
            if caught_up is not None:
                caught_up.set()
            self._set_finished(only_begun=self.state == "running")

    async def _look(self) -> bool:
        """Whether it has ended; then all there is to know about it is known."""
        _, answer = await self._ask(Command(script=programs.look(self._note.folder), timeout=_ASK_SECONDS))
        kind, *numbers = answer.decode("ascii", "replace").split()[:3] or [""]
        if kind == "running":
            return False
        if kind == "gone":
            self._finish("lost", said="What there was of it on its machine is gone: the machine is another one now.")
        elif kind == "dead" or (kind == "exited" and numbers):
            await self._take(programs.read(self._note.folder, self._received))
            if self._note.killed:
                self._finish("killed")
            elif kind == "dead":
                self._finish("lost", said="It does not run any more and left no exit code: its machine was restarted.")
            else:
                self._finish("exited", code=int(numbers[0]), ended=float(numbers[1]) if numbers[1:] else None)
            with suppress(HermesError, OSError):
                await self._ask(Command(script=programs.remove(self._note.folder), timeout=_ASK_SECONDS))
        else:
            raise ToolError(f"The machine of {self.id} answered {answer[:80]!r} to where it stands.")
        return True

    def _finish(
        self,
        state: Literal["exited", "killed", "lost"],
        *,
        said: str = "",
        code: int | None = None,
        ended: float | None = None,
        final: bool = True,
    ) -> None:
        """Without `final` a later process of the session looks again."""
        self._record.add(self._frames.finish())
        if said:
            self._record.add(f"\n[{said}]\n".encode())
        self._record.close()
        self.state, self.code, self.ended = state, code, ended if ended is not None else time.time()
        note = self._note
        if not final:
            return
        note.state, note.code, note.ended, note.pid = state, code, self.ended, self.pid
        note.polled, note.length = min(self._record.polled, self._record.length), self._record.length
        self._notes.keep(note)

    async def _take(self, script: str) -> None:
        """Take in output that a script writes."""
        async for event in self._events(Command(script=script)):
            if isinstance(event, Output) and event.stream == 1:
                self._received += len(event.data)
                self._record.add(self._frames.feed(event.data))
                self._note_pid(self._frames)

    async def _ask(self, command: Command) -> tuple[int, bytes]:
        answer, code = b"", 1
        async for event in self._events(command):
            if isinstance(event, Exited):
                code = event.code
            elif event.stream == 1:
                answer += event.data
        return code, answer

    async def _events(self, command: Command) -> AsyncIterator[Output | Exited]:
        async with aclosing(self._terminal.run(command)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    # ------------------------------------------------------------------------------------------- what one does with it

    def poll(self) -> str:
        """The output since the last call, also one of a host that has ended since."""
        text = super().poll()
        if self._record.polled != self._note.polled:
            self._note.polled = self._record.polled
            self._notes.keep(self._note)
        return text

    async def write(self, data: bytes, eof: bool = False) -> None:
        """Write to its standard input, and close that with `eof`. Raises `ToolError` where it does not read."""
        self._expect_input()
        if data:
            command = Command(script=programs.write(self._note.folder), stdin=data, timeout=_INPUT_SECONDS)
            code, _ = await self._ask(command)
            if code:
                raise ToolError(
                    f"{self.id} did not take the input within {_INPUT_SECONDS:g} s, or has ended.",
                    remedy="Look what it does with action='poll'.",
                )
        if eof:
            self._input_ended = True
            await self._ask(Command(script=programs.close_input(self._note.folder), timeout=_INPUT_SECONDS))

    async def kill(self) -> None:
        """Kill it and everything it started, and wait until that is done. Nothing happens when it has ended."""
        if self.state != "running":
            return
        self._note.killed = True
        self._notes.keep(self._note)
        await self._kill_there()
        if not await self.wait(_ASK_SECONDS):
            raise ToolError(f"{self.id} could not be killed.", remedy="Try again.")

    async def _kill_there(self) -> None:
        code, _ = await self._ask(Command(script=programs.kill(self._note.folder, self.id), timeout=_ASK_SECONDS))
        if code:
            raise ToolError(f"{self.id} could not be killed.", remedy="Try again.")

    async def leave(self) -> None:
        """Let it run, and follow it no more."""
        if self._task is not None and not self._task.done():
            if self.state == "running":
                self._task.cancel()
            await asyncio.wait([self._task])  # one that has ended is being cleared away
        self._record.close()

    def forget(self) -> None:
        """Remove what is kept here about it."""
        super().forget()
        self._notes.forget(self.id)
