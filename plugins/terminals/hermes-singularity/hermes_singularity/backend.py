"""The backend `singularity`: an instance of the image for each session."""

from __future__ import annotations

import itertools
import os
import posixpath
import re
import secrets
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError, Unsupported
from hermes_host.terminals.remote import limits_of
from hermes_singularity.agent import Agent, Warden
from hermes_singularity.code import READER, command_code
from hermes_singularity.files import Files
from hermes_singularity.instances import Instance, find_program, list_names, ours, stop
from hermes_singularity.process import Process
from hermes_singularity.settings import Settings, TerminalSettings, combined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_host.protocols import Command, Exited, FileInfo, Output
    from hermes_host.specs import TerminalSpec

__all__ = ["SingularityBackend", "SingularityTerminal", "connect"]


def connect(context: PluginContext, spec: TerminalSpec) -> SingularityBackend:
    """The target of the spec: starts nothing yet."""
    settings = combined(context.section(Settings, "singularity"), context.section(TerminalSettings, "terminal"))
    return SingularityBackend(settings, context.state_directory)


class SingularityBackend:
    """Terminals in containers. What sessions change is kept below `folder`."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = combined(settings, TerminalSettings())
        self._folder = folder

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[SingularityTerminal]:
        """A terminal in a container of its own; the same key finds what it changed before.

        The host's `directory` is there in the container, at the same path, unless that is switched off or it does not
        exist; then the start is the home directory. Raises `HermesError` when no container can be started.
        """
        program = find_program(self._settings)
        shared = _shared(directory) if self._settings.bind_directory else ""
        instance = Instance(program, self._settings, self._folder, key)
        started = False
        terminal = None
        try:
            await instance.start(shared)
            started = True
            terminal = SingularityTerminal(instance)
            await terminal.start_in(shared)
            yield terminal
        finally:
            try:
                if terminal is not None:
                    await terminal.leave()
            finally:
                if started:
                    await instance.end()
                else:
                    await self._clear_up(instance)
                if terminal is not None:
                    terminal.close_outputs()

    async def _clear_up(self, instance: Instance) -> None:
        """A start that failed or was given up may have come far enough to leave an instance."""
        try:
            if instance.name in await list_names(instance.program):
                await stop(instance.program, instance.name)
        except HermesError:
            pass  # the failure of the start says more
        finally:
            instance.let_go()

    async def reap(self) -> Sequence[str]:
        """Stop the instances of processes of this plugin that are gone; says which."""
        program = find_program(self._settings)
        done = []
        for name in await list_names(program):
            if ours(name) is False:
                await stop(program, name)
                done.append(f"Stopped the instance {name}: the process it belonged to is gone.")
        return done


def _shared(directory: str) -> str:
    """The directory of this machine that is to be in the container, without links; empty where it is none."""
    found = os.path.realpath(directory) if directory else ""
    return found if os.path.isdir(found) and found != "/" else ""


class SingularityTerminal:
    """One session's container."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._warden = Warden(instance)
        self._agent = Agent(instance)
        self._files = Files(self._agent)
        self._numbers = itertools.count(1)
        self._processes: set[Process] = set()
        self._closed = False
        self._directory = "/"

    async def start_in(self, directory: str) -> None:
        """Start the warden and choose the start directory."""
        await self._warden.start()
        self._shell = self._warden.shell if re.fullmatch(r"[A-Za-z0-9_./+-]+", self._warden.shell) else "sh"
        home = await self._files.resolve(self._warden.home)
        info = await self._files.stat(home)
        usable = info is not None and info.kind == "directory"
        self._directory = directory or (home if usable else "/")

    @property
    def directory(self) -> str:
        """The absolute start directory, without links."""
        return self._directory

    @property
    def home(self) -> str:
        """The home directory in the container."""
        return self._warden.home

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run a command; see `hermes_host.protocols.Terminal.run`."""
        if self._closed:
            raise RuntimeError("The terminal is closed.")
        process = await self._start(command)
        async with aclosing(process.events(command.timeout)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def _start(self, command: Command) -> Process:
        word = f"hermes-{secrets.token_hex(8)}"
        cwd = self._absolute(self._expanded(command.cwd))
        code = command_code(
            word,
            cwd=cwd,
            env=command.env,
            argv=command.argv,
            script=command.script,
            end=not command.stdin,
            pty=command.pty,
        )
        mark = f"{secrets.token_hex(8)}.0.{next(self._numbers):x}."
        number = str(limits_of(mark)[0])
        reader = (self._shell, "-c", READER, posixpath.basename(self._shell), str(len(code)), word, number)
        argv = self._instance.inside(*reader, mark=mark)

        async def kill() -> None:
            await self._warden.end(mark)

        process = Process(word, kill, command.stdin, command.pty)
        self._processes = {each for each in self._processes if not each.closed}
        self._processes.add(process)
        await process.begin(argv, code, cwd, command.argv[0] if command.argv else "")
        return process

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved."""
        return await self._files.resolve(self._absolute(self._expanded(path)))

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        return await self._files.stat(self._absolute(path))

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file."""
        return await self._files.read(self._absolute(path), offset, limit)

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically."""
        return await self._files.write(self._absolute(path), data, mode)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        await self._files.remove(self._absolute(path))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        return await self._files.list_directory(self._absolute(path))

    async def hibernate(self) -> None:
        """Always raises `Unsupported`: an instance cannot be put to sleep."""
        raise Unsupported("The terminal backend 'singularity' cannot hibernate.")

    async def leave(self) -> None:
        """End everything that was started here, and the shells that help; the instance itself ends next."""
        self._closed = True
        await self._warden.end("")
        await self._agent.close()
        await self._warden.close()

    def close_outputs(self) -> None:
        """Let go of what ended commands have left open."""
        for process in self._processes:
            process.close()

    def _expanded(self, path: str) -> str:
        return self.home + path[1:] if path == "~" or path.startswith("~/") else path

    def _absolute(self, path: str) -> str:
        if "\0" in path:
            raise ValueError("A path cannot hold NUL characters.")
        return posixpath.join(self._directory, path) if path else self._directory
