"""Files without links: every path is walked from the root by descriptors, and a link in any part is an error.

The walk costs two system calls for each part, a few microseconds, which is less than loading what would be needed to
call `openat2(2)` with RESOLVE_NO_SYMLINKS, and works on every POSIX system. No descriptor of a directory is kept
between calls, so a link swapped in is met by the next call as well as by this one.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import stat as status
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from hermes_host.protocols import FileInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["expand", "list_directory", "read", "remove", "resolve", "stat", "write"]

P = ParamSpec("P")
T = TypeVar("T")

_WALK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BIG = 1 << 20
"""Bytes from which work is done in a thread: below, the hop costs more than the work."""
_BIG_DIRECTORY = 1 << 17
"""As `_BIG`, for the size of a directory itself (some thousand entries)."""


def expand(path: str, home: str) -> str:
    """`path` with a leading `~` or `~name` replaced by the home directory."""
    if path == "~" or path.startswith("~/"):
        return home + path[1:]
    return os.path.expanduser(path) if path.startswith("~") else path


def resolve(path: str) -> str:
    """The absolute `path` with `..` and links resolved; the last parts need not exist. A loop of links stays in it."""
    return os.path.realpath(path)


def stat(path: str) -> FileInfo | None:
    """The file itself, or None where there is none."""
    try:
        with _parent(path) as (folder, name):
            return _info(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return None


async def read(path: str, offset: int, limit: int | None) -> bytes:
    """Bytes of a regular file from `offset` on, at most `limit`."""
    with _parent(path) as (folder, name):
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        descriptor = _open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, folder, path)
    try:
        found = os.fstat(descriptor)
        _expect_regular(found.st_mode, path)
        wanted = max(0, found.st_size - offset) if limit is None else min(limit, max(0, found.st_size - offset))
        if wanted < _BIG:
            return _read(descriptor, offset, limit, wanted)
        return await _in_thread(_read, descriptor, offset, limit, wanted)
    finally:
        os.close(descriptor)


def _read(descriptor: int, offset: int, limit: int | None, expected: int) -> bytes:
    # A file may grow while it is read, and those of /proc have no size: read until the end or the limit.
    parts = []
    taken = 0
    while limit is None or taken < limit:
        room = max(expected - taken, 4096) + 1
        data = os.pread(descriptor, room if limit is None else min(room, limit - taken), offset + taken)
        if not data:
            break
        parts.append(data)
        taken += len(data)
    return b"".join(parts)


async def write(path: str, data: bytes, mode: int | None) -> FileInfo:
    """Replace or create a regular file: the new content appears under the name all at once or not at all."""
    if len(data) < _BIG:
        return _write(path, data, mode)
    return await _in_thread(_write, path, data, mode)


def _write(path: str, data: bytes, mode: int | None) -> FileInfo:
    with _parent(path, make=True) as (folder, name):
        before = _replaceable(folder, name, path)
        temporary = f".hermes-{secrets.token_hex(8)}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            _dress(descriptor, before, mode)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            return _info(path, os.fstat(descriptor))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        finally:
            os.close(descriptor)


def _replaceable(folder: int, name: str, path: str) -> os.stat_result | None:
    """The file that stands there; raises where it is no regular file or may not be written."""
    try:
        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    _expect_regular(before.st_mode, path)
    # Renaming needs no right to the file itself, but whoever made it read-only meant it.
    if not os.access(name, os.W_OK, dir_fd=folder, effective_ids=os.access in os.supports_effective_ids):
        raise _error(errno.EACCES, path)
    return before


def _dress(descriptor: int, before: os.stat_result | None, mode: int | None) -> None:
    """Give the new file the owner and the mode of the old one."""
    if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    if mode is None:
        mode = status.S_IMODE(before.st_mode) if before is not None else 0o666 & ~_umask()
    os.fchmod(descriptor, mode)


def _umask() -> int:
    try:
        with Path("/proc/self/status").open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    current = os.umask(0o077)  # elsewhere there is no way to ask without setting it
    os.umask(current)
    return current


def remove(path: str) -> None:
    """Remove a file, a link or an empty directory."""
    with _parent(path) as (folder, name):
        found = _stat_in(folder, name, path)
        try:
            if status.S_ISDIR(found.st_mode):
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            raise _error(error.errno, path) from None


async def list_directory(path: str) -> list[FileInfo]:
    """What a directory holds, by name."""
    with _walk(path) as folder:
        descriptor = _open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, folder, path)
    try:
        if os.fstat(descriptor).st_size < _BIG_DIRECTORY:
            return _list(descriptor, path)
        return await _in_thread(_list, descriptor, path)
    finally:
        os.close(descriptor)


def _list(descriptor: int, path: str) -> list[FileInfo]:
    found = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # removed meanwhile
                found.append(_info(os.path.join(path, entry.name), entry.stat(follow_symlinks=False)))
    found.sort(key=lambda info: info.path)
    return found


# ----------------------------------------------------------------------------------------------------- walking


@contextmanager
def _parent(path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """The directory a path lies in, as a descriptor, and its last part."""
    folder, _, name = path.rstrip("/").rpartition("/")
    if path.endswith("/") and name:
        # "name/" means a directory, whatever is to be done with it.
        with _walk(path):
            pass
    if name in ("", ".", ".."):
        name, folder = ".", path
    with _walk(folder, make=make) as descriptor:
        yield descriptor, name


@contextmanager
def _walk(path: str, *, make: bool = False) -> Iterator[int]:
    """A descriptor of the absolute directory `path`, reached without following a link."""
    descriptor = os.open("/", _WALK)
    try:
        for part in path.split("/"):
            if part in ("", "."):
                continue
            following = _enter(part, descriptor, path, make)
            os.close(descriptor)
            descriptor = following
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(part: str, folder: int, path: str, make: bool) -> int:
    try:
        return os.open(part, _WALK, dir_fd=folder)
    except FileNotFoundError as error:
        if not make:
            raise _error(error.errno, path) from None
    except OSError as error:
        raise _refusal(error, part, folder, path) from None
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=folder)
    return _open(part, _WALK, folder, path)


def _open(part: str, flags: int, folder: int, path: str) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except OSError as error:
        raise _refusal(error, part, folder, path) from None


def _refusal(error: OSError, part: str, folder: int, path: str) -> OSError:
    # Linux answers ENOTDIR for a link where a directory is wanted.
    if error.errno in (errno.ENOTDIR, errno.EMLINK):
        with suppress(OSError):
            if status.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
                return _error(errno.ELOOP, path)
    if error.errno == errno.ENXIO:  # a socket, or a FIFO without a reader
        return _error(errno.EINVAL, path, "Not a regular file")
    return _error(error.errno, path)


def _stat_in(folder: int, name: str, path: str) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        raise _error(error.errno, path) from None


def _expect_regular(mode: int, path: str) -> None:
    if status.S_ISREG(mode):
        return
    if status.S_ISLNK(mode):
        raise _error(errno.ELOOP, path)
    if status.S_ISDIR(mode):
        raise _error(errno.EISDIR, path)
    raise _error(errno.EINVAL, path, "Not a regular file")


def _error(number: int | None, path: str, text: str = "") -> OSError:
    return OSError(number, text or os.strerror(number or 0), path)


_KINDS: dict[int, Literal["file", "directory", "link"]] = {
    status.S_IFREG: "file",
    status.S_IFDIR: "directory",
    status.S_IFLNK: "link",
}


def _info(path: str, found: os.stat_result) -> FileInfo:
    mode = found.st_mode
    return FileInfo(
        path=path,
        kind=_KINDS.get(status.S_IFMT(mode), "other"),
        size=found.st_size,
        modified=found.st_mtime,
        mode=status.S_IMODE(mode),
        links=found.st_nlink,
        identity=f"{found.st_dev}:{found.st_ino}",
    )


async def _in_thread(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run to the end in a thread, even when this task is cancelled: a descriptor in use must not be closed."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
