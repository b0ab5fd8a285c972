"""A shell with memory on top of any terminal: directory, variables, functions, aliases and options stay.

See `hermes_host.terminals.state` for how. Commands of one session run one after the other; what is to run beside them
is a job (`Shell.jobs`), which starts with a copy of the state and gives nothing back.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.protocols import Command, Exited, Terminal
from hermes_host.terminals.jobs import Jobs
from hermes_host.terminals.output import Collector, PlainText
from hermes_host.terminals.state import ShellState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from hermes_host.terminals.output import Redacting
    from hermes_host.terminals.remote.jobs import Notes

__all__ = ["Shell", "ShellResult"]

_REPORT_SECONDS = 0.1
_REPORT_CHARACTERS = 16_384


class ShellResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended."""

    code: int
    """128 + n after signal n, 124 after a time-out, 130 after `Shell.interrupt`."""
    output: str
    """Standard output and standard error in their order, without terminal control sequences; the beginning and the end
    with a note between them where there were more than `limit` characters."""
    total_bytes: int = 0
    whole: str = ""
    """The file with the complete output as it came, where `output` is cut; else empty."""
    timed_out: bool = False
    interrupted: bool = False
    directory: str = ""
    """Where the next command will start."""
    seconds: float = 0.0


class Shell:
    """One session's shell. `keep_in` is a folder for output that is too long; by default a temporary one.

    `environment` gives variables that every command gets, asked anew for each; `redactor` gives what takes secrets out
    of one output before it reaches a file. `backend` is the name under which jobs are written down in `keep_in`, so
    that they are found again where they outlive this process; without one, they end with the shell.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        keep_in: Path | None = None,
        environment: Callable[[], Mapping[str, str]] = dict,
        redactor: Callable[[], Redacting | None] = lambda: None,
        backend: str = "",
    ) -> None:
        self._terminal = terminal
        self._redactor = redactor
        self._environment = environment
        self._state = ShellState(terminal.directory)
        self._one_at_a_time = asyncio.Lock()
        self._running: asyncio.Task[Exited] | None = None
        self._interrupted = False
        self._keep_in = keep_in
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.jobs = Jobs(terminal, self._state, self._file_for, environment, redactor, self._notes(backend))

    @property
    def directory(self) -> str:
        """Where the next command starts."""
        return self._state.directory

    @property
    def terminal(self) -> Terminal:
        """The terminal it runs on."""
        return self._terminal

    async def run(
        self,
        script: str,
        *,
        timeout: float | None = 180,
        directory: str = "",
        stdin: bytes = b"",
        pty: bool = False,
        on_output: Callable[[str], None] | None = None,
        limit: int = 50_000,
        keep: Callable[[], Path] | None = None,
    ) -> ShellResult:
        """Run a script and remember what it changed.

        It starts in `directory` where one is given (absolute, or relative to the shell's), and the shell stays there.
        `timeout` counts from its start, after commands given before it have ended; a command that is cancelled or runs
        out of time is killed with everything it started, and changes nothing in the shell. `on_output` gets the text as
        it comes, some ten times a second at most. Output past `limit` goes to the file `keep` names.

        Raises `FileNotFoundError` or `NotADirectoryError` for a `directory` that is none, `ValueError` for a script
        with NUL characters.
        """
        if "\0" in script:
            raise ValueError("A script cannot hold NUL characters.")
        async with self._one_at_a_time:
            return await self._run(script, timeout, directory, stdin, pty, on_output, limit, keep)

    async def _run(
        self,
        script: str,
        timeout: float | None,
        directory: str,
        stdin: bytes,
        pty: bool,
        on_output: Callable[[str], None] | None,
        limit: int,
        keep: Callable[[], Path] | None,
    ) -> ShellResult:
        started = time.monotonic()
        report = _Report(on_output) if on_output is not None else None
        plain = PlainText(carriage_returns=not pty)
        collector = Collector(limit, keep or self._file_for_output, plain, self._redactor())
        await self._state.prepare(self._terminal)
        text, frames = self._state.wrap(script, pty=pty)
        framed_stream = 1 if pty else 2

        async def follow(cwd: str) -> Exited:
            command = Command(script=text, cwd=cwd, env=self._environment(), stdin=stdin, timeout=timeout, pty=pty)
            async with aclosing(self._terminal.run(command)) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Exited):
                        return event
                    data = frames.feed(event.data) if event.stream == framed_stream else event.data
                    if data:
                        shown = collector.feed(data)
                        if report is not None:
                            report.add(shown)
            return Exited(code=1)

        try:
            exited = await self._follow(follow, directory, collector)
            collector.feed(frames.finish())
            rest = collector.finish()
        finally:
            collector.close()
            if report is not None:
                report.close()
        if report is not None:
            report.add(rest)
            report.flush()
        if exited is not None and not exited.timed_out:
            self._state.absorb(frames.blocks, exited.code)
        return ShellResult(
            code=exited.code if exited is not None else 130,
            output=collector.text(),
            total_bytes=collector.total_bytes,
            whole=collector.whole,
            timed_out=exited is not None and exited.timed_out,
            interrupted=exited is None,
            directory=self.directory,
            seconds=time.monotonic() - started,
        )

    async def _follow(
        self, follow: Callable[[str], Coroutine[Any, Any, Exited]], directory: str, collector: Collector
    ) -> Exited | None:
        """Run to the end, which is given, or until `interrupt`."""
        start = self._terminal.directory
        cwd = self._state.below(directory)
        self._interrupted = False
        while True:
            self._running = asyncio.get_running_loop().create_task(follow(cwd))
            try:
                return await self._running
            except asyncio.CancelledError:
                if not self._interrupted:
                    raise
                return None
            except (FileNotFoundError, NotADirectoryError):
                # The shell's own directory was removed. To stay there would mean that no command could ever run again.
                if directory or cwd == start:
                    raise
                collector.feed(f"[The directory {cwd} does not exist any more. This ran in {start}.]\n".encode())
                cwd = start
            finally:
                self._running = None

    def interrupt(self) -> bool:
        """Kill the command that runs, with everything it started; its `run` returns what there is, with code 130.

        False when none runs.
        """
        if self._running is None or self._running.done():
            return False
        self._interrupted = True
        self._running.cancel()
        return True

    async def close(self) -> None:
        """Kill the jobs that do not outlive this process, and remove what was kept in a temporary folder. The terminal
        stays open."""
        await self.jobs.close()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _notes(self, backend: str) -> Notes | None:
        if not backend or self._keep_in is None:
            return None
        from hermes_host.terminals.remote.jobs import Notes

        return Notes(self._keep_in, backend)

    def _file_for_output(self) -> Path:
        return self._file_for(f"output-{token_hex(6)}.txt")

    def _file_for(self, name: str) -> Path:
        if self._keep_in is not None:
            return self._keep_in / name
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="hermes-")
        return Path(self._temporary.name, name)


class _Report:
    """Calls back with new text: the first at once, then at intervals, and never with more than is worth looking at."""

    def __init__(self, on_output: Callable[[str], None]) -> None:
        self._on_output = on_output
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        if not text:
            return
        self._text = (self._text + text)[-_REPORT_CHARACTERS:]
        if self._timer is None:
            self._report_and_wait()

    def _due(self) -> None:
        self._timer = None
        if self._text:
            self._report_and_wait()

    def _report_and_wait(self) -> None:
        self.flush()
        self._timer = asyncio.get_running_loop().call_later(_REPORT_SECONDS, self._due)

    def flush(self) -> None:
        if self._text:
            text, self._text = self._text, ""
            self._on_output(text)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
