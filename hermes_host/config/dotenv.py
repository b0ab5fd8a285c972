"""The `.env` format: parse it with positions, and change one value without touching anything else.

The grammar is python-dotenv's with interpolation off, which is what Hermes Agent's users have on disk: optional
`export`, unquoted values that end at ` #`, single quotes with escaped quotes and backslashes, double quotes with the
usual escapes; quoted values may span lines. python-dotenv itself is not used because importing it takes 20 ms of every
start of a home that has a `.env`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Entry", "check_value", "parse", "quoted", "with_value", "without"]

_ENTRY = re.compile(
    r"""
    [^\S\n]*(?:export[^\S\n]+)?
    (?P<name>[A-Za-z_][A-Za-z0-9_.]*)[^\S\n]*=[^\S\n]*
    (?P<value>
        '(?P<single>(?:[^'\\]|\\['\\]|\\(?!['\\]))*)'
      | "(?P<double>(?:\\.|[^"\\])*)"
      | (?P<plain>(?!['"])[^\n]*?)(?=[^\S\n]+\#|[^\S\n]*(?:\n|\Z))
    )
    [^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_IGNORED = re.compile(r"[^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)")
_SINGLE_ESCAPE = re.compile(r"\\(['\\])")
_DOUBLE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_MEANING = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = {"\\": "\\\\", '"': '\\"', **{character: f"\\{letter}" for letter, character in _MEANING.items()}}


@dataclass(frozen=True, slots=True)
class Entry:
    """One `NAME=value` of the file, with the place of its line and of its value as written."""

    name: str
    value: str
    start: int
    end: int
    value_start: int
    value_end: int


def parse(text: str) -> tuple[Sequence[Entry], Sequence[int]]:
    """All entries in order, and the numbers of the lines that cannot be understood. Of two entries the later counts."""
    entries: list[Entry] = []
    bad: list[int] = []
    position = 1 if text.startswith("\ufeff") else 0
    while position < len(text):
        if match := _IGNORED.match(text, position):
            position = match.end()
        elif match := _ENTRY.match(text, position):
            entries.append(
                Entry(
                    match["name"], _value(match), match.start(), match.end(), match.start("value"), match.end("value")
                )
            )
            position = match.end()
        else:
            bad.append(text.count("\n", 0, position) + 1)
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline + 1
    return entries, bad


def _value(match: re.Match[str]) -> str:
    if (single := match["single"]) is not None:
        return _SINGLE_ESCAPE.sub(r"\1", single)
    if (double := match["double"]) is not None:
        return _DOUBLE_ESCAPE.sub(lambda escape: _MEANING.get(escape[1], escape[1]), double)
    return match["plain"]


def check_value(value: str) -> str:
    """Why the value cannot be kept in an environment file, or an empty string."""
    if "\0" in value:
        return "it contains a NUL character"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "it is not valid Unicode text"
    return ""


def quoted(value: str) -> str:
    """The value as it is written into the file."""
    if _PLAIN.fullmatch(value):
        return value
    if not any(character in "'\\\r\a\b\f\v" for character in value):
        return f"'{value}'"
    return '"' + "".join(_ESCAPE.get(character, character) for character in value) + '"'


def with_value(text: str, name: str, value: str) -> str:
    """The text with that value set: in its old place where there is one, else in a new last line."""
    for entry in reversed(parse(text)[0]):
        if entry.name == name:
            return text[: entry.value_start] + quoted(value) + text[entry.value_end :]
    newline = "\r\n" if "\r\n" in text else "\n"
    separator = newline if text and not text.endswith("\n") else ""
    return f"{text}{separator}{name}={quoted(value)}{newline}"


def without(text: str, name: str) -> str:
    """The text without any entry of that name."""
    for entry in reversed(parse(text)[0]):
        if entry.name == name:
            text = text[: entry.start] + text[entry.end :]
    return text
