"""What repeats, said in words: `every weekday at 9`, `every 2 hours between 9 and 17`, `last Friday of the month`."""

from __future__ import annotations

import calendar
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from hermes_cron.moments import DEFAULT, Notes
from hermes_cron.schedule import Schedule, check, next_after
from hermes_cron.settings import zone_named
from hermes_cron.words import DAY_PARTS, MONTHS, UNITS, WEEKDAYS, Clause, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

__all__ = ["read_recurring"]

_RHYTHMS = {
    "daily": (1, "day"),
    "hourly": (3600, "second"),
    "weekly": (1, "week"),
    "monthly": (1, "month"),
    "yearly": (1, "year"),
    "annually": (1, "year"),
}
_SHORT = {"s", "sec", "secs", "m", "min", "mins", "h", "hr", "hrs", "d", "w", "wk", "wks"}
"""Units as abbreviations are lengths: `every 1d` is 24 hours from now, `every day` one by the calendar."""

_FILLER = ("on", "at", "the", "in", "each", "every", "and", "of")


class _Said:
    """What has been read so far."""

    def __init__(self) -> None:
        self.every = 1
        self.unit = ""  # second, day, week, month, year; of seconds `every` is the number
        self.weekdays: list[int] = []
        self.ordinals: list[int] = []  # of the weekdays in a month; -1 is the last
        self.days: list[int] = []  # of the month; -1 is the last
        self.month = 0
        self.times: list[Clause] = []
        self.window: tuple[Clause, Clause] | None = None
        self.part = ""
        self.number = 0  # `every second tuesday`, until it is clear what the second is


def read_recurring(reader: Reader, now: float, zone: str, notes: Notes) -> Schedule:
    """Read to the end of the text. Raises `ScheduleError`."""
    said = _Said()
    while not reader.done:
        if not any(
            read(reader, said) for read in (_rhythm, _window, _days_of_week, _day_of_month, _year_day, _time_of_day)
        ) and not reader.take_any(_FILLER):
            raise reader.refuse()
    today = datetime.fromtimestamp(now, zone_named(zone)).date()
    if said.unit == "second" and not said.weekdays and said.window is None and not said.times and not said.part:
        if said.days or said.month:
            raise reader.refuse("a length of time and a date do not go together.")
        return Schedule(kind="interval", zone=zone, seconds=float(said.every), anchor=now)
    return _calendar(reader, said, today, now, zone, notes)


# ------------------------------------------------------------------------------------------------------- reading


def _rhythm(reader: Reader, said: _Said) -> bool:
    if word := reader.take_any(tuple(_RHYTHMS)):
        said.every, said.unit = _RHYTHMS[word]
        return True
    if not reader.take_any(("every", "each")):
        return False
    if reader.take("other"):
        said.number = 2
    elif reader.peek() in ("second", "third", "fourth", "2nd", "3rd", "4th") and reader.peek(1) in (
        *WEEKDAYS,
        *("day", "week", "month", "weekday"),
    ):
        said.number = reader.ordinal() or 0
    if reader.done or (reader.peek().isdecimal() and reader.done_after(1)):
        raise reader.refuse("every what?")
    _unit(reader, said)
    return True


def _unit(reader: Reader, said: _Said) -> None:
    ahead = 1 if reader.peek().isdecimal() or reader.peek(1) in ("days", "weeks", "months", "years") else 0
    word = reader.peek(ahead).removesuffix("s")
    if word in ("day", "week", "month", "year") and reader.peek(ahead) not in _SHORT:
        count = reader.number() if ahead else None
        reader.skip()
        said.every, said.unit = count or said.number or 1, word
        said.number = 0
        if said.every < 1:
            raise reader.refuse("every 0 of something is never.")
        return
    if reader.peek() in UNITS and not said.number:
        said.every, said.unit = UNITS[reader.skip()], "second"
        return
    seconds = reader.duration()
    if seconds is not None:
        said.every, said.unit = seconds, "second"


def _window(reader: Reader, said: _Said) -> bool:
    for first, second in (("between", ("and", "-", "to")), ("from", ("to", "until", "till", "-"))):
        if reader.peek() == first and reader.peek(1) not in WEEKDAYS and said.window is None:
            reader.skip()
            begin = reader.time()
            if begin is None or not reader.take_any(second):
                raise reader.refuse()
            end = reader.time()
            if end is None:
                raise reader.refuse()
            said.window = (begin, end)
            return True
    return False


def _days_of_week(reader: Reader, said: _Said) -> bool:
    if reader.take_any(("weekday", "weekdays", "workday", "workdays")):
        said.weekdays += [1, 2, 3, 4, 5]
        return True
    if reader.take_any(("weekend", "weekends")):
        said.weekdays += [6, 0]
        return True
    reader.take("from")
    word = reader.take_any(tuple(WEEKDAYS))
    if not word:
        return False
    first = WEEKDAYS[word]
    if reader.peek() in ("to", "-", "through", "until") and reader.peek(1) in WEEKDAYS:
        reader.skip()
        last = WEEKDAYS[reader.skip()]
        said.weekdays += [(first + number) % 7 for number in range((last - first) % 7 + 1)]
    else:
        said.weekdays.append(first)
    return True


def _day_of_month(reader: Reader, said: _Said) -> bool:
    """`first Monday`, `15th`, `last day`, and after them `of the month`."""
    if reader.take_any(("month", "months")):
        said.unit = said.unit or "month"
        return True
    if reader.peek() == "last" and reader.peek(1) == "day":
        reader.skip()
        reader.skip()
        said.days.append(-1)
        return True
    if reader.take("day") and said.unit == "month":
        number = reader.number()
        if number is None:
            raise reader.refuse()
        said.days.append(number)
        return True
    number = None if reader.peek(1) in MONTHS or reader.peek(2) in MONTHS else reader.ordinal()
    if number is None:
        return False
    (said.ordinals if reader.peek() in WEEKDAYS or _several(reader) else said.days).append(number)
    return True


def _several(reader: Reader) -> bool:
    """`first and third Monday`."""
    return reader.peek() == "and" and reader.peek(2) in WEEKDAYS


def _year_day(reader: Reader, said: _Said) -> bool:
    if reader.peek() in MONTHS:
        said.month = MONTHS[reader.skip()]
        reader.take("the")
        found = reader.ordinal()
        if found is None and reader.peek().isdecimal() and ":" not in reader.peek():
            found = int(reader.skip())
        if found is None and not said.days:
            raise reader.refuse("Which day of the month?")
        said.days += [found] if found is not None else []
    elif reader.peek(1) in MONTHS or (reader.peek(1) == "of" and reader.peek(2) in MONTHS):
        found = reader.ordinal()
        found = reader.number() if found is None else found
        if found is None:
            return False
        reader.take("of")
        said.days, said.month = [found], MONTHS[reader.skip()]
    else:
        return False
    said.unit = said.unit or "year"
    return True


def _time_of_day(reader: Reader, said: _Said) -> bool:
    if word := reader.take_any(tuple(DAY_PARTS)):
        said.part = word
        return True
    found = reader.time()
    if found is not None:
        said.times.append(found)
    return found is not None


# ------------------------------------------------------------------------------------------------ making sense of it


def _calendar(reader: Reader, said: _Said, today: date, now: float, zone: str, notes: Notes) -> Schedule:
    if said.number:
        _settle_number(reader, said, notes)
    times = _times(reader, said, notes)
    rest = _day_fields(reader, said, today, notes)
    expressions = tuple(f"{clock} {day}" for clock in _clock_fields(times) for day in rest)
    unit = said.unit if said.unit in ("day", "week", "month") else ""
    if said.every > 1 and unit:
        every_time = Schedule(kind="calendar", zone=zone, cron=expressions)
        first = next_after(check(every_time), now) or now
        since = datetime.fromtimestamp(first, zone_named(zone)).date().isoformat()
        return msgspec.structs.replace(every_time, every=said.every, unit=unit, since=since)
    if said.every > 1 and said.unit == "year":
        raise reader.refuse("only every year can be had, not every few.")
    return Schedule(kind="calendar", zone=zone, cron=expressions)


def _settle_number(reader: Reader, said: _Said, notes: Notes) -> None:
    """`every second tuesday`: of the month where one is named, else every other week."""
    if said.unit == "month":
        said.ordinals.append(said.number)
    elif said.weekdays and len(said.weekdays) == 1:
        said.every, said.unit = said.number, "week"
        notes.append(f"It is every {said.number} weeks; `of the month` counts within the month.")
    else:
        raise reader.refuse()


def _times(reader: Reader, said: _Said, notes: Notes) -> Sequence[tuple[int, int]]:
    if said.unit == "second":
        return _through_the_day(reader, said)
    if said.window is not None:
        raise reader.refuse("how often between these times? Say `every hour between 9 and 17`.")
    if not said.times:
        hour, minute = DAY_PARTS.get(said.part, DEFAULT)
        notes.append(f"No time was given: {said.part + ' is' if said.part else 'it is'} {hour:02}:{minute:02}.")
        return [(hour, minute)]
    late = said.part in ("afternoon", "evening", "night")
    found = []
    for clock in said.times:
        shifted = late and clock.note and clock.hour < 12
        if clock.note and not shifted:
            notes.append(f"{clock.note}.")
        found.append((clock.hour + 12 if shifted else clock.hour, clock.minute))
    return found


def _through_the_day(reader: Reader, said: _Said) -> Sequence[tuple[int, int]]:
    """Every so many minutes, from the beginning of the window to its end."""
    if said.every % 60 or said.every > 86400:
        raise reader.refuse("within a day only whole minutes can be counted.")
    if said.times or said.part:
        raise reader.refuse("an interval and a time do not go together; say `between 9 and 17`.")
    begin, end = said.window or (Clause(0), Clause(23, 59))
    first, last = begin.hour * 60 + begin.minute, end.hour * 60 + end.minute
    if first >= last:
        raise reader.refuse("the window ends before it begins.")
    return [divmod(minute, 60) for minute in range(first, last + 1, said.every // 60)]


def _clock_fields(times: Sequence[tuple[int, int]]) -> Sequence[str]:
    """Minute and hour of as few cron expressions as these times need."""
    hours: dict[int, list[int]] = {}
    for hour, minute in times:
        hours.setdefault(hour, []).append(minute)
    groups: dict[tuple[int, ...], list[int]] = {}
    for hour, minutes in sorted(hours.items()):
        groups.setdefault(tuple(sorted(set(minutes))), []).append(hour)
    return [f"{_listed(minutes)} {_listed(group)}" for minutes, group in groups.items()]


def _listed(numbers: Sequence[int]) -> str:
    """`9-17`, or `9,12,15`."""
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]}-{numbers[-1]}"
    return ",".join(map(str, numbers))


def _day_fields(reader: Reader, said: _Said, today: date, notes: Notes) -> Sequence[str]:
    """Day, month and weekday of the cron expressions."""
    weekdays = sorted(set(said.weekdays))
    if said.ordinals or (weekdays and said.unit == "month" and not said.days):
        if said.days or not weekdays:
            raise reader.refuse()
        if not all(number == -1 or 1 <= number <= 5 for number in said.ordinals):
            raise reader.refuse("a month has at most five of each weekday.")
        if not said.ordinals:
            raise reader.refuse("which one of the month? Say `the first Monday of the month`.")
        ends = ["L" if number == -1 else f"#{number}" for number in said.ordinals]
        month = said.month or "*"
        return [f"* {month} {day}{end}" for end in ends for day in weekdays]
    if said.days or said.unit in ("month", "year"):
        return _dates(reader, said, weekdays, notes)
    if said.unit == "week" and not weekdays:
        weekdays = [today.isoweekday() % 7]
        notes.append(f"No weekday was given: it is {calendar.day_name[today.weekday()]}, as today.")
    return [f"* * {_listed(weekdays)}" if weekdays else "* * *"]


def _dates(reader: Reader, said: _Said, weekdays: Sequence[int], notes: Notes) -> Sequence[str]:
    if weekdays:
        raise reader.refuse("a day of the month and a weekday do not go together.")
    if said.unit == "year" and not said.month:
        raise reader.refuse("which day of the year?")
    days = said.days
    if not days:
        days = [1]
        notes.append("No day was given: it is the 1st.")
    if not all(day == -1 or 1 <= day <= 31 for day in days):
        raise reader.refuse("a month has no such day.")
    if max(days) > 28 and not said.month:
        notes.append(f"Months without day {max(days)} are passed over; `the last day of the month` is in all of them.")
    if said.month and max(days) > calendar.monthrange(2000, said.month)[1]:
        raise reader.refuse(f"{calendar.month_name[said.month]} has no day {max(days)}.")
    return [f"{'L' if day == -1 else day} {said.month or '*'} *" for day in sorted(set(days))]
