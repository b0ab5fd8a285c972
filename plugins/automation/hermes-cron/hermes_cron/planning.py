"""Which of a job's due instants run, and which are written down as missed or skipped, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from hermes_cron.schedule import next_after, period, spell, till

if TYPE_CHECKING:
    from hermes_cron.records import Row
    from hermes_cron.settings import CronSettings

__all__ = ["Plan", "Verdict", "grace_of", "plan"]

_LIMIT = 100
"""Missed instants of which each gets a row of its own; those before them share one."""

_ON_TIME = 60.0
"""Seconds a run may be late without being called late."""

_DAY = 86_400.0


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of one instant."""

    due: float
    state: str
    """`queued`, `missed` or `skipped`."""
    reason: str = ""
    count: int = 1


class Plan(msgspec.Struct, frozen=True):
    """What becomes of all that was due, and when the job is due again."""

    verdicts: Sequence[Verdict]
    next: float | None


def grace_of(row: Row, settings: CronSettings) -> float:
    """Seconds a run of this job may be late."""
    wanted = row.job.grace if row.job.grace is not None else settings.grace
    if wanted:
        return wanted
    length = period(row.job.schedule, row.next or row.created)
    return _DAY if length is None else min(max(length / 2, 120.0), 7200.0)


def plan(row: Row, now: float, settings: CronSettings, *, busy: bool) -> Plan:
    """Judge the instants of a job that is due. `busy`: a run of it is under way, or waits to begin."""
    assert row.next is not None, "it is due"
    schedule = row.job.schedule
    following = next_after(schedule, row.next)
    instants, more = [row.next], False
    if following is not None and following <= now:
        found, more = till(schedule, row.next, now, _LIMIT)
        instants, following = list(found), next_after(schedule, now)
    verdicts: list[Verdict] = []
    if more:
        said = f"Nothing ran jobs then; it stands for all from {spell(row.next, schedule.zone)} on."
        verdicts.append(Verdict(row.next, "missed", said, count=0))
        instants = [instant for instant in instants if instant > row.next]
    if busy:
        verdicts += [Verdict(due, "skipped", "The run before it was still under way.") for due in instants]
        return Plan(verdicts, following)
    run = _to_run(row, instants, now, settings)
    left = row.job.repeat - row.completed if row.job.repeat else None
    for due in instants:
        if due in run and (left is None or left > 0):
            left = None if left is None else left - 1
            late = now - due
            verdicts.append(Verdict(due, "queued", _late(late) if late > _ON_TIME else ""))
        elif left is None or left > 0:
            verdicts.append(Verdict(due, "missed", f"Nothing ran jobs then; it was looked at {_late(now - due)}"))
    return Plan(verdicts, None if left == 0 else following)


def _to_run(row: Row, instants: Sequence[float], now: float, settings: CronSettings) -> set[float]:
    policy = row.job.missed or settings.missed
    if policy == "all":
        return set(instants)
    if now - instants[-1] <= _ON_TIME:
        return {instants[-1]}
    return {instants[-1]} if policy == "once" and now - instants[-1] <= grace_of(row, settings) else set()


def _late(seconds: float) -> str:
    for size, word in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word} late."
    return f"{seconds:.0f} seconds late."
