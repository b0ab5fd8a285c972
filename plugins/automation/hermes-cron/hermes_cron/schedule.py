"""Schedules: once, at an interval, or by the calendar; when they come next, and what they mean in words.

Calendar times are cron expressions, evaluated by `cronsim`, which goes through daylight saving as Debian's cron does: a
fixed time that the clock leaps over comes right after the leap, one that the clock shows twice comes once; `*` and `/`
in the hour go by real time. Intervals are counted from an anchor, so they never drift.
"""

from __future__ import annotations

import heapq
import math
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal

import msgspec
from cronsim import CronSim, CronSimError

from hermes_cron.errors import ScheduleError
from hermes_cron.settings import zone_named, zone_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Schedule", "check", "coming", "meaning", "next_after", "period", "spell", "till"]

_TRIED = 20_000
"""Candidates looked at for one that fits `every`, such as the weeks of a job for every second week."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a job runs."""

    kind: Literal["once", "interval", "calendar"]
    zone: str
    """The IANA name of the time zone."""
    at: float = 0.0
    """`once`: seconds since the epoch."""
    seconds: float = 0.0
    """`interval`: its length."""
    anchor: float = 0.0
    """`interval`: what it is counted from; the first run is one interval later."""
    cron: tuple[str, ...] = ()
    """`calendar`: cron expressions of five fields; the times of all of them count."""
    every: int = 1
    """`calendar`: only every so manieth day, week or month, counted from `since`."""
    unit: Literal["", "day", "week", "month"] = ""
    since: str = ""
    """A date, `YYYY-MM-DD`."""


def check(schedule: Schedule) -> Schedule:
    """The same schedule. Raises `ScheduleError` when a cron expression is wrong, or no time fits it."""
    start = datetime(2000, 1, 1, tzinfo=zone_named(schedule.zone))
    for expression in schedule.cron:
        try:
            next(CronSim(expression, start))
        except CronSimError as error:
            raise ScheduleError(
                f"{expression!r} is no cron expression that can come: {error}.",
                remedy="Five fields: minute hour day month weekday, such as `0 9 * * MON-FRI`.",
            ) from None
        except StopIteration:
            raise ScheduleError(f"{expression!r} never comes.") from None
    return schedule


def next_after(schedule: Schedule, moment: float) -> float | None:
    """The first instant after `moment`, or None when there is none any more. Seconds since the epoch."""
    return next(coming(schedule, moment), None)


def coming(schedule: Schedule, moment: float) -> Iterator[float]:
    """The instants after `moment`, in order."""
    if schedule.kind == "once":
        if schedule.at > moment:
            yield schedule.at
    elif schedule.kind == "interval":
        number = max(1, math.floor((moment - schedule.anchor) / schedule.seconds) + 1)
        while True:
            instant = schedule.anchor + number * schedule.seconds
            if instant > moment:
                yield instant
            number += 1
    else:
        yield from _calendar(schedule, moment, reverse=False)


def till(schedule: Schedule, first: float, last: float, limit: int) -> tuple[Sequence[float], bool]:
    """The instants from `first` to `last`, the newest `limit` of them, in order; and whether there are earlier ones.

    Costs no more for a year than for a day.
    """
    if schedule.kind == "once":
        return ([schedule.at] if first <= schedule.at <= last else []), False
    found: list[float] = []
    for instant in _backwards(schedule, last):
        if instant > last:
            continue
        if instant < first:
            return found[::-1], False
        if len(found) == limit:
            return found[::-1], True
        found.append(instant)
    return found[::-1], False


def _backwards(schedule: Schedule, last: float) -> Iterator[float]:
    if schedule.kind == "calendar":
        yield from _calendar(schedule, last + 1.0, reverse=True)
        return
    number = math.floor((last - schedule.anchor) / schedule.seconds)
    while number >= 1:
        yield schedule.anchor + number * schedule.seconds
        number -= 1


def _calendar(schedule: Schedule, moment: float, *, reverse: bool) -> Iterator[float]:
    zone = zone_named(schedule.zone)
    # Whole seconds: cronsim counts in them.
    whole = math.ceil(moment) if reverse else math.floor(moment)
    start = datetime.fromtimestamp(whole, zone)
    times = [(item.timestamp() for item in CronSim(text, start, reverse)) for text in schedule.cron]
    last: float | None = None
    skipped = 0
    for instant in heapq.merge(*times, reverse=reverse):
        if instant == last or (instant >= moment if reverse else instant <= moment):
            continue
        last = instant
        if not _fits(schedule, datetime.fromtimestamp(instant, zone).date()):
            skipped += 1
            if skipped > _TRIED:
                return
            continue
        skipped = 0
        yield instant


def _fits(schedule: Schedule, day: date) -> bool:
    if schedule.every == 1:
        return True
    since = date.fromisoformat(schedule.since)
    if schedule.unit == "month":
        return (day.year * 12 + day.month - since.year * 12 - since.month) % schedule.every == 0
    if schedule.unit == "week":
        # Weeks begin on Monday: day 1 of the proleptic calendar was one.
        return ((day.toordinal() - 1) // 7 - (since.toordinal() - 1) // 7) % schedule.every == 0
    return (day.toordinal() - since.toordinal()) % schedule.every == 0


def period(schedule: Schedule, moment: float) -> float | None:
    """Seconds between the two instants that follow `moment`; None for a schedule that comes once."""
    if schedule.kind == "interval":
        return schedule.seconds
    two = list(islice(coming(schedule, moment), 2))
    return two[1] - two[0] if len(two) == 2 else None


def meaning(schedule: Schedule) -> str:
    """What it means, in words, with the time zone."""
    if schedule.kind == "once":
        return f"once, {spell(schedule.at, schedule.zone)}"
    if schedule.kind == "interval":
        return f"every {_duration(schedule.seconds)}"
    start = datetime(2000, 1, 1, tzinfo=zone_shown(schedule.zone))
    explained = [CronSim(text, start).explain() for text in schedule.cron]
    said = ", and ".join(f"{text[:1].lower()}{text[1:]}" for text in explained)
    if schedule.every > 1:
        said = f"every {schedule.every} {schedule.unit}s from {schedule.since} on, {said.removesuffix(' every day')}"
    return f"{said} ({schedule.zone})"


def spell(moment: float, zone: str) -> str:
    """A time in words, such as `Mon 2026-11-23 09:00 CET`; seconds only where there are some."""
    local = datetime.fromtimestamp(moment, zone_shown(zone))
    seconds = f":{local:%S}" if local.second else ""
    return f"{local:%a %Y-%m-%d %H:%M}{seconds} {local:%Z}"


def _duration(seconds: float) -> str:
    for size, word in ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            number = int(seconds // size)
            return word if number == 1 else f"{number} {word}s"
    if seconds > 3600 and seconds % 60 == 0:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{seconds:g} seconds"
