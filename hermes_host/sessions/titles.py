"""Titles of conversations: one line of printable characters, unique in a store."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["TITLE_LENGTH", "base_title", "clean_title", "printable", "unique_title"]

TITLE_LENGTH = 100

_NUMBERED = re.compile(r"^(.+?) #(\d{1,6})$")


def printable(text: str) -> str:
    """The text on one line, without control, zero-width, bidirectional and private characters."""
    kept = ["" if unicodedata.category(char)[0] == "C" and not char.isspace() else char for char in text]
    return " ".join("".join(kept).split())


def clean_title(title: str) -> str:
    """The title as it may be stored, at most `TITLE_LENGTH` characters; empty when nothing printable is in it."""
    return printable(title)[:TITLE_LENGTH].rstrip()


def base_title(title: str) -> str:
    """The name without a number: `trip` for `trip #2`."""
    numbered = _NUMBERED.match(title)
    return numbered[1] if numbered else title


def unique_title(title: str, taken: Collection[str]) -> str:
    """The cleaned title, or `name #2`, `name #3` … where it is among `taken` already (upper and lower case alike)."""
    title = clean_title(title)
    used = {other.casefold() for other in taken}
    if not title or title.casefold() not in used:
        return title
    base, number = base_title(title), 2
    while True:
        suffix = f" #{number}"
        candidate = base[: TITLE_LENGTH - len(suffix)].rstrip() + suffix
        if candidate.casefold() not in used:
            return candidate
        number += 1
