"""The terminals of all sessions of a host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.errors import SessionError
from hermes_host.records import BACKGROUND_SOURCES
from hermes_host.terminals.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hermes_host.context import SessionContext
    from hermes_host.protocols import Terminal, TerminalBackend
    from hermes_host.terminals.output import Redacting

__all__ = ["Terminals"]


class Terminals:
    """Opens a session's terminal on its first use, keeps it until the session is closed, and knows its shell.

    `connect` gives the backend of a name (raising `NotFound`); `results` is the folder for output too long to be shown,
    with a folder for each session in it.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[TerminalBackend]],
        *,
        default: str = "local",
        results: Path | None = None,
        value_of: Callable[[str], str] = lambda name: "",
        redactor: Callable[[], Redacting | None] = lambda: None,
    ) -> None:
        """`value_of` gives the value of a variable that a session's commands may see; empty where it has none.
        `redactor` gives what takes secrets out of one output before it reaches a file."""
        self._connect = connect
        self._default = default
        self._results = results
        self._value_of = value_of
        self._redactor = redactor
        self._open: dict[str, _OpenTerminal] = {}

    def backend(self, session: SessionContext) -> str:
        """The name of the backend the session's terminal is on."""
        return session.terminal or self._default

    async def open(self, session: SessionContext) -> Terminal:
        """The session's terminal. Raises what opening it raises; the next call tries again."""
        return (await self._entry(session)).terminal

    async def shell(self, session: SessionContext) -> Shell:
        """The session's shell, on its terminal."""
        entry = await self._entry(session)
        if entry.shell is None:
            entry.shell = Shell(
                entry.terminal,
                keep_in=self._folder(session),
                environment=lambda: self._passed(session),
                redactor=self._redactor,
                # To a session of these nobody comes back.
                backend="" if session.source in BACKGROUND_SOURCES else entry.backend,
            )
            entry.finding = asyncio.create_task(entry.shell.jobs.find(), name=f"find the jobs of {session.id}")
        if entry.finding is not None:
            await asyncio.shield(entry.finding)
        return entry.shell

    def has_notes(self, session: SessionContext) -> bool:
        """Whether jobs were written down that may have outlived the process that started them; opens no terminal."""
        folder = self._folder(session)
        return folder is not None and any(folder.glob("proc_*.json"))

    def _folder(self, session: SessionContext) -> Path | None:
        return self._results / session.id if self._results is not None else None

    def _passed(self, session: SessionContext) -> dict[str, str]:
        values = {name: self._value_of(name) for name in sorted(session.passed_environment)}
        return {name: value for name, value in values.items() if value}

    async def close(self, session_id: str) -> None:
        """Kill what runs in the session's terminal and leave it. Nothing happens where none is open."""
        entry = self._open.pop(session_id, None)
        if entry is not None:
            await entry.close()

    async def aclose(self) -> None:
        """Close all of them, each even when another fails; then raise the first failure."""
        results = await asyncio.gather(
            *(self.close(session_id) for session_id in list(self._open)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _entry(self, session: SessionContext) -> _OpenTerminal:
        entry = self._open.get(session.id)
        if entry is None:
            entry = self._open[session.id] = _OpenTerminal(self._connect, self.backend(session), session)
        try:
            await entry.wait_until_open()
        except BaseException:
            if entry.failed and self._open.get(session.id) is entry:
                del self._open[session.id]
            raise
        return entry


class _OpenTerminal:
    """A terminal inside its context manager, which one task of its own enters and leaves."""

    terminal: Terminal

    def __init__(
        self, connect: Callable[[str], Awaitable[TerminalBackend]], backend: str, session: SessionContext
    ) -> None:
        self.backend = backend
        self.shell: Shell | None = None
        self.finding: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opened.add_done_callback(lambda opened: opened.exception())  # it may be that nobody waits any more
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(
            self._hold(connect, backend, session.id, session.directory), name=f"terminal {session.id}"
        )

    async def _hold(
        self, connect: Callable[[str], Awaitable[TerminalBackend]], name: str, key: str, directory: str
    ) -> None:
        try:
            backend = await connect(name)
            async with backend.open(key, directory) as terminal:
                self.terminal = terminal
                self._opened.set_result(None)
                await self._leave.wait()
                if self.finding is not None:
                    self.finding.cancel()
                    await asyncio.wait([self.finding])
                if self.shell is not None:
                    await self.shell.close()
        except BaseException as error:
            if self._opened.done():
                raise
            if isinstance(error, asyncio.CancelledError):
                error = SessionError("The session was closed while its terminal was being opened.")
            elif isinstance(error, FileNotFoundError | NotADirectoryError) and error.filename:
                what = "is no directory" if isinstance(error, NotADirectoryError) else "does not exist"
                error = SessionError(
                    f"The commands of this session start in {str(error.filename)!r}, which {what}.",
                    remedy="Make it, or set `terminal.cwd` to a directory that exists.",
                )
            # Told to whoever waits for the terminal.
            self._opened.set_exception(error)

    @property
    def failed(self) -> bool:
        return self._opened.done() and self._opened.exception() is not None

    async def wait_until_open(self) -> None:
        # One caller's cancellation must not take the terminal from the others.
        await asyncio.shield(self._opened)

    async def close(self) -> None:
        self._leave.set()
        if not self._opened.done():
            self._task.cancel()
        await asyncio.shield(self._task)
