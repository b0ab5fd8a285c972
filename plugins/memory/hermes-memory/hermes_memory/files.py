"""Reading, locking and replacing small files so that a process killed at any instant leaves the old one or the new."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from hermes_host.context import private_directory
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LARGEST", "FileProblem", "append", "locked", "read", "replace"]

LARGEST = 1_000_000
"""Bytes of a file that are looked at; a larger one is never written to."""

_LOCK_SECONDS = 20.0
_PREFIX, _SUFFIX = ".mem_", ".tmp"


class FileProblem(HermesError):
    """A file cannot be read, locked or written. Nothing was changed."""


def read(path: Path, limit: int = LARGEST) -> bytes:
    """At most `limit + 1` bytes of a regular file; empty where there is none. Raises `FileProblem`."""
    try:
        # Not to wait for a writer where the name is a pipe.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileProblem(f"{path} is not a regular file.", remedy="Move it away.")
            return file.read(limit + 1)
    except FileNotFoundError:
        return b""
    except IsADirectoryError:
        raise FileProblem(f"{path} is a folder.", remedy="Move it away.") from None
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def locked(paths: Sequence[Path]) -> Iterator[None]:
    """Keep every other process from writing these files (`<file>.lock` beside each). Raises `FileProblem`."""
    with ExitStack() as stack:
        for path in sorted(paths):
            private_directory(path.parent)
            try:
                lock = FileLock(f"{path}.lock", timeout=_LOCK_SECONDS, mode=0o600, poll_interval=0.005)
                stack.enter_context(lock)
            except Timeout:
                raise FileProblem(
                    f"{path} has been locked by another process for {_LOCK_SECONDS:.0f} seconds.",
                    remedy="Nothing was changed; try again.",
                ) from None
            except OSError as error:
                raise FileProblem(
                    f"{path} cannot be locked: {error.strerror}.", remedy="Nothing was changed."
                ) from error
        yield


def replace(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put `data` in the file's place, whole; a symbolic link stays. Hold its lock.

    It is on the disk when this returns, unless `durable` is false: then a power cut, but no kill, may take it.

    Raises `FileProblem` when the disk refuses; the old content is then untouched.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{_PREFIX}{os.getpid()}_{os.urandom(4).hex()}{_SUFFIX}")
    try:
        private_directory(target.parent)
        _sweep(target.parent)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _sync_directory(target.parent)
    except OSError as error:
        raise FileProblem(f"{path} cannot be written: {error.strerror}.", remedy="Nothing was changed.") from error


def append(path: Path, line: bytes) -> None:
    """Add a line; one that a killed process left unfinished is closed first. A power cut may take it, no kill."""
    try:
        private_directory(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0) as file:
            length = file.seek(0, os.SEEK_END)
            if length:
                file.seek(length - 1)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line + b"\n")
    except OSError as error:
        raise FileProblem(f"{path} cannot be written: {error.strerror}.", remedy="Nothing was changed.") from error


def _sweep(folder: Path) -> None:
    # Left by a process that was killed while it wrote: whoever holds the lock is the only writer.
    for left in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        left.unlink(missing_ok=True)


def _sync_directory(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
