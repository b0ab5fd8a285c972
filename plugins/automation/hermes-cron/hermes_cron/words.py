"""The words of a schedule: cut into tokens, and read one after another without letting any go unread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermes_cron.errors import ScheduleError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DAY_PARTS", "MONTHS", "UNITS", "WEEKDAYS", "Clause", "Reader"]

WEEKDAYS = {
    word: number
    for number, words in enumerate(
        (
            "sunday sundays sun",
            "monday mondays mon",
            "tuesday tuesdays tue tues",
            "wednesday wednesdays wed",
            "thursday thursdays thu thur thurs",
            "friday fridays fri",
            "saturday saturdays sat",
        )
    )
    for word in words.split()
}
"""Numbers as cron has them: Sunday is 0."""

MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for word in words.split()
}

UNITS = {
    word: seconds
    for seconds, words in (
        (1, "s sec secs second seconds"),
        (60, "m min mins minute minutes"),
        (3600, "h hr hrs hour hours"),
        (86400, "d day days"),
        (604800, "w wk wks week weeks"),
    )
    for word in words.split()
}

DAY_PARTS = {"morning": (8, 0), "afternoon": (15, 0), "evening": (18, 0), "night": (21, 0)}
"""When a part of the day is, where no hour is given."""

_SMALL = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_NUMBERS = {word: number for number, word in enumerate(_SMALL, start=1)} | {
    "a": 1,
    "an": 1,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty-five": 45,
}

_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}

_TOKEN = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4}|\d{1,2}[:.]\d{2}(?:\s*[ap]\.?m\b\.?)?|\d{1,2}\s*[ap]\.?m\b\.?"
    r"|\d+(?:st|nd|rd|th)\b|\d+|[a-z]+(?:'clock|-five)?|\S"
)
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*([ap])?")


class Clause:
    """A time of day, and how it was understood."""

    def __init__(self, hour: int, minute: int = 0, note: str = "") -> None:
        self.hour, self.minute, self.note = hour, minute, note


class Reader:
    """Reads the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        lowered = text.lower().replace("o'clock", "").replace("–", "-")
        self._tokens: Sequence[str] = [token for token in _TOKEN.findall(lowered) if token != ","]
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether everything is read."""
        return self._at >= len(self._tokens)

    def done_after(self, number: int) -> bool:
        """Whether no more than so many tokens are left."""
        return self._at + number >= len(self._tokens)

    def peek(self, ahead: int = 0) -> str:
        """The next token, or one behind it; empty at the end."""
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def skip(self) -> str:
        """Read one token, whatever it is."""
        token = self.peek()
        self._at += 1
        return token

    def take(self, *words: str) -> bool:
        """Read these tokens when they come next, one after another."""
        if all(self.peek(number) == word for number, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def take_any(self, words: Sequence[str]) -> str:
        """Read one of these when it comes next; empty when none does."""
        return self.skip() if self.peek() and self.peek() in words else ""

    def number(self) -> int | None:
        """A plain number, in digits or as a word."""
        token = self.peek()
        if token.isdecimal():
            self.skip()
            return int(token)
        if token in _NUMBERS:
            self.skip()
            return _NUMBERS[token]
        return None

    def ordinal(self) -> int | None:
        """`1st`, `first`, `last` (which is -1) …"""
        token = self.peek()
        if token in _ORDINALS or token == "last":
            self.skip()
            return _ORDINALS.get(token, -1)
        if token[:-2].isdecimal() and token[-2:] in ("st", "nd", "rd", "th"):
            self.skip()
            return int(token[:-2])
        return None

    def duration(self) -> int | None:
        """`20 minutes`, `1h30m`, `half an hour`, `an hour and a half`, in seconds; None, and nothing read, if none."""
        start, total = self._at, 0
        while True:
            before = self._at
            if self.take("half", "an", "hour") or self.take("half", "a", "hour"):
                total += 1800
            else:
                number = self.number()
                unit = self.peek()
                if number is None or unit not in UNITS:
                    self._at = before
                    break
                self.skip()
                total += number * UNITS[unit]
                if self.take("and", "a", "half"):
                    total += UNITS[unit] // 2
            if self.peek() == "and" and (self.peek(1).isdecimal() or self.peek(1) in _NUMBERS):
                self.skip()
        if not total:
            self._at = start
            return None
        return total

    def time(self) -> Clause | None:
        """A time of day; None, and nothing read, if none comes. Raises `ScheduleError` for one there is not."""
        if self.take_any(("noon", "midday")):
            return Clause(12)
        if self.take("midnight"):
            return Clause(0)
        token = self.peek()
        match = _TIME.match(token)
        if match is None or token[-2:] in ("st", "nd", "rd", "th") or "-" in token or token.count(".") > 2:
            return None
        if match[2] is None and match[3] is None and self.peek(1) in (*UNITS, *MONTHS):
            return None
        self.skip()
        hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
        if half and not 1 <= hour <= 12:
            raise ScheduleError(f"There is no time {token!r}.")
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        longer = match[2] is None and len(match[1]) < len(token.rstrip("apm. "))
        if hour > 23 or minute > 59 or longer:
            raise ScheduleError(f"There is no time {token!r}.", remedy="Times run from 0:00 to 23:59.")
        if half is None and match[2] is None and 1 <= hour <= 12:
            other = f"{hour % 12 + 12}:00" if hour < 12 else "midnight"
            return Clause(hour, minute, f"{hour} means {hour:02}:00, not {other}")
        return Clause(hour, minute)

    def refuse(self, why: str = "") -> ScheduleError:
        """An error that says what could not be read."""
        rest = " ".join(self._tokens[self._at :])
        said = why or (f"{rest!r} in it is not understood." if rest else "It is not complete.")
        return ScheduleError(
            f"The schedule {self.text!r} cannot be used: {said}",
            remedy="Say it like `every weekday at 9`, `in 20 minutes`, `tomorrow at 7pm`, `every 2 hours between 9 and "
            "17`, `on the first Monday of the month at 10`, `2027-01-31 09:00`, or as a cron expression `0 9 * * 1-5`.",
        )
