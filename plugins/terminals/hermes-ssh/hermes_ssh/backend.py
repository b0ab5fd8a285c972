"""The backend `ssh`: terminals on another machine. The SSH library is loaded with the first one."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import posixpath
import secrets
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError, Unsupported
from hermes_ssh.settings import Settings, TerminalSettings, combined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import Command, Exited, FileInfo, Output
    from hermes_host.specs import TerminalSpec
    from hermes_ssh.files import Files
    from hermes_ssh.links import Link, Links, Machine
    from hermes_ssh.process import Process

__all__ = ["SshBackend", "SshTerminal", "connect"]


_terminals = itertools.count(1)


def connect(context: PluginContext, spec: TerminalSpec) -> SshBackend:
    """The target of the spec: connects to nothing yet."""
    settings = combined(context.section(Settings, "ssh"), context.section(TerminalSettings, "terminal"))
    return SshBackend(settings, passphrase=lambda: context.secret("SSH_KEY_PASSPHRASE"))


class SshBackend:
    """Terminals on the machine of `settings`, over one connection as long as one of them is open."""

    def __init__(self, settings: Settings, *, passphrase: Callable[[], str] = str) -> None:
        """`passphrase` gives what opens the private key, asked for with each connection."""
        self._settings = settings
        self._passphrase = passphrase
        self._links: Links | None = None
        self._terminals = 0

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[SshTerminal]:
        """A terminal that starts in `directory` where that exists there, else in the one of `ssh.directory`.

        The host names the directory it was started in, which often means nothing on another machine. `key` makes no
        difference: all sessions see one file system. Raises `HermesError` when the machine cannot be reached.
        """
        if not self._settings.host:
            raise ConfigError(
                "No machine is configured for the terminal 'ssh'.", remedy="Set `ssh.host` (and `ssh.user`)."
            )
        if self._links is None:
            links_module = await asyncio.to_thread(_load)
            self._links = self._links or links_module(self._settings, self._passphrase)
        links = self._links
        self._terminals += 1
        terminal = None
        try:
            link = await links.link()
            terminal = SshTerminal(links, link.machine)
            await terminal.start_in(directory, self._settings.directory)
            yield terminal
        finally:
            try:
                if terminal is not None:
                    await terminal.end()
            finally:
                self._terminals -= 1
                if self._terminals == 0:
                    self._links = None
                    await links.close()

    async def reap(self) -> Sequence[str]:
        """Nothing to do: the other machine ends what runs when the connection does."""
        return ()


def _load() -> type[Links]:
    from hermes_ssh import files, process  # noqa: F401 - loaded here, in a thread, rather than with the first command
    from hermes_ssh.links import Links

    return Links


class SshTerminal:
    """One session's view of the other machine."""

    def __init__(self, links: Links, machine: Machine) -> None:
        self._links = links
        self._machine = machine
        self._id = f"{next(_terminals):x}"
        self._numbers = itertools.count(1)
        self._processes: set[Process] = set()
        self._closed = False
        self._directory = machine.directory

    async def start_in(self, directory: str, default: str) -> None:
        """Choose the start directory. Raises `FileNotFoundError` for a configured one that does not exist."""
        for each in (directory, default):
            if each and (found := await self._existing(each)):
                self._directory = found
                return
        if default:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), default)
        self._directory = await self._existing(self.home) or self._machine.directory

    async def _existing(self, directory: str) -> str:
        try:
            resolved = await self.resolve(directory)
            info = await self.stat(resolved)
        except OSError:
            return ""
        return resolved if info is not None and info.kind == "directory" else ""

    @property
    def directory(self) -> str:
        """The absolute start directory, without links."""
        return self._directory

    @property
    def home(self) -> str:
        """The user's home directory there."""
        return self._machine.home

    @property
    def detaches(self) -> bool:
        """Jobs outlive the connection."""
        return True

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run a command; see `hermes_host.protocols.Terminal.run`.

        Raises `CommandLost` when the connection ends while it runs.
        """
        if self._closed:
            raise RuntimeError("The terminal is closed.")
        process = await self._start(command)
        async with aclosing(process.events(command.timeout)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def _start(self, command: Command) -> Process:
        from hermes_ssh import wrapper
        from hermes_ssh.process import TERMINAL, Process

        word = f"hermes-{secrets.token_hex(8)}"
        cwd = self._absolute(self._expanded(command.cwd))
        closed = not command.stdin and not command.pty
        setup = wrapper.setting_up(word, cwd=cwd, env=command.env, pty=command.pty, closed=closed)
        if command.argv:
            code = wrapper.program_code(word, setup, command.argv, command.pty)
        else:
            code = wrapper.script_code(word, setup, command.script, command.pty)
        number = f"{self._id}.{next(self._numbers):x}."

        def line(link: Link) -> str:
            # Without a mark the warden does not find what it leaves behind.
            mark = "" if command.detached else f"{link.id}.{number}"
            return wrapper.bootstrap(link.machine.shell, word, len(code), mark)

        def make(link: Link) -> Process:
            return Process(link, word, f"{link.id}.{number}", command.stdin, command.pty)

        options = TERMINAL if command.pty else {"request_pty": False}
        _, process = await self._links.start(make, line, **options)
        self._processes = {each for each in self._processes if not each.closed.is_set()}
        self._processes.add(process)
        await process.begin(code, cwd, command.argv[0] if command.argv else "")
        return process  # type: ignore[no-any-return]

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved."""
        return await (await self._files()).resolve(self._absolute(self._expanded(path)))

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        return await (await self._files()).stat(self._absolute(path))

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file."""
        return await (await self._files()).read(self._absolute(path), offset, limit)

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically."""
        return await (await self._files()).write(self._absolute(path), data, mode)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        await (await self._files()).remove(self._absolute(path))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        return await (await self._files()).list_directory(self._absolute(path))

    async def hibernate(self) -> None:
        """Always raises `Unsupported`: the machine is not ours to put to sleep."""
        raise Unsupported("The terminal backend 'ssh' cannot hibernate.")

    async def end(self) -> None:
        """Kill everything that was started here and still runs, and wait for it."""
        self._closed = True
        await self._links.end(f"{self._id}.")
        for process in self._processes:
            process.close()

    async def _files(self) -> Files:
        from hermes_ssh.files import Files

        return Files(*await self._links.files())

    def _expanded(self, path: str) -> str:
        return self.home + path[1:] if path == "~" or path.startswith("~/") else path

    def _absolute(self, path: str) -> str:
        if "\0" in path:
            raise ValueError("A path cannot hold NUL characters.")
        return posixpath.join(self._directory, path) if path else self._directory
