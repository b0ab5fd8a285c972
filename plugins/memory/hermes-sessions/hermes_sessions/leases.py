"""Who writes to a session: a lock that other processes see and that the system takes back when its process dies.

There is one file for each session that is open for writing, locked with `flock` for as long as it is open; it holds the
process's number for messages. Besides, the lease's token stands in the session's row: every write checks it, so that
even where locks do not work (some network file systems) a writer that was displaced cannot write any more.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import SessionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Lease", "acquire"]

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Lease:
    """The right to write to one session, held until `release` or the end of the process."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self.token = f"{os.getpid()}:{secrets.token_hex(6)}"

    def release(self) -> None:
        """Let others write. May be called twice."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            # Still locked, so that nobody can hold the file whose name goes away.
            self._path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def acquire(folder: Path, session_id: str) -> Lease:
    """Become the one writer. Never waits. Raises `SessionError` when somebody else is, and `OSError`."""
    path = private_directory(folder) / session_id
    while True:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode("ascii"))
                return Lease(descriptor, path)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace")
            os.close(descriptor)
            raise SessionError(
                f"Session {session_id!r} is in use by another conversation{_process(holder)}.",
                remedy="Leave it there first, or fork it and go on in the copy.",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder let go and took the name away meanwhile


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _process(holder: str) -> str:
    return f" (process {holder})" if holder.isdecimal() else ""
