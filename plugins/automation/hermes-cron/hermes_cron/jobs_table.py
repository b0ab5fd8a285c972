"""The table `jobs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_cron.backups import write_backup
from hermes_cron.errors import JobError
from hermes_cron.records import Job, JobState, Row
from hermes_host.errors import NotFound
from hermes_host.registry import near_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hermes_cron.database import Database

__all__ = ["JobsTable"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Job).decode


class JobsTable:
    """Jobs as rows. Every change is followed by a backup."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: Job, *, now: float, next: float | None, state: JobState = "active", reason: str = "") -> Row:
        """Put a job in. Raises `JobError` when its name is taken."""
        self.add_all([Row(job=job, state=state, next=next, completed=0, created=now, updated=now, reason=reason)])
        return self.get(job.id)

    def add_all(self, rows: Sequence[Row]) -> None:
        """Put jobs in, all of them or none."""
        with self._database.transaction() as connection:
            for row in rows:
                self._refuse_taken(connection, row.job)
                connection.execute(
                    "INSERT INTO jobs (id, name, definition, state, next, completed, created, updated, reason)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        row.job.id,
                        row.job.name,
                        _encode(row.job),
                        row.state,
                        row.next,
                        row.completed,
                        row.created,
                        row.updated,
                        row.reason,
                    ),
                )
        self.back_up()

    def change(self, job: Job, *, now: float, next: float | None, state: JobState, reason: str = "") -> Row:
        """Write a job's definition and state."""
        with self._database.transaction() as connection:
            self._refuse_taken(connection, job)
            connection.execute(
                "UPDATE jobs SET name = ?, definition = ?, state = ?, next = ?, reason = ?, updated = ? WHERE id = ?",
                (job.name, _encode(job), state, next, reason, now, job.id),
            )
        self.back_up()
        return self.get(job.id)

    def remove(self, job_id: str, *, now: float) -> None:
        """Take a job out; its history stays. What waits to run is cancelled."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'removed', next = NULL, updated = ? WHERE id = ?", (now, job_id)
            )
        self.back_up()

    def get(self, job_id: str) -> Row:
        """A job by its id, a removed one too. Raises `NotFound`."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if found is None:
            raise NotFound(f"There is no job {job_id!r}.")
        return row_of(found)

    def find(self, reference: str, *, user: str | None = None) -> Row:
        """A job by its id, its name, or a unique beginning of one of them. Raises `NotFound`, naming near ones."""
        rows = self.list(user=user, everything=True)
        wanted = reference.strip().casefold()
        for exact in (
            [row for row in rows if row.job.id == wanted],
            [r for r in rows if r.job.name.casefold() == wanted],
        ):
            if exact:
                return exact[0]
        begun = [row for row in rows if wanted and (row.job.id.startswith(wanted) or _begins(row, wanted))]
        if len(begun) == 1:
            return begun[0]
        if begun:
            listed = ", ".join(f"{row.job.id} ({row.job.name})" for row in begun[:5])
            raise NotFound(f"{reference!r} could be several jobs: {listed}.", remedy="Give a whole id.")
        near = near_names(reference, [row.job.name for row in rows])
        hint = f"Did you mean {near}?" if near else "`hermes cron list --all` shows the jobs there are."
        raise NotFound(f"There is no job {reference!r}.", remedy=hint)

    def list(self, *, user: str | None = None, everything: bool = False) -> list[Row]:
        """The jobs that are active or paused, the next one first; with `everything` the completed ones too.

        `user` limits them to those of one person.
        """
        states = ("active", "paused", "completed") if everything else ("active", "paused")
        marks = ",".join("?" * len(states))
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT * FROM jobs WHERE state IN ({marks}) ORDER BY next IS NULL, next, created", states
            ).fetchall()
        rows = [row_of(row) for row in found]
        return rows if user is None else [row for row in rows if row.job.user == user]

    def names(self) -> set[str]:
        """The names that are taken, in lower case."""
        with self._database.reading() as connection:
            return {row[0].casefold() for row in connection.execute("SELECT name FROM jobs WHERE state <> 'removed'")}

    def first_due(self) -> float | None:
        """When the next job is due."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT MIN(next) FROM jobs WHERE state = 'active' AND next IS NOT NULL"
            ).fetchone()
        return None if found is None else found[0]

    def back_up(self) -> None:
        """Write all jobs beside the store."""
        # The lock for writing keeps two processes from leaving the older of their two states.
        with self._database.transaction() as connection:
            found = connection.execute("SELECT * FROM jobs WHERE state <> 'removed' ORDER BY created").fetchall()
            # As they lie there, without being read: this happens at every change, for all of them.
            rows = [
                {name: msgspec.Raw(row["definition"]) if name == "job" else row[name] for name in Row.__struct_fields__}
                for row in found
            ]
            write_backup(self._database.home, _encode(rows))

    def _refuse_taken(self, connection: sqlite3.Connection, job: Job) -> None:
        taken = connection.execute(
            "SELECT id FROM jobs WHERE name = ? COLLATE NOCASE AND state <> 'removed' AND id <> ?", (job.name, job.id)
        ).fetchone()
        if taken is not None:
            raise JobError(
                f"There is a job {job.name!r} already ({taken[0]}).", remedy="Give another name, or edit it."
            )


def row_of(found: sqlite3.Row) -> Row:
    """A row of the table."""
    return Row(
        job=_decode(found["definition"]),
        state=found["state"],
        next=found["next"],
        completed=found["completed"],
        created=found["created"],
        updated=found["updated"],
        reason=found["reason"],
    )


def _begins(row: Row, wanted: str) -> bool:
    return row.job.name.casefold().startswith(wanted)
