"""Folders read and written from their root downwards, following no link on the way.

Every step opens the next folder by the descriptor of the one before, so what a path was judged to be is what it is.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "IGNORED",
    "Entry",
    "TreeError",
    "ignored",
    "prune",
    "read_file",
    "read_tree",
    "remove_file",
    "remove_folder",
    "write_file",
    "write_tree",
]

IGNORED = frozenset({"__pycache__", ".DS_Store", "Thumbs.db", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
"""Names that are no part of a skill, wherever they stand; so are compiled files."""

LARGEST_TREE = 20_000_000
MOST_FILES = 2_000

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class TreeError(HermesError):
    """A file of a skill cannot be read or written."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a folder; with `link`, a symbolic link and where it points."""

    data: bytes = b""
    executable: bool = False
    link: str = ""


def ignored(name: str) -> bool:
    """Whether a name is no part of a skill."""
    return name in IGNORED or name.endswith((".pyc", ".pyo"))


@contextmanager
def _opened(root: Path, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder at `parts` below `root`."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if create:
                try:
                    os.mkdir(part, 0o700, dir_fd=folder)
                except FileExistsError:
                    pass
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def read_file(root: Path, parts: Sequence[str], *, limit: int) -> bytes:
    """The bytes of a regular file. Raises `TreeError` when it is larger than `limit` or is no file, and `OSError`."""
    with _opened(root, parts[:-1]) as folder:
        return _read(folder, parts[-1], limit)[0]


def _read(folder: int, name: str, limit: int) -> tuple[bytes, int]:
    with open(os.open(name, _FILE, dir_fd=folder), "rb") as file:  # noqa: PTH123 - by descriptor
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise TreeError(f"{name!r} is not a regular file.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TreeError(f"{name!r} is larger than {limit:,} bytes.")
    return data, mode


def write_file(root: Path, parts: Sequence[str], data: bytes, *, executable: bool = False) -> None:
    """Replace or create a file as a whole, making its folders. Raises `TreeError`; nothing is then changed."""
    try:
        with _opened(root, parts[:-1], create=True) as folder:
            temporary = f".{secrets.token_hex(6)}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o700 if executable else 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)
    except OSError as error:
        raise _unwritable(root, parts, error) from error


def remove_file(root: Path, parts: Sequence[str]) -> None:
    """Take a file or a link away. Raises `FileNotFoundError`, and `TreeError` for other reasons."""
    try:
        with _opened(root, parts[:-1]) as folder:
            os.unlink(parts[-1], dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unwritable(root, parts, error) from error


def prune(root: Path, parts: Sequence[str], *, keep: int = 0) -> None:
    """Take away the empty folders of a path from the deepest upwards, all but its first `keep`."""
    for length in range(len(parts), keep, -1):
        try:
            with _opened(root, parts[: length - 1]) as folder:
                os.rmdir(parts[length - 1], dir_fd=folder)
        except OSError:
            return


def remove_folder(root: Path, parts: Sequence[str]) -> None:
    """Take a folder away with all it holds. Raises `TreeError`."""
    try:
        with _opened(root, parts[:-1]) as folder:
            shutil.rmtree(parts[-1], dir_fd=folder)
    except OSError as error:
        raise _unwritable(root, parts, error) from error


def read_tree(root: Path, parts: Sequence[str] = ()) -> dict[str, Entry]:
    """All files and links below a folder by their paths; what `IGNORED` names and special files are left out.

    Raises `TreeError` for a folder that is too large, and `OSError`.
    """
    found: dict[str, Entry] = {}
    with _opened(root, parts) as folder:
        _collect(folder, "", found, [LARGEST_TREE])
    return dict(sorted(found.items()))


def _collect(folder: int, prefix: str, found: dict[str, Entry], left: list[int]) -> None:
    for name in sorted(os.listdir(folder)):
        if ignored(name):
            continue
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        path = f"{prefix}{name}"
        if len(found) > MOST_FILES or prefix.count("/") > 12:
            raise TreeError(f"The folder holds more than {MOST_FILES} files, or too many folders in each other.")
        if stat.S_ISLNK(mode):
            found[path] = Entry(link=os.readlink(name, dir_fd=folder))
        elif stat.S_ISDIR(mode):
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                _collect(inner, f"{path}/", found, left)
            finally:
                os.close(inner)
        elif stat.S_ISREG(mode):
            data, mode = _read(folder, name, left[0])
            left[0] -= len(data)
            found[path] = Entry(data, bool(mode & 0o100))


def write_tree(root: Path, parts: Sequence[str], entries: Mapping[str, Entry]) -> None:
    """Write all of `entries` into a folder that does not exist yet. Raises `TreeError`."""
    try:
        with _opened(root, parts, create=True):
            pass
        for path, entry in entries.items():
            place = (*parts, *path.split("/"))
            if not entry.link:
                write_file(root, place, entry.data, executable=entry.executable)
                continue
            with _opened(root, place[:-1], create=True) as folder:
                os.symlink(entry.link, place[-1], dir_fd=folder)
    except OSError as error:
        raise _unwritable(root, parts, error) from error


def _unwritable(root: Path, parts: Sequence[str], error: OSError) -> TreeError:
    path = root.joinpath(*parts)
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return TreeError(
            f"{path} cannot be written: a link or a file stands in the way.", remedy="Nothing was changed."
        )
    return TreeError(f"{path} cannot be written: {error.strerror}.", remedy="Nothing was changed.")
