"""A terminal whose commands run in a sandbox, and whose files are judged by the same policy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermes_host.protocols import Exited, Output
from hermes_local import files
from hermes_local.backend import LocalTerminal
from hermes_local.launcher import Launcher
from hermes_local.sandbox import Sandbox, make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.protocols import Command, FileInfo
    from hermes_local.backend import LocalBackend
    from hermes_local.policy import Policy
    from hermes_local.processes import Process
    from hermes_local.sandbox import Level
    from hermes_local.settings import Settings

__all__ = ["ConfinedTerminal"]


class ConfinedTerminal(LocalTerminal):
    """One session's confined view of this machine. Its sandbox is made with the first command or file."""

    def __init__(
        self, backend: LocalBackend, directory: str, level: Level, *, settings: Settings, state: str, key: str
    ) -> None:
        super().__init__(backend, directory)
        self.level = level
        self._settings = settings
        self._state = state
        self._key = key
        self._sandbox: Sandbox | None = None
        self._launcher = Launcher(self._make)

    def _make(self) -> Sandbox:
        """Prepare the sandbox; again, with empty private folders, after the outermost process was killed."""
        self._sandbox = make(
            self._settings,
            self.level.asked,
            self._directory,
            home=self._home,
            state=self._state,
            key=self._key,
            level=self.level,
        )
        return self._sandbox

    @property
    def limited(self) -> bool:
        """Whether the limits hold for all processes of the sandbox together."""
        return self._sandbox is not None and self._sandbox.group is not None

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """As `LocalTerminal.run`. What a command made in a protected place that cannot be guarded is taken away."""
        events = super().run(command)
        try:
            async for event in events:
                if isinstance(event, Exited):
                    for path in self._sandbox.sweep() if self._sandbox is not None else ():
                        note = f"[{path} was removed: git would run what it names.]\n"
                        yield Output(note.encode(), 1 if command.pty else 2)
                yield event
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    async def _launch(self, command: Command, cwd: str) -> Process:
        return await self._backend.launch(command, cwd, self._launcher)

    async def end(self) -> None:
        """Kill everything, and take the sandbox away."""
        try:
            await super().end()
        finally:
            await self._launcher.aclose()

    # --------------------------------------------------------------------------------------------------- files

    async def _policy(self) -> Policy:
        if self._sandbox is None:
            await self._launcher.prepare()
        assert self._sandbox is not None
        return self._sandbox.policy

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved, as commands see it."""
        policy = await self._policy()
        wanted = os.path.join(self._directory, files.expand(path, self._home))
        return policy.seen(files.resolve(policy.place(wanted) if ".." not in wanted.split("/") else wanted))

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        policy = await self._policy()
        wanted = self._absolute(path)
        policy.check_read(wanted)
        return _as_seen(policy, files.stat(policy.place(wanted)))

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file."""
        policy = await self._policy()
        wanted = self._absolute(path)
        policy.check_read(wanted)
        return await files.read(policy.place(wanted), offset, limit)

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically."""
        policy = await self._policy()
        wanted = self._absolute(path)
        policy.check_write(wanted)
        if mode is not None:
            mode &= 0o1777  # no command could set the others either
        written = _as_seen(policy, await files.write(policy.place(wanted), data, mode))
        assert written is not None
        return written

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        policy = await self._policy()
        wanted = self._absolute(path)
        policy.check_write(wanted)
        files.remove(policy.place(wanted))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        policy = await self._policy()
        wanted = self._absolute(path)
        policy.check_read(wanted)
        found = await files.list_directory(policy.place(wanted))
        return [each for info in found if (each := _as_seen(policy, info)) is not None]


def _as_seen(policy: Policy, info: FileInfo | None) -> FileInfo | None:
    if info is None or not policy.private:
        return info
    import msgspec

    return msgspec.structs.replace(info, path=policy.seen(info.path))
