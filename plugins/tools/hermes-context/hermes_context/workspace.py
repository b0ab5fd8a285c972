"""The files of a conversation: those its terminal sees, or this machine's where no terminal is installed."""

from __future__ import annotations

import asyncio
import errno
import os
import posixpath
import stat as status
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hermes_host.config.sections import TerminalSection
from hermes_host.protocols import Exited, FileInfo, Output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import SessionContext
    from hermes_host.host import Host
    from hermes_host.protocols import Command

__all__ = ["THIS_MACHINE", "DiskFiles", "Files", "Workspace", "inside", "open_workspace"]

THIS_MACHINE = TerminalSection().backend
"""The name under which this machine's files are known."""


class Files(Protocol):
    """The part of a `Terminal` that is needed here, with the same promises: links are followed by `resolve` alone."""

    @property
    def directory(self) -> str: ...  # noqa: D102 - as in Terminal
    @property
    def home(self) -> str: ...  # noqa: D102
    def run(self, command: Command) -> AsyncIterator[Output | Exited]: ...  # noqa: D102
    async def resolve(self, path: str) -> str: ...  # noqa: D102
    async def stat(self, path: str) -> FileInfo | None: ...  # noqa: D102
    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes: ...  # noqa: D102
    async def list(self, path: str) -> Sequence[FileInfo]: ...  # noqa: D102


@dataclass(frozen=True)
class Workspace:
    """Files, and the name of the place where they lie: a path means something only together with it."""

    files: Files
    place: str = THIS_MACHINE

    def key(self, path: str) -> str:
        """The path with its place, as trust is stored."""
        return f"{self.place}:{path}"


async def open_workspace(host: Host | None, session: SessionContext) -> Workspace:
    """The session's files, through its terminal. Never this machine's in place of a terminal that cannot be opened.

    Raises `HermesError` or `OSError` where the terminal cannot be opened.
    """
    if host is None or not len(host.terminal_backends):
        return Workspace(DiskFiles(session.directory))
    name = host.terminals.backend(session)
    if name == THIS_MACHINE and name not in host.terminal_backends:
        return Workspace(DiskFiles(session.directory))
    return Workspace(await host.terminals.open(session), name)


def inside(path: str, directory: str) -> bool:
    """Whether a resolved path is the resolved directory or lies in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


class DiskFiles:
    """This machine's files, as a terminal without isolation would show them."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.realpath(os.path.expanduser(directory))
        self.home = os.path.realpath(os.path.expanduser("~"))

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run a program with next to no environment; only `argv`, `cwd`, `env` and `timeout` count."""
        environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            cwd=command.cwd or self.directory,
            env={**environment, "HOME": self.home, **command.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(command.timeout):
                while data := await process.stdout.read(65536):
                    yield Output(data, 1)
                code = await process.wait()
        except TimeoutError:
            yield Exited(code=124, timed_out=True)
            return
        finally:
            if process.returncode is None:
                os.killpg(process.pid, 9)
                await asyncio.shield(process.wait())
        yield Exited(code=code if code >= 0 else 128 - code)

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved."""
        return _resolved(self.directory, path)

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        try:
            return _info(posixpath.join(self.directory, path), os.lstat(posixpath.join(self.directory, path)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file that no link leads to."""
        return await asyncio.to_thread(_read, posixpath.join(self.directory, path), offset, limit)

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, sorted by name."""
        return await asyncio.to_thread(_list, posixpath.join(self.directory, path))


def _resolved(directory: str, path: str) -> str:
    return os.path.realpath(posixpath.join(directory, os.path.expanduser(path)))


def _read(path: str, offset: int, limit: int | None) -> bytes:
    # Without O_NONBLOCK, opening a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not status.S_ISREG(found.st_mode):
            number = errno.EISDIR if status.S_ISDIR(found.st_mode) else errno.EINVAL
            raise OSError(number, "Not a regular file", path)
        # A link swapped in for a parent directory since the path was resolved shows here.
        if os.path.realpath(path) != os.path.normpath(path) or not os.path.samestat(found, os.lstat(path)):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        file.seek(offset)
        return file.read() if limit is None else file.read(limit)


def _list(path: str) -> Sequence[FileInfo]:
    with os.scandir(path) as entries:
        found = [_info(entry.path, entry.stat(follow_symlinks=False)) for entry in entries]
    return sorted(found, key=lambda info: info.path)


def _info(path: str, found: os.stat_result) -> FileInfo:
    kinds = {status.S_IFREG: "file", status.S_IFDIR: "directory", status.S_IFLNK: "link"}
    return FileInfo(
        path=path,
        kind=kinds.get(status.S_IFMT(found.st_mode), "other"),  # type: ignore[arg-type]
        size=found.st_size,
        modified=found.st_mtime,
        mode=status.S_IMODE(found.st_mode),
        links=found.st_nlink,
        identity=f"{found.st_dev}:{found.st_ino}",
    )
