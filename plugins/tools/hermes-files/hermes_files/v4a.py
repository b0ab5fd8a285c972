"""The patch format of mode `patch` (known as V4A): parsed completely before anything is done with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Hunk", "Section", "parse"]

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_END_OF_FILE = "*** End of File"
_MOVE = "*** Move to:"
_HEADERS: tuple[tuple[str, Literal["add", "update", "delete"]], ...] = (
    ("*** Add File:", "add"),
    ("*** Update File:", "update"),
    ("*** Delete File:", "delete"),
)
_UNIFIED = re.compile(r"-\d+(?:,\d+)? \+\d+(?:,\d+)?(?: @@ ?(.*))?$")


@dataclass
class Hunk:
    """A change in a file: rows of a sign (space, `-` or `+`) and a line. `row` is its line in the patch text."""

    row: int
    anchors: list[str] = field(default_factory=list)
    """Lines the change comes after, from `@@`, outermost first."""
    rows: list[tuple[str, str]] = field(default_factory=list)
    at_end: bool = False

    @property
    def old(self) -> list[str]:
        """The lines that must be in the file."""
        return [line for sign, line in self.rows if sign != "+"]


@dataclass
class Section:
    """What happens to one file."""

    kind: Literal["add", "update", "delete"]
    path: str
    row: int
    move_to: str = ""
    content: list[str] = field(default_factory=list)
    """The lines of an added file."""
    hunks: list[Hunk] = field(default_factory=list)


def parse(text: str) -> list[Section]:
    """The sections of a patch. Raises `ToolError` naming the line of the patch that cannot be understood."""
    lines = _body(text)
    sections: list[Section] = []
    index = 0
    while index < len(lines):
        row, line = lines[index]
        section = _header(row, line)
        if section is None:
            if line.strip():
                raise _bad(row, line, "expected `*** Add File:`, `*** Update File:` or `*** Delete File:`")
            index += 1
            continue
        end = index + 1
        while end < len(lines) and _header(*lines[end]) is None:
            end += 1
        _fill(section, lines[index + 1 : end])
        sections.append(section)
        index = end
    if not sections:
        raise ToolError("The patch holds no `*** Add File:`, `*** Update File:` or `*** Delete File:`.")
    return sections


def _body(text: str) -> list[tuple[int, str]]:
    """The numbered lines between the first and the last marker. A patch without its end is not applied at all."""
    lines = text.replace("\r\n", "\n").split("\n")
    marks = [line.strip() for line in lines]
    if _BEGIN not in marks:
        raise ToolError(f"The patch has no line `{_BEGIN}`.", remedy="Start with it, and end with `*** End Patch`.")
    if _END not in marks:
        raise ToolError(
            f"The patch has no line `{_END}`: it may have been cut short, so nothing was changed.",
            remedy="Send the whole patch, or several smaller ones.",
        )
    begin, end = marks.index(_BEGIN), len(marks) - 1 - marks[::-1].index(_END)
    outside = [mark for mark in (*marks[:begin], *marks[end + 1 :]) if mark and not mark.startswith("```")]
    if outside or begin > end:
        raise ToolError(f"There is text outside `{_BEGIN}` and `{_END}`: {(outside or marks)[0]!r}.")
    return [(number, line) for number, line in enumerate(lines[begin + 1 : end], begin + 2)]


def _header(row: int, line: str) -> Section | None:
    for prefix, kind in _HEADERS:
        if line.startswith(prefix):
            path = line[len(prefix) :].strip()
            if not path:
                raise _bad(row, line, "the path is missing")
            return Section(kind, path, row)
    return None


def _fill(section: Section, lines: Sequence[tuple[int, str]]) -> None:
    while lines and not lines[-1][1].strip():
        lines = lines[:-1]
    if section.kind == "delete":
        if lines:
            raise _bad(*lines[0], "`*** Delete File:` is followed by nothing")
    elif section.kind == "add":
        for row, line in lines:
            if not line.startswith("+"):
                raise _bad(row, line, "every line of an added file begins with `+`")
            section.content.append(line[1:])
    else:
        _fill_update(section, lines)


def _fill_update(section: Section, lines: Sequence[tuple[int, str]]) -> None:
    if lines and lines[0][1].startswith(_MOVE):
        section.move_to = lines[0][1][len(_MOVE) :].strip()
        if not section.move_to:
            raise _bad(*lines[0], "the new path is missing")
        lines = lines[1:]
    hunk: Hunk | None = None
    for row, line in lines:
        if line.startswith("@@"):
            if hunk is None or hunk.rows:
                hunk = Hunk(row)
                section.hunks.append(hunk)
            anchor = _anchor(line)
            if anchor:
                hunk.anchors.append(anchor)
        elif line.rstrip() == _END_OF_FILE:
            if hunk is None or not hunk.rows:
                raise _bad(row, line, "it must follow the lines of a change")
            hunk.at_end = True
        elif line == "" or line[0] in " +-":
            if hunk is None or hunk.at_end:
                hunk = Hunk(row)
                section.hunks.append(hunk)
            hunk.rows.append((line[:1] or " ", line[1:]))
        else:
            raise _bad(row, line, "a line of a change begins with a space, `-`, `+` or `@@`")
    for hunk in section.hunks:
        _check(hunk)
    if not section.hunks and not section.move_to:
        raise ToolError(f"Line {section.row} of the patch: `*** Update File: {section.path}` changes nothing.")


def _anchor(line: str) -> str:
    text = line[2:].strip()
    unified = _UNIFIED.match(text)
    if unified is not None:
        return (unified[1] or "").strip()
    return text.removesuffix("@@").strip()


def _check(hunk: Hunk) -> None:
    # A blank line between two changes is layout and no context.
    while hunk.rows and hunk.rows[-1] == (" ", "") and not hunk.at_end:
        hunk.rows.pop()
    if not any(sign in "+-" for sign, _ in hunk.rows):
        raise ToolError(f"Line {hunk.row} of the patch: the change has no line that begins with `+` or `-`.")


def _bad(row: int, line: str, expected: str) -> ToolError:
    return ToolError(f"Line {row} of the patch cannot be understood: {line[:80]!r}; {expected}. Nothing was changed.")
