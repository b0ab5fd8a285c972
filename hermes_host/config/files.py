"""Private files: written whole or not at all, readable by the owner alone from the first byte, one writer at a time."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["locked", "read_text", "write_private"]


def read_text(path: Path, *, limit: int = 4_000_000) -> str | None:
    """The file's text with its line ends as they are, or None where there is no file.

    Raises `ConfigError` when it is not a regular file, larger than `limit` bytes, not readable or not UTF-8.
    """
    try:
        # Not to wait for a writer where the name is a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path} is not a regular file.")
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > limit:
        raise ConfigError(f"{path} is larger than {limit:,} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: this is not UTF-8 text.", remedy="Save the file as UTF-8.") from error


def write_private(path: Path, text: str) -> None:
    """Replace or create the file atomically, mode 0600 or stricter; a symbolic link stays and its target is replaced.

    Missing directories are made with mode 0700. Raises `ConfigError` when the disk refuses; nothing is then changed.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        _make_private(target.parent)
        mode = _private_mode(target)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.", remedy="Nothing was changed.") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file (`<file>.lock` beside it) against other writers, waiting for it as long as needed.

    Hold it only while reading, changing and writing, never while a person is asked something.
    """
    import fcntl

    target = Path(os.path.realpath(path))
    try:
        _make_private(target.parent)
        descriptor = os.open(
            target.with_name(f"{target.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise ConfigError(f"{path} cannot be locked: {error.strerror}.", remedy="Nothing was changed.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_private(directory: Path) -> None:
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _private_mode(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o600
    except FileNotFoundError:
        return 0o600


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
