"""What ten thousand jobs cost: a look at what is due, a start, making one more.

From the repository's root: `python -m bench` where it is registered, else
`PYTHONPATH=. python plugins/automation/hermes-cron/bench/cron.py`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from hermes_cron.english import understand
from hermes_cron.jobs import CronJobs
from hermes_cron.protocol import JobWish
from hermes_cron.records import Job
from hermes_cron.records import Row as JobRow
from hermes_cron.schedule import next_after
from hermes_cron.store import Store

from bench.measure import Row
from hermes_host.testing import StandInHost

JOBS, DUE, LOOKS = 10_000, 20, 50


def measure(runs: int) -> list[Row]:
    """`runs` is not used: each of these is many runs already."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name:
        found = asyncio.run(_measure(Path(name)))
    return [
        Row("cron: a look at 10,000 jobs, none due", found["idle"], "ms", limit=20.0),
        Row(
            "cron: a look at 10,000 jobs, 20 due",
            found["due"],
            "ms",
            limit=20.0,
            floor=found["floor"],
            floor_name="a transaction of SQLite with 20 rows",
            floor_unit="ms",
        ),
        Row("cron: to open the store of 10,000 jobs and look", found["start"], "ms", limit=100.0),
        Row("cron: to make one more job", found["create"], "ms"),
        Row("cron: to read a schedule and its next five times", found["schedule"], "ms"),
    ]


async def _measure(home: Path) -> dict[str, float]:
    async with StandInHost(home, plugins=["cron"], overrides={"timezone": "Europe/Berlin"}) as host:
        context = host.context("cron")
        store = Store(context)
        now = time.time()
        store.jobs.add_all([_job(number, now) for number in range(JOBS)])
        holder = store.holders.take("gateway", now)
        idle = [_timed(lambda: store.runs.look(now, holder.id, room=0)) for _ in range(LOOKS)]
        moments = iter(range(LOOKS))
        due = []
        for number in moments:
            _make_due(store, number, now)
            due.append(_timed(lambda: store.runs.look(now, holder.id, room=0)))
        holder.release(now)
        store.database.close()
        start = [_timed(lambda: _start(context)) for _ in range(5)]
        jobs = CronJobs(context)
        create = []
        for number in range(5):
            begun = time.perf_counter()
            await jobs.create(JobWish(schedule="every weekday at 9", prompt=f"More {number}."))
            create.append(1e3 * (time.perf_counter() - begun))
        await jobs.aclose()
    return {
        "idle": statistics.median(idle),
        "due": statistics.median(due),
        "floor": _floor(home / "floor.db"),
        "start": statistics.median(start),
        "create": statistics.median(create),
        "schedule": statistics.median(_timed(lambda: _read(now)) for _ in range(200)),
    }


def _job(number: int, now: float) -> JobRow:
    schedule = understand("every 2 hours between 9 and 17", now=now, zone="Europe/Berlin").schedule
    job = Job(id=secrets.token_hex(6), name=f"job {number}", schedule=schedule, said="every 2 hours", prompt="x" * 300)
    return JobRow(job=job, state="active", next=now + 3600 + number, completed=0, created=now, updated=now)


def _make_due(store: Store, number: int, now: float) -> None:
    names = [f"job {number * DUE + place}" for place in range(DUE)]
    with store.database.transaction() as connection:
        connection.executemany("UPDATE jobs SET next = ? WHERE name = ?", [(now - 1, name) for name in names])


def _start(context: object) -> None:
    store = Store(context)  # type: ignore[arg-type]
    store.runs.look(time.time(), "nobody", room=0)
    store.jobs.first_due()
    store.database.close()


def _read(now: float) -> None:
    schedule = understand("every 2 hours between 9 and 17", now=now, zone="Europe/Berlin").schedule
    moment = now
    for _ in range(5):
        moment = next_after(schedule, moment) or moment


def _floor(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")

    def write() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t (body) VALUES (?)", [(b"x" * 400,)] * DUE)
        connection.execute("COMMIT")

    taken = statistics.median(_timed(write) for _ in range(LOOKS))
    connection.close()
    return taken


def _timed(work: object) -> float:
    begun = time.perf_counter()
    work()  # type: ignore[operator]
    return 1e3 * (time.perf_counter() - begun)


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(
            [[row.name, round(row.value, 2), row.unit, row.floor and round(row.floor, 2)] for row in measure(1)],
            indent=1,
        )
        + "\n"
    )
