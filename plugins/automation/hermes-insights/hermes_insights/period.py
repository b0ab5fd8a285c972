"""Days of this machine's time zone, across changes to and from daylight saving time."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "QUARTER", "WEEKDAYS", "Moment", "MomentReader", "Period", "last_days", "streaks"]

LONGEST = 3_660
"""Days a report may span."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

QUARTER = 900
"""Seconds. Clocks change, and zones differ, by whole quarters of an hour."""


class Period(msgspec.Struct, frozen=True):
    """From the first moment of a day until now."""

    days: int
    since: float
    until: float

    @property
    def time_zone(self) -> str:
        """The name of the zone at its end."""
        return datetime.fromtimestamp(self.until).astimezone().tzname() or ""

    def dates(self) -> list[str]:
        """All days in it."""
        last = datetime.fromtimestamp(self.until).date()
        return [(last - timedelta(days=back)).isoformat() for back in reversed(range(self.days))]


class Moment(msgspec.Struct, frozen=True):
    """Where a time falls."""

    day: str
    weekday: str
    hour: str


def last_days(days: int, *, now: float | None = None) -> Period:
    """Today and the days before, `days` in all. A day may have 23, 24 or 25 hours."""
    until = time.time() if now is None else now
    first = datetime.fromtimestamp(until).date() - timedelta(days=days - 1)
    return Period(days, datetime(first.year, first.month, first.day).timestamp(), until)


class MomentReader:
    """Tells where times fall; asks the time zone once for each quarter of an hour."""

    def __init__(self) -> None:
        self._known: dict[int, Moment] = {}

    def read(self, seconds: float) -> Moment:
        """The day, weekday and hour of a time."""
        quarter = int(seconds // QUARTER)
        moment = self._known.get(quarter)
        if moment is None:
            local = datetime.fromtimestamp(quarter * QUARTER)
            moment = Moment(local.date().isoformat(), WEEKDAYS[local.weekday()], f"{local.hour:02}")
            self._known[quarter] = moment
        return moment


def streaks(days: Iterable[str], today: str) -> tuple[int, int]:
    """The longest run of days in a row, and the one that reaches today or yesterday."""
    best = run = 0
    before: date | None = None
    for day in sorted(map(date.fromisoformat, set(days))):
        run = run + 1 if before is not None and day - before == timedelta(days=1) else 1
        best, before = max(best, run), day
    current = run if before is not None and date.fromisoformat(today) - before <= timedelta(days=1) else 0
    return best, current
