"""Backups of the database: one a day, checked, the newest few kept. And how damage is found and repaired."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import SessionError
from hermes_sessions.database import create_private, exclusive, explained, force, header, make_schema, new_identity
from hermes_sessions.schema import APPLICATION, VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Repair", "back_up", "backups", "fault_of", "repair"]

_DAY = 86400.0
_QUICK_ABOVE = 512_000_000
"""Bytes above which only the structure is checked, not every index against its table."""


def backups(home: Path) -> Sequence[Path]:
    """The backups there are, newest first."""
    return sorted(_folder(home).glob("sessions-*.db"), reverse=True)


def _folder(home: Path) -> Path:
    return home / "plugins" / "sessions" / "backups"


def back_up(home: Path, *, keep: int, now: float | None = None) -> Path | None:
    """Make today's backup where there is none yet; gives its path, or None where nothing was to do.

    A backup that does not pass its check is thrown away, and older ones then stay. Raises `SessionError`, `OSError`.
    """
    now = time.time() if now is None else now
    path = home / "sessions.db"
    if keep <= 0 or not path.exists():
        return None
    folder = private_directory(_folder(home))
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        newest = next(iter(backups(home)), None)
        if newest is not None and now - newest.stat().st_mtime < _DAY:
            return None
        made = _copy(path, folder, now)
        for old in backups(home)[keep:]:
            old.unlink(missing_ok=True)
        return made
    except BlockingIOError:
        return None  # another process is at it
    finally:
        os.close(descriptor)


def _copy(path: Path, folder: Path, now: float) -> Path:
    new = folder / "new.db"
    for leftover in (new, folder / "new.db-journal", folder / "new.db-wal"):
        leftover.unlink(missing_ok=True)
    create_private(new)
    with explained(path), closing(_read_only(path)) as source, closing(sqlite3.connect(new)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    if fault := fault_of(new):
        new.unlink()
        raise SessionError(
            f"The database of conversations could not be backed up: {fault}.", remedy="Run `hermes sessions repair`."
        )
    force(new)
    made = folder / time.strftime("sessions-%Y%m%d-%H%M%S.db", time.gmtime(now))
    new.replace(made)
    os.utime(made, (now, now))
    return made


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10.0)


def fault_of(path: Path) -> str:
    """What is wrong with a database file; empty for nothing."""
    try:
        if header(path) is None:
            return "it is not a database"
        with closing(_read_only(path)) as connection:
            check = "quick_check" if path.stat().st_size > _QUICK_ABOVE else "integrity_check"
            (verdict,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
            connection.execute("SELECT count(*) FROM sessions").fetchone()
    except (sqlite3.Error, OSError) as error:
        return str(error)
    return "" if verdict == "ok" else str(verdict)


class Repair:
    """What a repair found and did."""

    def __init__(self) -> None:
        self.fault = ""
        """What was wrong; empty where the database was whole."""
        self.backup: Path | None = None
        self.kept: Path | None = None
        """Where the damaged file lies now."""
        self.from_backup = 0
        """Conversations as the backup has them."""
        self.saved = 0
        """Conversations, or later parts of them, that were read out of the damaged file."""
        self.lost = 0
        """Records that could not be read."""


def repair(home: Path) -> Repair:
    """Make the database whole: from the newest good backup and what can still be read. Nothing is thrown away.

    Raises `SessionError` where another process has the database open, or it is not ours to repair.
    """
    from hermes_sessions.index import throw_away

    done = Repair()
    path = home / "sessions.db"
    with exclusive(home), explained(path):
        if path.exists():
            _refuse_newer(path)
            done.fault = fault_of(path)
        elif not backups(home):
            return done
        else:
            done.fault = "it is not there"
        if done.fault:
            _rebuild(home, path, done)
        throw_away(path)
    return done


def _refuse_newer(path: Path) -> None:
    found = header(path)
    if found is not None and found[1] == APPLICATION and found[0] > VERSION:
        raise SessionError(
            f"{path} was written by a newer version. It was not touched.",
            remedy="Update with `pip install -U hermes-sessions`.",
        )


def _rebuild(home: Path, path: Path, done: Repair) -> None:
    from hermes_sessions.salvage import salvage

    new = path.with_name("sessions.db.new")
    for leftover in (new, path.with_name("sessions.db.new-journal")):
        leftover.unlink(missing_ok=True)
    create_private(new)
    done.backup = next((backup for backup in backups(home) if not fault_of(backup)), None)
    with closing(sqlite3.connect(new, isolation_level=None)) as target:
        if done.backup is not None:
            with closing(_read_only(done.backup)) as source:
                source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        target.execute("BEGIN")
        if done.backup is None:
            make_schema(target)
        (done.from_backup,) = target.execute("SELECT count(*) FROM sessions").fetchone()
        if path.exists():
            salvage(path, target, done)
        new_identity(target)
        target.execute("COMMIT")
    if fault := fault_of(new):
        raise SessionError(f"The repair did not succeed: {fault}.", remedy=f"{path} is as it was.")
    force(new)
    done.kept = _set_aside(path)
    new.replace(path)
    force(home)


def _set_aside(path: Path) -> Path | None:
    """Keep the damaged file and its log under another name, and take the log away from the place of the new file."""
    if not path.exists():
        return None
    kept = path.with_name(time.strftime("sessions.db.damaged-%Y%m%d-%H%M%S"))
    log = path.with_name(f"{path.name}-wal")
    os.link(path, kept)
    if log.exists():
        os.link(log, kept.with_name(f"{kept.name}-wal"))
        log.unlink()
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return kept
