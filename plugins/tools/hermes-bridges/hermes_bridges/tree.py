"""A folder read whole: every file with its hash, no link followed, nothing special opened.

The hash of a folder stands for its content: the path, the kind and the bytes of every file in it, and whether a file is
executable. Only `.git` at the top is left out, which changes without the content changing.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import Denied, HermesError, NotFound

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LARGEST", "MOST_FILES", "Tree", "changes", "read_tree", "stamp_of"]

MOST_FILES = 5_000
LARGEST = 64 * 1024 * 1024
"""Bytes of all files together."""

_DEEPEST = 24
_IGNORED = frozenset({".git"})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Tree(msgspec.Struct, frozen=True):
    """What lies in a folder."""

    root: str
    files: dict[str, str]
    """For each path the hash of its content; a link's is that of where it leads."""
    hash: str
    """The SHA-256 that stands for all of it."""
    stamp: int
    """Changes whenever a file is written, added or taken away; cheap to look at again: see `stamp_of`."""

    def read(self, path: str, limit: int = 4 * 1024 * 1024) -> bytes:
        """A file's bytes, which are those that were hashed. Raises `Denied` where they are not, `NotFound`."""
        if path not in self.files:
            raise NotFound(f"There is no file {path!r} in {self.root}.")
        with _Opened(self.root) as root:
            data = _read(root.descend(posixpath.dirname(path)), posixpath.basename(path), limit)[0]
        if _of_file(data) != self.files[path].partition(" ")[2]:
            raise Denied(f"The file {path!r} in {self.root} was changed meanwhile.", remedy="hermes bridges list")
        return data

    def text(self, path: str) -> str:
        """A file as text. Raises as `read`."""
        return self.read(path).decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")

    def below(self, folder: str, suffix: str = "") -> list[str]:
        """The paths below a folder that end so."""
        prefix = "" if folder in ("", ".") else f"{folder.rstrip('/')}/"
        return [path for path in self.files if path.startswith(prefix) and path.endswith(suffix)]


def read_tree(root: Path) -> Tree:
    """Read a folder. Raises `NotFound`, and `Denied` for links that leave it, special files, and too much of it."""
    files: dict[str, str] = {}
    stamp = hashlib.sha256()
    with _Opened(str(root)) as opened:
        try:
            _collect(opened, "", files, stamp, [LARGEST])
        except OSError as error:
            raise HermesError(f"{root} cannot be read: {error.strerror or error}.") from error
    real = os.path.realpath(root)
    for path, facts in files.items():
        # A link through another link may leave the folder though its words do not.
        if facts.startswith("link ") and os.path.commonpath([real, os.path.realpath(f"{real}/{path}")]) != real:
            raise Denied(f"{path!r} is a link that leaves the folder.", remedy="Take the link out.")
    lines = [f"{facts} {path!r}" for path, facts in sorted(files.items())]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return Tree(str(root), dict(sorted(files.items())), digest, int.from_bytes(stamp.digest()[:8], "big"))


def stamp_of(root: str) -> int:
    """The `Tree.stamp` that `read_tree` would give now, without reading a file; 0 where it cannot be looked at."""
    stamp = hashlib.sha256()
    try:
        with _Opened(root) as opened:
            _collect(opened, "", None, stamp, [LARGEST])
    except (OSError, HermesError):
        return 0
    return int.from_bytes(stamp.digest()[:8], "big")


def changes(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What is different, a line for each file."""
    lines = [f"added    {path}" for path in now if path not in before]
    lines += [f"changed  {path}" for path in now if path in before and now[path] != before[path]]
    lines += [f"removed  {path}" for path in before if path not in now]
    return sorted(lines, key=lambda line: line[9:])


class _Opened:
    """A folder held open, so that what it is cannot be exchanged under the reader."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[int] = []

    def __enter__(self) -> _Opened:
        try:
            self._open = [os.open(self._path, _FOLDER)]
        except OSError as error:
            raise NotFound(f"There is no folder {self._path}: {error.strerror}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in reversed(self._open):
            os.close(descriptor)
        self._open = []

    @property
    def top(self) -> int:
        return self._open[-1]

    def enter(self, name: str) -> None:
        self._open.append(os.open(name, _FOLDER, dir_fd=self.top))

    def leave(self) -> None:
        os.close(self._open.pop())

    def descend(self, path: str) -> int:
        try:
            for name in filter(None, path.split("/")):
                self.enter(name)
        except OSError as error:
            raise Denied(f"{path!r} in {self._path} is no folder any more.") from error
        return self.top


def _collect(at: _Opened, prefix: str, files: dict[str, str] | None, stamp: hashlib._Hash, left: list[int]) -> None:
    for name in sorted(os.listdir(at.top)):
        if not prefix and name in _IGNORED:
            continue
        path = f"{prefix}{name}"
        facts = os.stat(name, dir_fd=at.top, follow_symlinks=False)
        mode = facts.st_mode
        stamp.update(
            f"{path!r} {mode} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}\n".encode()
            if not stat.S_ISDIR(mode)
            else f"{path!r} {mode}\n".encode()
        )
        if stat.S_ISDIR(mode):
            if path.count("/") >= _DEEPEST:
                raise Denied(f"{path!r} lies too deep: more than {_DEEPEST} folders in each other.")
            at.enter(name)
            try:
                _collect(at, f"{path}/", files, stamp, left)
            finally:
                at.leave()
        elif files is not None:
            if len(files) >= MOST_FILES:
                raise Denied(f"The folder holds more than {MOST_FILES:,} files.", remedy="Take out what is not needed.")
            files[path] = _facts(at, path, name, mode, left)


def _facts(at: _Opened, path: str, name: str, mode: int, left: list[int]) -> str:
    if stat.S_ISLNK(mode):
        target = os.readlink(name, dir_fd=at.top)
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or place == ".." or place.startswith("../"):
            raise Denied(f"{path!r} is a link that leaves the folder (to {target!r}).", remedy="Take the link out.")
        return f"link {_of_file(os.fsencode(target))}"
    if not stat.S_ISREG(mode):
        raise Denied(f"{path!r} is no regular file.", remedy="Take it out.")
    data, mode = _read(at.top, name, left[0])
    left[0] -= len(data)
    return f"{'run' if mode & 0o111 else 'file'} {_of_file(data)}"


def _read(folder: int, name: str, limit: int) -> tuple[bytes, int]:
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        raise Denied(f"{name!r} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise Denied(f"{name!r} is no regular file.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Denied(f"{name!r} is too large, or the folder holds more than {LARGEST >> 20} MB.")
    return data, mode


def _of_file(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
