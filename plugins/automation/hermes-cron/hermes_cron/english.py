"""Schedules in words, as cron expressions or as ISO times, made into a `Schedule` without asking any model.

A word that is not understood refuses the whole: a schedule that only seems understood runs at the wrong time for ever.
What was not clear (a bare `9`, a day without a time) is said in notes, for the person to see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import available_timezones

import msgspec

from hermes_cron.errors import ScheduleError
from hermes_cron.moments import Notes, local_moment, read_moment
from hermes_cron.recurring import read_recurring
from hermes_cron.schedule import Schedule, check
from hermes_cron.settings import zone_named
from hermes_cron.words import DAY_PARTS, WEEKDAYS, Reader

__all__ = ["Understood", "understand"]

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELD = re.compile(r"[\dA-Za-z*/,#-]+")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*([Zz]|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_ZONE = re.compile(r"\(?\b([A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+|UTC|GMT)\)?$")
_RECURRING = ("every", "each", "daily", "hourly", "weekly", "monthly", "yearly", "annually", "weekdays", "weekends")


class Understood(msgspec.Struct, frozen=True):
    """A schedule and how what was not clear in its words was understood."""

    schedule: Schedule
    notes: Sequence[str] = ()


def understand(text: str, *, now: float, zone: str) -> Understood:
    """What `text` says. Times are in `zone` unless it names another one. Raises `ScheduleError`; changes nothing."""
    said = " ".join(text.split()).rstrip(".!")
    if not said:
        raise ScheduleError("The schedule is empty.", remedy="Say for example `every weekday at 9`.")
    said, zone = _own_zone(said, zone)
    notes: Notes = []
    schedule = _expression(said, zone) or _iso(said, now, zone, notes) or _words(said, now, zone, notes)
    return Understood(check(schedule), tuple(dict.fromkeys(notes)))


def _own_zone(text: str, zone: str) -> tuple[str, str]:
    match = _ZONE.search(text)
    if match is None or (match[1] not in available_timezones() and "/" not in match[1]):
        return text, zone
    if re.fullmatch(r"[\d*/,-]+", match[1]):
        return text, zone
    rest = text[: match.start()].rstrip(" ,(")
    return rest.removesuffix(" in"), zone_named(match[1]).key


def _expression(text: str, zone: str) -> Schedule | None:
    if text.startswith("@"):
        if text.lower() not in _ALIASES:
            raise ScheduleError(f"There is no {text!r}.", remedy=f"There are: {', '.join(_ALIASES)}.")
        return Schedule(kind="calendar", zone=zone, cron=(_ALIASES[text.lower()],))
    fields = text.split()
    if len(fields) < 5 or not all(_FIELD.fullmatch(field) for field in fields) or fields[0][:1].isalpha():
        return None
    if not all(field[:1] in "*0123456789" for field in fields[:2]) or (fields[0].isdecimal() and fields[1].isalpha()):
        return None
    if len(fields) > 5:
        raise ScheduleError(
            f"{text!r} has {len(fields)} fields; a cron expression here has five.",
            remedy="Where seconds stand differs between programs: use `every 30 seconds` for those.",
        )
    return Schedule(kind="calendar", zone=zone, cron=(text.upper(),))


def _iso(text: str, now: float, zone: str, notes: Notes) -> Schedule | None:
    match = _ISO.fullmatch(text)
    if match is None or match[2] is None:
        return None
    try:
        found = datetime.fromisoformat(f"{match[1]}T{match[2]}{(match[3] or '').upper()}")
    except ValueError as error:
        raise ScheduleError(f"There is no {text!r}: {error}.") from None
    if found.tzinfo is None:
        at = local_moment(found.date(), found.hour, found.minute, zone, notes, found.second)
    else:
        at = found.timestamp()
    return _once(text, at, now, zone)


def _once(text: str, at: float, now: float, zone: str) -> Schedule:
    if at <= now:
        raise ScheduleError(f"{text!r} is over: a job that runs once needs a time to come.")
    return Schedule(kind="once", zone=zone, at=at)


def _words(text: str, now: float, zone: str, notes: Notes) -> Schedule:
    reader = Reader(text)
    if _recurs(reader):
        return read_recurring(reader, now, zone, notes)
    relative = _after(reader, now, zone, notes)
    if relative is not None:
        return _once(text, relative, now, zone)
    return _once(text, read_moment(reader, now, zone, notes), now, zone)


def _recurs(reader: Reader) -> bool:
    words = [reader.peek(number) for number in range(20)]
    if any(word in _RECURRING for word in words):
        return True
    if "month" in words or "months" in words:  # `on the first Monday of the month`
        return words[0] not in ("in", "next")
    if words[0] in WEEKDAYS and words[1] in ("to", "-", "through"):
        return True
    return any(word in WEEKDAYS and word.endswith("days") for word in words)


def _after(reader: Reader, now: float, zone: str, notes: Notes) -> float | None:
    """`in 20 minutes`, `20m`, `2 hours from now`, `in 2 days at 9`; None, and nothing read, for anything else."""
    said_in = reader.peek() == "in" and reader.peek(1) not in ("the", *DAY_PARTS)
    if said_in:
        reader.skip()
    seconds = reader.duration()
    if seconds is None:
        if said_in:
            raise reader.refuse()
        return None
    if not said_in and not reader.take("from", "now"):
        notes.append("It runs once, after that time; `every` before it repeats.")
    if reader.done:
        return now + seconds
    if seconds % 86400:
        raise reader.refuse()
    reader.take("at")
    clock = reader.time()
    if clock is None or not reader.done:
        raise reader.refuse()
    if clock.note:
        notes.append(f"{clock.note}.")
    day = datetime.fromtimestamp(now + seconds, zone_named(zone)).date()
    return local_moment(day, clock.hour, clock.minute, zone, notes)
