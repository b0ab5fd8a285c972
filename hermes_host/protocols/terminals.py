"""Places where commands run and files lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

__all__ = ["Command", "DetachingTerminal", "Exited", "FileInfo", "Output", "Terminal", "TerminalBackend"]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to run: `argv`, or `script` for the backend's POSIX shell (bash where it is installed)."""

    argv: tuple[str, ...] = ()
    script: str = ""
    cwd: str = ""
    """Where to run; empty means the backend's start directory."""
    env: Mapping[str, str] = {}
    """Added to the backend's own (scrubbed) environment."""
    stdin: bytes | AsyncIterator[bytes] = b""
    """Given and closed; an iterator is followed until it ends."""
    timeout: float | None = None
    """Seconds; at the end the whole process tree is killed."""
    pty: bool = False
    """Run in a pseudo-terminal: standard output and standard error come as one."""
    detached: bool = False
    """Only for a terminal that `detaches`: what it leaves in the background outlives the terminal and this process."""


class Output(msgspec.Struct, frozen=True, gc=False):
    """Bytes the command wrote, in the order in which they arrived. `stream` is 1 or 2."""

    data: bytes
    stream: int = 1


class Exited(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a command. `code` is 128 + n after signal n, as shells have it, and 124 after a time-out."""

    code: int
    timed_out: bool = False


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A file on a terminal's file system, itself and not what a link points at."""

    path: str
    kind: Literal["file", "directory", "link", "other"]
    size: int = 0
    modified: float = 0.0
    """Seconds since the epoch."""
    mode: int = 0o644
    links: int = 1
    identity: str = ""
    """Equal for two names of one file; empty where the backend cannot tell."""


@runtime_checkable
class Terminal(Protocol):
    """A place with processes and files, opened for one session.

    Paths are absolute or relative to the start directory. `read`, `write`, `remove` and `list` follow no symbolic link
    in any part of the path: they fail with `OSError` (`ELOOP`) instead. Call `resolve` first, judge what it gives, and
    use exactly that; a link swapped in between is then an error, never an escape. Errors of the file system are
    `OSError` subclasses (`FileNotFoundError`, `IsADirectoryError`, `PermissionError` …).
    """

    @property
    def directory(self) -> str:
        """The absolute start directory."""
        ...

    @property
    def home(self) -> str:
        """The absolute home directory on this backend."""
        ...

    def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run it; the last event is the only `Exited`. Closing or cancelling the iterator kills the process tree.

        Raises `FileNotFoundError` or `NotADirectoryError` when the program or `cwd` does not exist.
        """
        ...

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and all links resolved; the last parts need not exist."""
        ...

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself (a final link is not followed), or None where there is none."""
        ...

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file. Refuses FIFOs, devices and directories."""
        ...

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically, making parents; keeps the mode of an existing file.

        Never writes through a link or into another name of the same file (hard link): the name gets a new file.
        """
        ...

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        ...

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, sorted by name."""
        ...

    async def hibernate(self) -> None:
        """Free what costs while idle, keeping the files. Raises `Unsupported` without the feature `hibernate`."""
        ...


@runtime_checkable
class DetachingTerminal(Protocol):
    """What a `Terminal` of a backend with the feature `detached` has besides."""

    @property
    def detaches(self) -> bool:
        """Whether what `detached` commands leave behind runs on until it ends, also after `SIGKILL` to this process,
        and is there when the same key is opened again. It may depend on the settings."""
        ...


@runtime_checkable
class TerminalBackend(Protocol):
    """Makes terminals. `key` names the session; the same key finds the same files again where the backend persists.

    The context manager is entered and left in one and the same task; leaving it leaves no process behind but those of
    detached commands.
    """

    def open(self, key: str, directory: str) -> AbstractAsyncContextManager[Terminal]:
        """A terminal that starts in `directory`, or in the backend's own place when that is empty."""
        ...

    async def reap(self) -> Sequence[str]:
        """End what sessions that are gone have left behind; says what, a line each. With the feature `reap` only."""
        ...
