"""Jobs as they are shown."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from hermes_cron.protocol import JobView
from hermes_cron.schedule import coming, meaning
from hermes_cron.settings import zone_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.records import Row, Run

__all__ = ["delivery_word", "iso", "view_of"]

SHOWN = 5
"""Coming runs that are shown."""


def iso(moment: float, zone: str) -> str:
    """A time as ISO text, to the second."""
    return datetime.fromtimestamp(moment, zone_shown(zone)).isoformat(timespec="seconds") if moment else ""


def view_of(row: Row, now: float, *, last: Run | None = None, notes: Sequence[str] = ()) -> JobView:
    """A job, with what it means and when it comes."""
    job, zone = row.job, row.job.schedule.zone
    following: list[float] = []
    if row.state == "active" and row.next is not None:
        following = [row.next, *islice(coming(job.schedule, max(row.next, now)), SHOWN - 1)]
        if job.repeat:
            following = following[: max(0, job.repeat - row.completed)]
    return JobView(
        id=job.id,
        name=job.name,
        state=row.state,
        schedule=job.said,
        meaning=meaning(job.schedule),
        timezone=zone,
        next_runs=tuple(iso(moment, zone) for moment in following),
        notes=tuple(notes),
        prompt=job.prompt,
        skills=job.skills,
        script=job.script,
        deliver=job.deliver,
        origin=job.origin,
        model=job.model,
        provider=job.provider,
        toolsets=job.toolsets,
        directory=job.directory,
        terminal=job.terminal,
        repeat=job.repeat,
        completed=row.completed,
        timeout=job.timeout,
        retries=job.retries,
        missed=job.missed,
        grace=job.grace,
        on_interrupt=job.on_interrupt,
        max_cost=job.max_cost,
        reason=row.reason,
        created=iso(row.created, zone),
        last_run=iso(last.started or last.due, zone) if last else "",
        last_state=last.state if last else "",
        last_error=last.reason if last else "",
        last_delivery=delivery_word(last) if last else "",
    )


def delivery_word(run: Run) -> str:
    """How the delivery of a run fares, in a word or a few."""
    states = {item.state for item in run.delivery}
    if not states:
        return ""
    if "failed" in states:
        return "failed: " + next(item.error for item in run.delivery if item.state == "failed")
    for word, said in (("pending", "waiting"), ("sending", "on its way"), ("unknown", "may have arrived")):
        if word in states:
            return said
    return "delivered"
