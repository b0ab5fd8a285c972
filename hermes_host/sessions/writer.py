"""The one writer of one session file."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import NotFound, SessionError
from hermes_host.sessions.lines import encode_commit, encode_info
from hermes_host.sessions.summary import INFO_INTERVAL, Summary, advance, read_summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.records import SessionInfo, SessionRecord

__all__ = ["JsonlSessionWriter", "create_file", "lock", "open_locked"]

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class JsonlSessionWriter:
    """Appends to one session file whose lock it holds. The lock goes with `close`, or with the process."""

    def __init__(
        self,
        descriptor: int,
        path: Path,
        summary: Summary,
        *,
        retitle: Callable[[str, str, Callable[[str], None]], str],
        on_close: Callable[[JsonlSessionWriter], None],
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._info = summary.info
        self._extra = summary.extra
        self._retitle = retitle
        self._on_close = on_close
        self._since_info = 0
        self._unsynced = False
        self._broken_at: int | None = None

    @property
    def info(self) -> SessionInfo:
        """What is known about the conversation, as of the last `append`."""
        return self._info

    def append(self, *records: SessionRecord) -> None:
        """Write in one commit, in order: after a crash all of them are there, or none.

        Survives `kill -9` once it returned, and a power cut once `end` or `close` returned. Raises `SessionError` when
        the disk refuses, when a record is not JSON, or when the session is closed or its file gone; nothing is then
        written.
        """
        if not records:
            return
        data = encode_commit(records)
        info = self._info
        for record in records:
            info = advance(info, record)
        due = self._since_info + len(data) >= INFO_INTERVAL or records[-1].kind == "turn_finished"
        self._write(data + encode_info(info, self._extra) if due else data)
        self._info = info
        self._since_info = 0 if due else self._since_info + len(data)

    def rename(self, title: str) -> str:
        """Set the title; gives the one really set: trimmed, without control characters, at most 100, unique.

        An empty one takes the title away.
        """

        def write(unique: str) -> None:
            self._write_info(msgspec.structs.replace(self._info, title=unique))

        return self._retitle(self._info.id, title, write)

    def end(self, reason: str) -> None:
        """Note why the conversation ended, and force everything to the disk."""
        self._write_info(msgspec.structs.replace(self._info, ended=reason))
        self._sync()

    def close(self) -> None:
        """Force everything to the disk and let others write. May be called twice."""
        if self._descriptor < 0:
            return
        try:
            if self._since_info:
                self._write_info(self._info)
            self._sync()
        finally:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
            self._on_close(self)

    def go_on(self) -> None:
        """Take back that the conversation ended."""
        if self._info.ended:
            self._write_info(msgspec.structs.replace(self._info, ended=""))

    def _write_info(self, info: SessionInfo) -> None:
        self._write(encode_info(info, self._extra))
        self._info = info
        self._since_info = 0
        # A title or an end is no activity: the times of files, by which sessions are listed, follow the records.
        with suppress(OSError):
            os.utime(self._descriptor, (info.updated, info.updated))

    def _write(self, data: bytes) -> None:
        if self._descriptor < 0:
            raise SessionError(f"Session {self._info.id!r} is closed.", remedy="Open it again to go on.")
        try:
            size = self._whole_size()
            self._unsynced = True
            try:
                _write_all(self._descriptor, data)
            except OSError:
                self._broken_at = size
                self._cut()
                raise
        except OSError as error:
            raise SessionError(
                f"Session {self._info.id!r} could not be written to {self._path}: {error.strerror or error}.",
                remedy="Nothing was changed. Check free space and permissions there, then try again.",
            ) from error

    def _whole_size(self) -> int:
        if self._broken_at is not None:
            self._cut()
        status = os.fstat(self._descriptor)
        if not status.st_nlink:
            raise SessionError(
                f"The file of session {self._info.id!r} was deleted while the session was open.",
                remedy="Start a new session.",
            )
        return status.st_size

    def _cut(self) -> None:
        # When even this fails, `_broken_at` stays: nothing more is written before the half line is gone.
        assert self._broken_at is not None
        os.ftruncate(self._descriptor, self._broken_at)
        self._broken_at = None

    def _sync(self) -> None:
        if not self._unsynced:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise SessionError(
                f"Session {self._info.id!r} could not be forced to the disk: {error.strerror or error}."
            ) from error
        self._unsynced = False


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def create_file(path: Path, content: bytes) -> int:
    """Make a locked session file that appears under its name with all of `content`, or not at all.

    Raises `FileExistsError` when the name is taken.
    """
    hidden = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(hidden, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_all(descriptor, content)
        _appear(hidden, path)
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        hidden.unlink(missing_ok=True)
    return descriptor


def _appear(hidden: Path, path: Path) -> None:
    try:
        os.link(hidden, path)
    except FileExistsError:
        raise
    except OSError:
        # File systems without hard links. The name is random, so that nobody takes it between the two calls.
        if path.exists():
            raise FileExistsError(path) from None
        hidden.rename(path)


def open_locked(path: Path, session_id: str) -> tuple[int, Summary]:
    """The locked file of a session, any unfinished commit at its end cut off, and its summary.

    Raises `NotFound`, `SessionError` while somebody else writes to it, and `OSError`.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise _gone(session_id) from None
    try:
        lock(descriptor, session_id)
        summary = read_summary(descriptor, session_id)
        if summary is None or not os.fstat(descriptor).st_nlink:
            raise _gone(session_id)
        if os.fstat(descriptor).st_size > summary.length:
            os.ftruncate(descriptor, summary.length)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, summary


def _gone(session_id: str) -> NotFound:
    return NotFound(f"There is no session {session_id!r}.", remedy="See `hermes sessions list`.")


def lock(descriptor: int, session_id: str) -> None:
    """Become the one writer. Raises `SessionError` when somebody else is; never waits."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SessionError(
            f"Session {session_id!r} is in use by another conversation{_holder(descriptor)}.",
            remedy="Leave it there first, or fork it and go on in the copy.",
        ) from None


def _holder(descriptor: int) -> str:
    """` (process 123)` where the system tells who holds the lock."""
    status = os.fstat(descriptor)
    inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        table = Path("/proc/locks").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5] == inode:
            return f" (process {fields[4]})"
    return ""
