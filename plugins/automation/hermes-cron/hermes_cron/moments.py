"""One time, said in words: `tomorrow at 7pm`, `friday at 10`, `24 December 18:00`, `in 2 days at 9`, `2027-01-31`."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta

from hermes_cron.errors import ScheduleError
from hermes_cron.settings import zone_named
from hermes_cron.words import DAY_PARTS, MONTHS, WEEKDAYS, Clause, Reader

__all__ = ["Notes", "local_moment", "read_date", "read_moment", "real_date"]

Notes = list[str]
"""How what was not clear was understood, in sentences."""

DEFAULT = (9, 0)
"""The time of a day for which none is given."""


def local_moment(day: date, hour: int, minute: int, zone: str, notes: Notes, second: int = 0) -> float:
    """The instant a wall clock in `zone` shows this, in seconds since the epoch.

    A time the clock leaps over becomes the one as much later; of one it shows twice the first counts.
    """
    wall = datetime.combine(day, time(hour, minute, second), zone_named(zone))
    there = wall.astimezone(UTC).astimezone(wall.tzinfo)
    if there.replace(tzinfo=None) != wall.replace(tzinfo=None):
        notes.append(f"The clock leaps over {wall:%H:%M} on {day}, so it is {there:%H:%M}.")
        return there.timestamp()
    if wall.utcoffset() != wall.replace(fold=1).utcoffset():
        notes.append(f"The clock shows {wall:%H:%M} twice on {day}; the first time counts.")
    return wall.timestamp()


def real_date(year: int, month: int, day: int) -> date:
    """The date. Raises `ScheduleError` for one there is not."""
    try:
        return date(year, month, day)
    except ValueError:
        name = calendar.month_name[month] if 1 <= month <= 12 else f"month {month}"
        raise ScheduleError(f"There is no {day} {name} {year}.") from None


def read_moment(reader: Reader, now: float, zone: str, notes: Notes) -> float:
    """Read a moment to the end of the text. Raises `ScheduleError`, also for one that is over."""
    today = datetime.fromtimestamp(now, zone_named(zone)).date()
    day: date | None = None
    clock: Clause | None = None
    part = ""
    while not reader.done:
        if reader.take_any(("on", "at", "the", "this", "in", ",")):
            continue
        if word := reader.take_any((*DAY_PARTS, "tonight")):
            part, day = ("night", day or today) if word == "tonight" else (word, day)
            continue
        if day is None and (found := read_date(reader, today, notes)) is not None:
            day = found
            continue
        if clock is None and (found_time := reader.time()) is not None:
            clock = found_time
            continue
        raise reader.refuse()
    if day is None and clock is None and not part:
        raise reader.refuse()
    return _put_together(reader, day, clock, part, now=now, today=today, zone=zone, notes=notes)


def _put_together(
    reader: Reader,
    day: date | None,
    clock: Clause | None,
    part: str,
    *,
    now: float,
    today: date,
    zone: str,
    notes: Notes,
) -> float:
    hour, minute = _hour(clock, part, notes)
    if day is None:
        moment = local_moment(today, hour, minute, zone, notes)
        if moment <= now:
            day = today + timedelta(days=1)
            moment = local_moment(day, hour, minute, zone, notes)
        notes.append("It runs once; `every day` repeats it.")
        return moment
    moment = local_moment(day, hour, minute, zone, notes)
    if moment <= now:
        raise reader.refuse(f"{day} {hour:02}:{minute:02} is over.")
    return moment


def _hour(clock: Clause | None, part: str, notes: Notes) -> tuple[int, int]:
    if clock is None:
        hour, minute = DAY_PARTS.get(part, DEFAULT)
        notes.append(f"No time was given: {part + ' is' if part else 'it is'} {hour:02}:{minute:02}.")
        return hour, minute
    if part in ("afternoon", "evening", "night") and clock.note and clock.hour < 12:
        return clock.hour + 12, clock.minute
    if clock.note and not part:
        notes.append(f"{clock.note}.")
    return clock.hour, clock.minute


def read_date(reader: Reader, today: date, notes: Notes) -> date | None:
    """A date; None, and nothing read, if none comes."""
    for read in (_relative, _weekday, _iso, _named_month):
        found = read(reader, today, notes)
        if found is not None:
            return found
    return None


def _relative(reader: Reader, today: date, notes: Notes) -> date | None:
    if reader.take("today"):
        return today
    if reader.take("tomorrow"):
        return today + timedelta(days=1)
    if reader.take("day", "after", "tomorrow"):
        return today + timedelta(days=2)
    return None


def _weekday(reader: Reader, today: date, notes: Notes) -> date | None:
    is_next = reader.peek() == "next" and reader.peek(1) in WEEKDAYS
    if is_next:
        reader.skip()
    word = reader.take_any(tuple(WEEKDAYS))
    if not word:
        return None
    ahead = (WEEKDAYS[word] - (today.isoweekday() % 7)) % 7 or 7
    day = today + timedelta(days=ahead)
    notes.append(f"{'Next ' if is_next else ''}{word.capitalize()} is {day}.")
    return day


def _iso(reader: Reader, today: date, notes: Notes) -> date | None:
    token = reader.peek()
    if token.count("-") == 2:
        reader.skip()
        year, month, day = map(int, token.split("-"))
        return real_date(year, month, day)
    if token.count(".") == 2:
        reader.skip()
        day, month, year = map(int, token.split("."))
        if day <= 12:
            notes.append(f"{token} is day {day} of month {month}.")
        return real_date(year, month, day)
    return None


def _named_month(reader: Reader, today: date, notes: Notes) -> date | None:
    day, month = _day_and_month(reader)
    if month == 0:
        return None
    if day == 0:
        raise reader.refuse("Which day of the month?")
    token = reader.peek()
    if token.isdecimal() and len(token) == 4:
        reader.skip()
        return real_date(int(token), month, day)
    return _next_such(today, month, day)


def _day_and_month(reader: Reader) -> tuple[int, int]:
    """`december 24`, `24 december`, `24th of december`; zeros, and nothing read, for anything else."""
    if reader.peek() in MONTHS:
        month = MONTHS[reader.skip()]
        reader.take("the")
        return _day_number(reader), month
    beyond = 2 if reader.peek(1) == "of" else 1
    if reader.peek(beyond) in MONTHS and reader.peek()[:1].isdecimal() and ":" not in reader.peek():
        day = _day_number(reader)
        reader.take("of")
        return day, MONTHS[reader.skip()]
    return 0, 0


def _day_number(reader: Reader) -> int:
    found = reader.ordinal()
    if found is None and reader.peek().isdecimal() and len(reader.peek()) <= 2:
        found = int(reader.skip())
    return found or 0


def _next_such(today: date, month: int, day: int) -> date:
    if day > calendar.monthrange(2000, month)[1]:
        raise ScheduleError(f"{calendar.month_name[month]} has no day {day}.")
    years = range(today.year, today.year + 9)
    dates = (date(year, month, day) for year in years if day <= calendar.monthrange(year, month)[1])
    return next(found for found in dates if found >= today)
