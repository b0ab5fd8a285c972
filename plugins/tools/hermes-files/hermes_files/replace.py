"""Mode `replace` of the tool `patch`: one text for another, exactly or by a careful second look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hermes_files.lineedits import LineEdit, ending_at, keep_endings, line_operations, reindented, shifted, to_edit
from hermes_files.match import find_block, nearest
from hermes_files.text import Document, Edit, adapt_endings
from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Replacement", "near_place", "plan"]

_NUMBERED = re.compile(r" *(\d+)\|")
_ESCAPE = re.compile(r"\\(n|t|r|\"|'|\\)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_BLANK_AROUND = re.compile(r"((?:[ \t]*\n)*)(.*?)((?:\n[ \t]*)*)", re.DOTALL)
_NAMED = 10
_NEAR_LINES = 8
_NEAR_WIDTH = 200


class Replacement(NamedTuple):
    """The places that were found: for each its edits (in the order of the text), its line number; and the strategy."""

    strategy: str
    places: list[list[Edit]]
    line_numbers: list[int]


def plan(document: Document, old: str, new: str, *, replace_all: bool, shown: str) -> Replacement:
    """Where `old` is and what replaces it. Raises `ToolError` when it is missing or ambiguous, or nothing changes."""
    if not old:
        raise ToolError("old_string is empty.", remedy="Give the text to replace, or use write_file for a new content.")
    if old == new:
        raise ToolError("old_string and new_string are the same; there is nothing to change.")
    found = (
        _exact(document, old, new)
        or _reworded(document, "line_numbers_removed", _without_numbers(old, new))
        or _reworded(document, "escape_normalized", _unescaped(old, new))
        or _by_lines(document, old, new)
        or _reworded(document, "trimmed_boundary", _trimmed(old, new))
        or (None if replace_all else _by_lines(document, old, new, loose=True))
    )
    if found is None:
        raise _missed(document, old, new, shown)
    if not replace_all and len(found.places) > 1:
        raise _ambiguous(found, shown)
    return _apart(found)


def _exact(document: Document, old: str, new: str, strategy: str = "exact") -> Replacement | None:
    text, style = document.text, document.endings.style
    if "\r" in old or "\r" in new:
        if old in text:
            return _found(document, strategy, [Edit(at, at + len(old), new) for at in _all(text, old)])
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not document.endings.mixed:
        old, new = adapt_endings(old, style), adapt_endings(new, style)
        return _found(document, strategy, [Edit(at, at + len(old), new) for at in _all(text, old)])
    pattern = re.compile("(?=(" + "\r?\n".join(map(re.escape, old.split("\n"))) + "))")
    spans = [match.span(1) for match in pattern.finditer(text)]
    # A match that begins at the LF of a CR LF would tear the pair apart; the one at its CR is found as well.
    spans = [(a, b) for a, b in spans if not (text[a] == "\n" and text[a - 1 : a] == "\r")]
    edits = [Edit(a, b, keep_endings(text[a:b], new, ending_at(document, a))) for a, b in spans]
    return _found(document, strategy, edits)


def _all(text: str, wanted: str) -> list[int]:
    """Where `wanted` begins, overlapping places too: they make it ambiguous."""
    places = []
    at = text.find(wanted)
    while at >= 0:
        places.append(at)
        at = text.find(wanted, at + 1)
    return places


def _found(document: Document, strategy: str, edits: Sequence[Edit]) -> Replacement | None:
    if not edits:
        return None
    separator = "\r" if document.endings.style == "\r" else "\n"
    numbers = []
    line, position = 1, 0
    for edit in edits:
        line += document.text.count(separator, position, edit.start)
        position = edit.start
        numbers.append(line)
    return Replacement(strategy, [[edit] for edit in edits], numbers)


def _apart(found: Replacement) -> Replacement:
    """Without the places that overlap one before them."""
    places: list[list[Edit]] = []
    numbers: list[int] = []
    for edits, number in zip(found.places, found.line_numbers, strict=True):
        if not places or edits[0].start >= places[-1][-1].end:
            places.append(edits)
            numbers.append(number)
    return Replacement(found.strategy, places, numbers)


def _reworded(document: Document, strategy: str, pair: tuple[str, str] | None) -> Replacement | None:
    """The same letters in another wrapping."""
    return _exact(document, *pair, strategy) if pair is not None and pair[0] and pair[0] != pair[1] else None


def _without_numbers(old: str, new: str) -> tuple[str, str] | None:
    matches = [_NUMBERED.match(line) for line in old.removesuffix("\n").split("\n")]
    numbers = [int(match[1]) for match in matches if match is not None]
    if len(numbers) < len(matches) or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None

    def strip(text: str) -> str:
        return "\n".join(_NUMBERED.sub("", line, count=1) for line in text.split("\n"))

    return strip(old), strip(new)


def _unescaped(old: str, new: str) -> tuple[str, str] | None:
    if not _ESCAPE.search(old):
        return None

    def undo(text: str) -> str:
        return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], text)

    return undo(old), undo(new)


def _trimmed(old: str, new: str) -> tuple[str, str] | None:
    """Without blank lines around. Indentation stays: the comparison by lines knows better what to do with it."""
    match = _BLANK_AROUND.fullmatch(old)
    if match is None or not match[2] or match[2] == old:
        return None
    return match[2], new.removeprefix(match[1]).removesuffix(match[3])


def _by_lines(document: Document, old: str, new: str, *, loose: bool = False) -> Replacement | None:
    """Whole lines, compared by looser and looser keys. Lines that the model does not change keep the file's form."""
    block, wanted = _as_lines(old), _as_lines(new) if new else []
    if not any(line.strip() for line in block):
        return None
    operations = line_operations(block, wanted)
    found = find_block(document.lines.contents, block, _must_be_right(operations, len(block)), loose=loose)
    if found is None or not operations:
        return None
    places = []
    for place in found.places:
        there = document.lines.contents[place : place + len(block)]
        changes = [reindented(each, block, there) for each in operations]
        places.append([to_edit(document, shifted(each, place)) for each in changes])
    return Replacement(found.strategy, places, [place + 1 for place in found.places])


def _as_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _must_be_right(operations: Sequence[LineEdit], count: int) -> set[int]:
    right: set[int] = set()
    for each in operations:
        right.update(range(each.start, each.end))
        if each.start == each.end:
            right.update(index for index in (each.start - 1, each.start) if 0 <= index < count)
    return right


def _ambiguous(found: Replacement, shown: str) -> ToolError:
    numbers = found.line_numbers
    named = ", ".join(map(str, numbers[:_NAMED])) + (
        f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    )
    how = "" if found.strategy == "exact" else f" (compared by {found.strategy})"
    return ToolError(
        f"old_string occurs {len(numbers)} times in {shown}{how}, at lines {named}; nothing was changed.",
        remedy="Add lines around it until it is unique, or set replace_all.",
    )


def _missed(document: Document, old: str, new: str, shown: str) -> ToolError:
    already = _exact(document, new, old) if new.strip() and len(new) > 10 else None
    if already is not None and len(already.places) == 1:
        hint = f"new_string is there already, at line {already.line_numbers[0]}: has the edit been made before?"
    else:
        hint = near_place(document, _as_lines(old)) or "Nothing resembles it. Read the file."
    return ToolError(f"old_string does not occur in {shown}; nothing was changed.", remedy=hint)


def near_place(document: Document, block: Sequence[str]) -> str:
    """The lines that resemble `block` most, numbered; empty when none does."""
    lines = document.lines.contents
    place = nearest(lines, block)
    if place is None:
        return ""
    rows = lines[place : place + min(len(block), _NEAR_LINES)]
    numbered = "\n".join(f"{place + 1 + index}|{row[:_NEAR_WIDTH]}" for index, row in enumerate(rows))
    return f"The nearest place:\n{numbered}"
