"""Whether something runs jobs, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_cron.protocol import Status
from hermes_cron.schedule import spell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.holders import HolderInfo
    from hermes_cron.store import Store

__all__ = ["REMEDY", "nobody_runs", "status_of"]

REMEDY = "`hermes gateway start` runs jobs, and so does `hermes cron run-due` every minute from the system's cron."

_HUNG = 300.0
_LATELY = 3600.0
"""Seconds: without a sign of life; for how long `run-due` counts as something that comes again."""

_DAY = 86_400.0


def status_of(store: Store, problems: Sequence[str]) -> Status:
    """How jobs fare."""
    if not store.database.exists:
        by, detail, holder = _runs_them((), store.clock.now())
        return Status(will_run=bool(by), by=by, detail=detail, remedy="" if by else REMEDY, problems=tuple(problems))
    now = store.clock.now()
    by, detail, holder = _runs_them(store.holders.list(), now)
    rows = store.jobs.list()
    following = next((row for row in rows if row.state == "active" and row.next is not None), None)
    lately = store.runs.history(limit=500, states=("failed", "timed_out", "interrupted"))
    found = list(problems)
    if following is not None and following.next is not None and by and now - following.next > _HUNG:
        found.append(f"{following.job.name} was due {spell(following.next, following.job.schedule.zone)} and waits.")
    failed = [run for run in store.runs.history(limit=500) if any(item.state == "failed" for item in run.delivery)]
    return Status(
        will_run=bool(by),
        by=by,
        detail=detail,
        remedy="" if by else REMEDY,
        pid=holder.pid if holder else 0,
        seen=holder.seen if holder else 0.0,
        active=sum(row.state == "active" for row in rows),
        paused=sum(row.state == "paused" for row in rows),
        running=len(store.runs.history(limit=500, states=("running",))),
        next_due=following.next if following else None,
        next_job=following.job.name if following else "",
        failed_lately=sum(now - run.ended < _DAY for run in lately),
        undelivered=sum(now - run.ended < _DAY for run in failed),
        problems=tuple(found),
    )


def nobody_runs(store: Store) -> str:
    """Why no job will run, and what to do about it; empty when something runs them."""
    by, detail, _ = _runs_them(store.holders.list(), store.clock.now())
    return "" if by else f"{detail} {REMEDY}"


def _runs_them(holders: Sequence[HolderInfo], now: float) -> tuple[str, str, HolderInfo | None]:
    gateway = next((item for item in holders if item.kind == "gateway" and item.alive), None)
    if gateway is not None:
        ago = now - gateway.seen
        said = f"The gateway (process {gateway.pid}) runs jobs; it last looked {ago:.0f} s ago."
        if ago > _HUNG:
            said = (
                f"The gateway (process {gateway.pid}) has not looked for jobs for {ago / 60:.0f} minutes: it may hang."
            )
        return "gateway", said, gateway
    due = next((item for item in holders if item.kind == "run-due" and now - item.seen < _LATELY), None)
    if due is not None:
        said = f"`hermes cron run-due` ran {max(0.0, now - due.seen) / 60:.0f} minutes ago; it seems to come by itself."
        return "system", said, due
    last = next((item for item in holders if item.kind != "run"), None)
    since = f" Something last did {(now - last.seen) / 3600:.1f} hours ago." if last is not None else ""
    return "", f"No gateway runs, and nothing else runs jobs.{since}", None
