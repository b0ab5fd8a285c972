"""Backups of the jobs: a file that is written at every change, and one for each day. And bringing them back."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from hermes_cron.database import Database, folder, latest_backup
from hermes_cron.records import Row
from hermes_cron.schedule import next_after
from hermes_host.context import private_directory
from hermes_host.errors import NotFound, SessionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Restored", "restore", "write_backup"]

_DAYS = 14


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restoration did."""

    jobs: int
    backup: str
    aside: str
    """Where the old file was put; empty when there was none."""


def write_backup(home: Path, data: bytes) -> None:
    """Write all jobs, a list of `Row` as JSON, to `jobs-latest.json`, and to the file of the day."""
    latest = latest_backup(home)
    private_directory(latest.parent)
    _write(latest, data)
    today = latest.with_name(f"jobs-{datetime.now(UTC):%Y-%m-%d}.json")
    if not today.exists():
        _write(today, data)
        days = sorted(latest.parent.glob("jobs-????-??-??.json"))
        for old in days[:-_DAYS]:
            old.unlink(missing_ok=True)


def restore(home: Path, backup: Path | None, *, now: float) -> Restored:
    """Put the store aside and begin a new one with the jobs of a backup, the latest without a name.

    Jobs go on with the first time that is still to come: what ran is not known any more, and nothing is run twice.
    Raises `NotFound`, `SessionError`; the store is then as it was.
    """
    source = backup or latest_backup(home)
    try:
        rows = msgspec.json.decode(source.read_bytes(), type=list[Row])
    except FileNotFoundError:
        raise NotFound(f"There is no backup {source}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise SessionError(f"The backup {source} cannot be read: {error}.") from error
    aside = _put_aside(home, now)
    database = Database(home, anew=True)
    try:
        from hermes_cron.jobs_table import JobsTable

        JobsTable(database).add_all([_renewed(row, now) for row in rows])
        with database.transaction() as connection:
            # The jobs of Hermes Agent are among them, or were removed.
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('imported', 'restored')")
    finally:
        database.close()
    return Restored(jobs=len(rows), backup=str(source), aside=aside)


def _renewed(row: Row, now: float) -> Row:
    if row.state != "active":
        return row
    following = next_after(row.job.schedule, now)
    if following is None:
        over = "Its time was over when the jobs were restored."
        return msgspec.structs.replace(row, state="paused", next=None, reason=over)
    return msgspec.structs.replace(row, next=following)


def _put_aside(home: Path, now: float) -> str:
    place = folder(home) / f"damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}"
    moved = ""
    for name in ("cron.db", "cron.db-wal", "cron.db-shm"):
        with contextlib.suppress(FileNotFoundError):
            path = folder(home) / name
            if path.exists():
                private_directory(place)
                path.replace(place / name)
                moved = str(place)
    return moved


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
