"""The backend `local`: terminals on this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import shutil
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError, Unsupported
from hermes_local import files
from hermes_local.environment import login_environment, scrubbed
from hermes_local.launcher import Launcher
from hermes_local.settings import Settings, TerminalSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import Command, Exited, FileInfo, Output
    from hermes_host.specs import TerminalSpec
    from hermes_local.processes import Process
    from hermes_local.sandbox import Level
    from hermes_local.settings import Mode

__all__ = ["LocalBackend", "LocalTerminal", "connect", "find_shell"]


def connect(context: PluginContext, spec: TerminalSpec) -> LocalBackend:
    """The target of the spec: starts nothing yet."""
    terminal = context.section(TerminalSettings, "terminal")
    return LocalBackend(
        context.section(Settings, "local"),
        passthrough=terminal.env_passthrough,
        sandbox=terminal.sandbox,
        state=str(context.home),
    )


def find_shell(settings: Settings) -> str:
    """The absolute path of the shell for scripts. Raises `ConfigError` when `local.shell` cannot be run."""
    if settings.shell:
        if not os.access(settings.shell, os.X_OK):
            raise ConfigError(
                f"The shell {settings.shell!r} cannot be run.", remedy="Correct `local.shell` in config.yaml."
            )
        return settings.shell
    return shutil.which("bash") or "/bin/sh"


def _reading_a_script(shell: str, script: str) -> tuple[Sequence[str], str]:
    """Arguments for a shell that finds its script at descriptor 3, and the script so that its children do not."""
    if os.path.basename(shell) != "bash":
        return (shell, "/dev/fd/3"), f"exec 3<&-; {script}"
    # Evaluated rather than run as a file: messages would begin with "/dev/fd/3" instead of "bash".
    read = 'IFS= read -rd "" -u 3 __hermes_script; exec 3<&-; eval "unset __hermes_script; $__hermes_script"'
    return (shell, "-c", read, "bash"), script


class LocalBackend:
    """Terminals that run commands on this machine, as this user, confined where `sandbox` says so."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        passthrough: Sequence[str] = (),
        environ: dict[str, str] | None = None,
        sandbox: Mode = "off",
        state: str = "",
        level: Level | None = None,
    ) -> None:
        """`passthrough` names variables of `environ` (by default this process's) that commands may see besides the
        harmless ones, such as `GITHUB_TOKEN`. `state` is the host's home directory, which confined commands do not see.
        `level` is how they are confined; by default as fully as this machine can."""
        self._sandbox: Mode = sandbox
        self._state = state
        self._level = level
        self._settings = settings if settings is not None else Settings()
        self._passthrough = tuple(passthrough)
        self._environ = environ
        self._environment: dict[str, str] | None = None
        self._shell = ""
        self._preparing: asyncio.Lock | None = None
        self._launcher = Launcher()
        self._terminals = 0

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[LocalTerminal]:
        """A terminal that starts in `directory`. `key` makes no difference here: all sessions see one file system.

        Raises `FileNotFoundError` or `NotADirectoryError` for a directory that is none.
        """
        start = _start_directory(directory)
        terminal = LocalTerminal(self, start) if self._sandbox == "off" else await self._confined(key, start)
        self._terminals += 1
        try:
            yield terminal
        finally:
            try:
                await terminal.end()
            finally:
                self._terminals -= 1
                if self._terminals == 0:
                    self._launcher.close()

    async def reap(self) -> Sequence[str]:
        """Nothing is ever left behind: what runs is ended with the process that started it."""
        return ()

    async def _confined(self, key: str, directory: str) -> LocalTerminal:
        from hermes_local.confined import ConfinedTerminal

        level = await self.level()
        return ConfinedTerminal(self, directory, level, settings=self._settings, state=self._state, key=key)

    async def level(self) -> Level:
        """How commands are confined here."""
        if self._level is None:
            from hermes_local.sandbox import level_of

            self._level = await asyncio.to_thread(level_of, self._settings, self._sandbox)
        return self._level

    async def launch(self, command: Command, cwd: str, launcher: Launcher | None = None) -> Process:
        """Start a command in the absolute directory `cwd`, by default unconfined."""
        script = None
        argv: Sequence[str] = command.argv
        if not argv:
            if "\0" in command.script:
                raise ValueError("A script cannot hold NUL characters.")
            if not self._shell:
                self._shell = find_shell(self._settings)
            argv, script = _reading_a_script(self._shell, command.script)
        environment = await self._prepared_environment()
        return await (launcher or self._launcher).start(
            argv, env={**environment, **command.env}, cwd=cwd, stdin=command.stdin, script=script, pty=command.pty
        )

    async def _prepared_environment(self) -> dict[str, str]:
        if self._environment is not None:
            return self._environment
        if self._preparing is None:
            self._preparing = asyncio.Lock()
        async with self._preparing:
            if self._environment is None:
                self._environment = await self._make_environment()
        return self._environment

    async def _make_environment(self) -> dict[str, str]:
        environ = self._environ if self._environ is not None else dict(os.environ)
        environment = scrubbed(environ, self._passthrough)
        environment.setdefault("HOME", home_directory())
        if self._settings.login_shell:
            shell = environment.get("SHELL") or "/bin/sh"
            try:
                found = await asyncio.to_thread(login_environment, shell, environment)
            except (OSError, subprocess.SubprocessError) as error:
                raise ConfigError(
                    f"The login shell {shell!r} gave no environment: {error}",
                    remedy="Mend its start-up files, or set `local.login_shell` to false.",
                ) from error
            # Start-up files are the user's own, so what they export is meant for commands; except what reads like a
            # secret and was not listed.
            environment = {**environment, **scrubbed(found, self._passthrough)}
        return environment


def _start_directory(directory: str) -> str:
    start = os.path.realpath(files.expand(directory or "~", home_directory()))
    if not os.path.isdir(start):
        number = errno.ENOTDIR if os.path.exists(start) else errno.ENOENT
        raise OSError(number, os.strerror(number), start)
    return start


def home_directory() -> str:
    """The user's home directory."""
    return os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir


class LocalTerminal:
    """One session's view of this machine."""

    def __init__(self, backend: LocalBackend, directory: str) -> None:
        self._backend = backend
        self._processes: set[Process] = set()
        self._closed = False
        self._directory = directory
        self._home = home_directory()

    @property
    def directory(self) -> str:
        """The absolute start directory, without links."""
        return self._directory

    @property
    def home(self) -> str:
        """The user's home directory."""
        return self._home

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run a command; see `hermes_host.protocols.Terminal.run`."""
        if self._closed:
            raise RuntimeError("The terminal is closed.")
        cwd = os.path.join(self._directory, files.expand(command.cwd, self._home)) if command.cwd else self._directory
        process = await self._launch(command, cwd)
        self._processes.add(process)
        process.gone.add_done_callback(lambda _: self._processes.discard(process))
        events = process.events(command.timeout)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    async def _launch(self, command: Command, cwd: str) -> Process:
        return await self._backend.launch(command, cwd)

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved."""
        return files.resolve(os.path.join(self._directory, files.expand(path, self._home)))

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        return files.stat(self._absolute(path))

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file."""
        return await files.read(self._absolute(path), offset, limit)

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically."""
        return await files.write(self._absolute(path), data, mode)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        files.remove(self._absolute(path))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        return await files.list_directory(self._absolute(path))

    async def hibernate(self) -> None:
        """Always raises `Unsupported`: there is nothing to put to sleep."""
        raise Unsupported("The terminal backend 'local' cannot hibernate.")

    async def end(self) -> None:
        """Kill everything that was started here and still runs, and wait for it."""
        self._closed = True
        processes = list(self._processes)
        for process in processes:
            process.kill()
        if processes:
            await asyncio.gather(*(process.wait_until_gone() for process in processes))

    def _absolute(self, path: str) -> str:
        return os.path.join(self._directory, path)
