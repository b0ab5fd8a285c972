"""Reviews that are due or begun, one small file for each conversation, so that no end of a process forgets one.

A debt only says that there may be something to do and what was tried. What has been reviewed stands in the
conversation's log, so a debt that outlives its payment does no harm.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import msgspec

from hermes_learning.experience import Kind, Reviewed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Debt", "Debts"]

log = logging.getLogger(__name__)

_SUFFIX = ".json"


class Debt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A review that is owed. Times are seconds since the epoch."""

    kinds: tuple[Kind, ...]
    """What is due; without `nudged`, what the conversation's own tools allow."""
    reason: str
    """`interval`, `trouble`, `compaction`, `reset`, `exit`, `asked`, or `unreviewed`: enough was said to make it worth
    the while."""
    since: float
    nudged: bool = False
    """It is due whatever the number of turns."""
    base: Reviewed = Reviewed()
    """What had been reviewed when it became due: what was reviewed since then is paid."""
    attempts: int = 0
    not_before: float = 0.0
    error: str = ""
    """Why the last attempt failed."""
    done: Reviewed = Reviewed()
    """Marks that could not be written into the log, because another process had the conversation open."""


class Debts:
    """The folder of debts. It is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, session_id: str) -> Debt | None:
        """The debt of a conversation; None where there is none, or none that can be read."""
        try:
            return msgspec.json.decode(self._file(session_id).read_bytes(), type=Debt)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the debt of session %s cannot be read: %s", session_id, error)
            return None

    def put(self, session_id: str, debt: Debt) -> None:
        """Write it down. Raises `OSError`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._folder / f".{secrets.token_hex(6)}"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(debt))
        temporary.replace(self._file(session_id))

    def settle(self, session_id: str) -> None:
        """Forget it."""
        with suppress(FileNotFoundError):
            self._file(session_id).unlink()

    def ids(self) -> Sequence[str]:
        """The conversations that have one, the newest debt first."""
        try:
            with os.scandir(self._folder) as entries:
                found = [
                    (-entry.stat(follow_symlinks=False).st_mtime_ns, unquote(entry.name.removesuffix(_SUFFIX)))
                    for entry in entries
                    if entry.name.endswith(_SUFFIX)
                ]
        except FileNotFoundError:
            return []
        return [name for _, name in sorted(found)]

    @contextmanager
    def paying(self) -> Iterator[bool]:
        """Whether this process alone may pay debts of conversations that are not its own."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".paying", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _file(self, session_id: str) -> Path:
        return self._folder / f"{quote(session_id, safe='')}{_SUFFIX}"
