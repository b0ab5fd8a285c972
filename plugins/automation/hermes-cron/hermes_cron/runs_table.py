"""The table `runs`: each due instant, claimed by one process, and what became of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from hermes_cron.jobs_table import row_of
from hermes_cron.planning import plan
from hermes_cron.records import Delivered, Job, Row, Run, RunState
from hermes_cron.schedule import spell
from hermes_cron.settings import zone_named
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_cron.database import Database
    from hermes_cron.settings import CronSettings

__all__ = ["INTERRUPTED_AT_MOST", "Claimed", "RunsTable", "targets"]

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Run).decode

INTERRUPTED_AT_MOST = 3
"""Attempts of a run whose process died each time: one that kills its process does not do so for ever."""


class Claimed(msgspec.Struct, frozen=True):
    """A run that this process is to make, and its job."""

    row: Row
    run: Run


class RunsTable:
    """Runs as rows."""

    def __init__(self, database: Database, settings: CronSettings) -> None:
        self._database = database
        self._settings = settings

    # ------------------------------------------------------------------------------------------------ what is due

    def look(self, now: float, holder: str, *, room: int, only: str = "") -> Sequence[Claimed]:
        """Put in what is due, and claim as many runs as there is room for. One transaction.

        `only` is a job of which what waits is claimed, and nothing else is done.
        """
        with self._database.transaction() as connection:
            if not only:
                due = connection.execute(
                    "SELECT * FROM jobs WHERE state = 'active' AND next IS NOT NULL AND next <= ? ORDER BY next", (now,)
                ).fetchall()
                for found in due:
                    self._judge(connection, found, now)
            return self._claim(connection, now, holder, room, only)

    def _judge(self, connection: sqlite3.Connection, found: sqlite3.Row, now: float) -> None:
        """Put in what is due of one job. One that cannot be read, or whose time zone is gone, stops no other."""
        try:
            row = row_of(found)
            zone_named(row.job.schedule.zone)
            self._put_in(connection, row, now)
        except (HermesError, msgspec.MsgspecError) as error:
            log.error("job %r is paused, because its schedule cannot be followed: %s", found["name"], error)
            connection.execute(
                "UPDATE jobs SET state = 'paused', next = NULL, reason = ? WHERE id = ?", (str(error), found["id"])
            )

    def _put_in(self, connection: sqlite3.Connection, row: Row, now: float) -> None:
        busy = connection.execute(
            "SELECT 1 FROM runs WHERE job = ? AND state IN ('queued', 'running') AND trigger = 'schedule' LIMIT 1"
            if row.job.missed == "all"
            else "SELECT 1 FROM runs WHERE job = ? AND state IN ('queued', 'running') LIMIT 1",
            (row.job.id,),
        ).fetchone()
        planned = plan(row, now, self._settings, busy=busy is not None)
        queued = False
        for verdict in planned.verdicts:
            message = ""
            if verdict.state == "missed" and row.job.schedule.kind == "once":
                message = (
                    f"⚠️ {row.job.name} was missed: it was due {spell(verdict.due, row.job.schedule.zone)}, and nothing "
                    "ran jobs then."
                )
            run = Run(
                id=0,
                job=row.job.id,
                name=row.job.name,
                due=verdict.due,
                trigger="schedule",
                state=verdict.state,  # type: ignore[arg-type]
                reason="" if verdict.state == "queued" else verdict.reason,
                late=verdict.reason if verdict.state == "queued" else "",
                queued=now,
                count=verdict.count,
                message=message,
                delivery=targets(row.job) if message else (),
            )
            queued |= _insert(connection, run) and verdict.state == "queued"
        over = planned.next is None and not queued and busy is None
        connection.execute(
            "UPDATE jobs SET next = ?, state = ? WHERE id = ?",
            (planned.next, "completed" if over else "active", row.job.id),
        )

    def _claim(
        self, connection: sqlite3.Connection, now: float, holder: str, room: int, only: str
    ) -> Sequence[Claimed]:
        running = {row[0] for row in connection.execute("SELECT job FROM runs WHERE state = 'running'")}
        free = min(room, self._settings.max_parallel - len(running))
        claimed: list[Claimed] = []
        waiting = connection.execute(
            "SELECT runs.facts AS run, jobs.* FROM runs JOIN jobs ON jobs.id = runs.job"
            " WHERE runs.state = 'queued' AND runs.not_before <= ? AND (runs.job = ? OR ? = '')"
            " ORDER BY runs.not_before, runs.id",
            (now, only, only),
        )
        for found in waiting.fetchall():
            row, run = row_of(found), _decode(found["run"])
            if row.state == "removed":
                self._save(connection, msgspec.structs.replace(run, state="cancelled", reason="The job was removed."))
            elif row.state == "paused" and run.trigger == "schedule":
                self._save(connection, msgspec.structs.replace(run, state="skipped", reason="The job was paused."))
            elif free > 0 and row.job.id not in running:
                begun = msgspec.structs.replace(
                    run, state="running", holder=holder, started=now, attempt=run.attempt + 1
                )
                self._save(connection, begun)
                claimed.append(Claimed(row, begun))
                running.add(row.job.id)
                free -= 1
        return claimed

    def first_waiting(self, now: float) -> float | None:
        """When the next run that waits for a time, such as after a failure, may begin."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT MIN(not_before) FROM runs WHERE state = 'queued' AND not_before > ?", (now,)
            ).fetchone()
        return None if found is None else found[0]

    def ask_for(self, row: Row, now: float) -> Run:
        """Have a job run once now, whatever its schedule and whether it is paused."""
        with self._database.transaction() as connection:
            waiting = connection.execute(
                "SELECT facts FROM runs WHERE job = ? AND trigger = 'manual' AND state = 'queued'", (row.job.id,)
            ).fetchone()
            if waiting is not None:
                return _decode(waiting[0])
            run = Run(id=0, job=row.job.id, name=row.job.name, due=now, trigger="manual", state="queued", queued=now)
            _insert(connection, run)
            number = connection.execute("SELECT last_insert_rowid()").fetchone()[0]
            return msgspec.structs.replace(run, id=number)

    # ---------------------------------------------------------------------------------------------- how they end

    def note(self, run_id: int, holder: str, change: Callable[[Run], Run]) -> bool:
        """Change what is written of a run under way; whether it still belongs to `holder`."""
        with self._database.transaction() as connection:
            run = self._held(connection, run_id, holder)
            if run is None:
                return False
            self._save(connection, change(run))
            return True

    def finish(self, run_id: int, holder: str, now: float, change: Callable[[Run], Run], *, again: float = 0.0) -> bool:
        """Write how a run ended; with `again` it is queued anew for that time. False when it is not this holder's."""
        with self._database.transaction() as connection:
            run = self._held(connection, run_id, holder)
            if run is None:
                return False
            ended = msgspec.structs.replace(change(run), ended=now, holder="")
            if again:
                self._save(connection, msgspec.structs.replace(ended, state="queued", not_before=again))
                return True
            self._save(connection, ended)
            self._count(connection, ended, now)
            return True

    def _held(self, connection: sqlite3.Connection, run_id: int, holder: str) -> Run | None:
        found = connection.execute(
            "SELECT facts FROM runs WHERE id = ? AND holder = ? AND state = 'running'", (run_id, holder)
        ).fetchone()
        return None if found is None else _decode(found[0])

    def _count(self, connection: sqlite3.Connection, run: Run, now: float) -> None:
        """A run by schedule is over: count it, and complete the job when that was its last."""
        if run.trigger != "schedule":
            return
        connection.execute("UPDATE jobs SET completed = completed + 1, updated = ? WHERE id = ?", (now, run.job))
        connection.execute(
            "UPDATE jobs SET state = 'completed' WHERE id = ? AND state = 'active' AND next IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM runs WHERE runs.job = jobs.id AND runs.state IN ('queued', 'running')"
            " AND runs.trigger = 'schedule')",
            (run.job,),
        )

    def recover(self, now: float, alive: Callable[[str], bool]) -> Sequence[Run]:
        """Settle the runs of processes that are gone: tried again or reported, as their job says."""
        settled = []
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT runs.facts AS run, jobs.* FROM runs JOIN jobs ON jobs.id = runs.job"
                " WHERE runs.state = 'running'"
            ).fetchall()
            for each in found:
                row, run = row_of(each), _decode(each["run"])
                if not alive(run.holder):
                    settled.append(self._settle(connection, row, run, now))
        return settled

    def _settle(self, connection: sqlite3.Connection, row: Row, run: Run, now: float) -> Run:
        policy = row.job.on_interrupt or self._settings.on_interrupt
        said = f"Attempt {run.attempt} was interrupted: its process ended."
        run = msgspec.structs.replace(run, holder="", notes=(*run.notes, said))
        if policy == "retry" and run.attempt < INTERRUPTED_AT_MOST and row.state in ("active", "paused"):
            run = msgspec.structs.replace(run, state="queued", not_before=now)
            self._save(connection, run)
            return run
        message = (
            f"⚠️ {row.job.name}, due {spell(run.due, row.job.schedule.zone)}, was interrupted: the process that ran it "
            "ended. What it had done until then is done; it was not run again."
        )
        reason = "Its process ended while it ran."
        run = msgspec.structs.replace(
            run, state="interrupted", ended=now, reason=reason, message=message, delivery=targets(row.job)
        )
        self._save(connection, run)
        self._count(connection, run, now)
        return run

    def of_removed_jobs(self, holder: str) -> Sequence[int]:
        """Runs under way here whose job was removed meanwhile."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT runs.id FROM runs JOIN jobs ON jobs.id = runs.job"
                " WHERE runs.state = 'running' AND runs.holder = ? AND jobs.state = 'removed'",
                (holder,),
            )
            return [row[0] for row in found.fetchall()]

    # ----------------------------------------------------------------------------------------------- delivering

    def undelivered(self) -> Sequence[Run]:
        """Runs whose answer is on its way."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT facts FROM runs WHERE delivering = 1 ORDER BY id").fetchall()
        return [_decode(row[0]) for row in found]

    def delivered(self, run_id: int, delivery: Sequence[Delivered]) -> None:
        """Write how a delivery fares."""
        with self._database.transaction() as connection:
            found = connection.execute("SELECT facts FROM runs WHERE id = ?", (run_id,)).fetchone()
            if found is not None:
                self._save(connection, msgspec.structs.replace(_decode(found[0]), delivery=tuple(delivery)))

    # -------------------------------------------------------------------------------------------------- looking

    def get(self, run_id: int) -> Run:
        """One run. Raises `NotFound`."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT facts FROM runs WHERE id = ?", (run_id,)).fetchone()
        if found is None:
            raise NotFound(f"There is no run {run_id}.")
        return _decode(found[0])

    def history(self, job: str = "", *, limit: int = 20, states: Sequence[RunState] = ()) -> Sequence[Run]:
        """Runs, the newest first, of one job or of all."""
        marks = ",".join("?" * len(states))
        within = f" AND state IN ({marks})" if states else ""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT facts FROM runs WHERE (job = ? OR ? = ''){within} ORDER BY id DESC LIMIT ?",
                (job, job, *states, limit),
            ).fetchall()
        return [_decode(row[0]) for row in found]

    def last(self, jobs: Sequence[str]) -> dict[str, Run]:
        """The newest run of each of these jobs that began or ended."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT facts FROM runs WHERE id IN (SELECT MAX(id) FROM runs WHERE state <> 'queued' GROUP BY job)"
            ).fetchall()
        runs = [_decode(row[0]) for row in found]
        wanted = set(jobs)
        return {run.job: run for run in runs if run.job in wanted}

    def forget(self, job: str, keep: int) -> Sequence[Run]:
        """Remove the oldest runs of a job past `keep`; gives them."""
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT facts FROM runs WHERE job = ? AND state NOT IN ('queued', 'running') AND delivering = 0"
                " ORDER BY id DESC LIMIT -1 OFFSET ?",
                (job, keep),
            ).fetchall()
            runs = [_decode(row[0]) for row in found]
            connection.executemany("DELETE FROM runs WHERE id = ?", [(run.id,) for run in runs])
        return runs

    def _save(self, connection: sqlite3.Connection, run: Run) -> None:
        connection.execute(
            "UPDATE runs SET state = ?, not_before = ?, holder = ?, delivering = ?, facts = ? WHERE id = ?",
            (run.state, run.not_before, run.holder, _delivering(run), _encode(run), run.id),
        )


def targets(job: Job) -> tuple[Delivered, ...]:
    """Where a job's answers go, none of them sent yet; a file is no delivery."""
    found = []
    for target in job.deliver:
        place = job.origin if target == "origin" else "" if target == "local" else target
        if place:
            found.append(Delivered(target=place))
    return tuple({item.target: item for item in found}.values())


def _delivering(run: Run) -> int:
    return int(any(item.state in ("pending", "sending") for item in run.delivery))


def _insert(connection: sqlite3.Connection, run: Run) -> bool:
    """Put a run in; false when its instant is there already."""
    number = connection.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM runs").fetchone()[0]
    cursor = connection.execute(
        "INSERT OR IGNORE INTO runs (id, job, due, trigger, state, not_before, delivering, facts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            run.job,
            run.due,
            run.trigger,
            run.state,
            run.not_before,
            _delivering(run),
            _encode(msgspec.structs.replace(run, id=number)),
        ),
    )
    return cursor.rowcount == 1
