"""Finding where the changes of a patch belong in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_files.lineedits import LineEdit, reindented, shifted, to_edit
from hermes_files.match import find_block
from hermes_files.replace import near_place
from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_files.text import Document, Edit
    from hermes_files.v4a import Hunk

__all__ = ["place_hunks"]

_NAMED = 10


def place_hunks(document: Document, hunks: Sequence[Hunk], shown: str) -> tuple[list[Edit], set[str]]:
    """The edits of all hunks, and the strategies that were needed beyond exact comparison.

    Raises `ToolError` when a hunk's lines are missing or stand in several places.
    """
    edits: list[Edit] = []
    strategies: set[str] = set()
    taken: list[tuple[int, int]] = []
    after = 0
    for hunk in hunks:
        place, strategy = _place(document, hunk, after, taken, shown)
        size = len(hunk.old)
        taken.append((place, place + size))
        after = place + size
        if strategy != "exact":
            strategies.add(strategy)
        there = document.lines.contents[place : place + size]
        changes = [reindented(change, hunk.old, there) for change in _changes(hunk)]
        edits += [to_edit(document, shifted(change, place)) for change in changes]
    return edits, strategies


def _changes(hunk: Hunk) -> Iterable[LineEdit]:
    """Runs of `-` and `+` rows, by their place among the hunk's old lines."""
    position, start = 0, 0
    added: list[str] = []
    for sign, line in (*hunk.rows, (" ", "")):
        if sign == " ":
            if position > start or added:
                yield LineEdit(start, position, added)
            position += 1
            start, added = position, []
        elif sign == "-":
            position += 1
        else:
            added = [*added, line]


def _place(document: Document, hunk: Hunk, after: int, taken: Sequence[tuple[int, int]], shown: str) -> tuple[int, str]:
    lines = document.lines.contents
    starts = _anchored(lines, hunk, shown)
    if not hunk.old:
        return _insertion(lines, hunk, starts, shown), "exact"
    found = find_block(lines, hunk.old)
    places = [] if found is None else found.places
    strategy = "exact" if found is None else found.strategy
    places = [place for place in places if all(place >= b or place + len(hunk.old) <= a for a, b in taken)]
    if hunk.at_end:
        places = [place for place in places if place + len(hunk.old) == len(lines)]
    if starts is not None:
        firsts = (next((place for place in places if place >= start), None) for start in starts)
        places = sorted({place for place in firsts if place is not None})
    if len(places) > 1 and after:
        # Changes stand in the order of the file, so those before the last one do not count where one is after it.
        places = [place for place in places if place >= after] or places
    if not places:
        hint = near_place(document, hunk.old) or "Nothing resembles them. Read the file."
        where = f" after {hunk.anchors[-1]!r}" if hunk.anchors else ""
        where += " at the end of the file" if hunk.at_end else ""
        raise ToolError(
            f"The lines of the change at line {hunk.row} of the patch are not in {shown}{where}; nothing was changed.",
            remedy=hint,
        )
    if len(places) > 1:
        raise _ambiguous(f"The lines of the change at line {hunk.row} of the patch", places, shown)
    return places[0], strategy


def _insertion(lines: Sequence[str], hunk: Hunk, starts: Sequence[int] | None, shown: str) -> int:
    if starts is None or hunk.at_end:
        return len(lines)
    if len(starts) > 1:
        raise _ambiguous(f"The line {hunk.anchors[-1]!r} after `@@`", starts, shown)
    return starts[0] + 1


def _anchored(lines: Sequence[str], hunk: Hunk, shown: str) -> list[int] | None:
    """The lines the hunk may come after; None when it names none."""
    if not hunk.anchors:
        return None
    starts = [-1]
    for anchor in hunk.anchors:
        found = [index for index, line in enumerate(lines) if line.strip() == anchor]
        found = found or [index for index, line in enumerate(lines) if line.strip().startswith(anchor)]
        if starts == [-1]:
            starts = found
        else:
            nested = (next((index for index in found if index > start), None) for start in starts)
            starts = sorted({index for index in nested if index is not None})
        if not starts:
            raise ToolError(
                f"The line {anchor!r} after `@@` (line {hunk.row} of the patch) is not in {shown}; nothing was done.",
                remedy="Use a line as it stands in the file, or leave it out and give more context.",
            )
    return starts


def _ambiguous(what: str, places: Sequence[int], shown: str) -> ToolError:
    named = ", ".join(str(place + 1) for place in places[:_NAMED])
    return ToolError(
        f"{what} occur in {shown} at lines {named}; nothing was changed.",
        remedy="Add lines of context, or `@@` with a line that stands before the right place.",
    )
