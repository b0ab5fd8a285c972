"""What comes next: of all jobs, or of a schedule somebody tries."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Any

from hermes_cron.english import understand
from hermes_cron.jobs import CronJobs
from hermes_cron.schedule import coming, meaning
from hermes_cron.views import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_cron.protocol import Jobs
    from hermes_cron.records import Row

__all__ = ["coming_runs", "tried"]


async def coming_runs(jobs: Jobs, number: int) -> list[dict[str, Any]]:
    """The next runs of all active jobs, in order."""
    assert isinstance(jobs, CronJobs), "this plugin offers them"
    store = jobs.store
    if not store.database.exists:
        return []
    rows = [row for row in store.jobs.list() if row.state == "active" and row.next is not None][:number]
    merged = heapq.merge(*(_of(row) for row in rows), key=lambda item: item[0])
    return [
        {"time": iso(moment, row.job.schedule.zone), "job": row.job.id, "name": row.job.name}
        for moment, row in islice(merged, number)
    ]


def _of(row: Row) -> Iterator[tuple[float, Row]]:
    assert row.next is not None, "it is active"
    left = row.job.repeat - row.completed if row.job.repeat else None
    yield row.next, row
    following = coming(row.job.schedule, row.next)
    yield from ((moment, row) for moment in (islice(following, left - 1) if left is not None else following))


def tried(jobs: Jobs, schedule: str, number: int) -> dict[str, Any]:
    """What a schedule would mean. Raises `ScheduleError`."""
    assert isinstance(jobs, CronJobs), "this plugin offers them"
    now = jobs.store.clock.now()
    understood = understand(schedule, now=now, zone=jobs.store.zone)
    found = understood.schedule
    moments = islice(coming(found, now), number)
    return {
        "schedule": schedule,
        "meaning": meaning(found),
        "notes": list(understood.notes),
        "times": [iso(moment, found.zone) for moment in moments],
    }
