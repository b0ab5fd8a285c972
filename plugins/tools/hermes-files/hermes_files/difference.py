"""Unified diffs that `git apply` and `patch` accept, at a bounded cost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hermes_files.text import Edit

__all__ = ["count_changes", "unified", "unified_edits"]

_CONTEXT = 3
_COMPARED = 20_000
"""Lines that differ on both sides beyond which the stretch between them is shown as one block."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Opcode = tuple[str, int, int, int, int]


def unified(before: str, after: str, old_name: str, new_name: str) -> str:
    """The unified diff of two texts, empty where they are equal. `/dev/null` names a file that does not exist."""
    return _labelled(_hunks(_LINE.findall(before), _LINE.findall(after), 0, 0), old_name, new_name)


def unified_edits(text: str, edits: Iterable[Edit], old_name: str, new_name: str) -> str:
    """The unified diff of `text` and its edited form, at a cost that depends on the edits more than on the text."""
    rows: list[str] = []
    position, line, shift = 0, 0, 0
    for start, end, group in _stretches(text, sorted(edits, key=lambda edit: (edit.start, edit.end))):
        pieces, at = [], start
        for edit in group:
            pieces += [text[at : edit.start], edit.text]
            at = edit.end
        old, new = _LINE.findall(text[start:end]), _LINE.findall("".join([*pieces, text[at:end]]))
        line += text.count("\n", position, start)
        rows += _hunks(old, new, line, line + shift)
        position = start
        shift += len(new) - len(old)
    return _labelled(rows, old_name, new_name)


def _stretches(text: str, edits: Sequence[Edit]) -> Iterator[tuple[int, int, list[Edit]]]:
    """Whole lines around the edits, with context on both sides; those that meet become one."""
    start, end = -1, -1
    group: list[Edit] = []
    for edit in edits:
        first = edit.start
        for _ in range(_CONTEXT + 1):
            first = text.rfind("\n", 0, max(first, 0))
        last = edit.end - 1
        for _ in range(_CONTEXT + 1):
            last = text.find("\n", last + 1) if last < len(text) else -1
            last = len(text) if last < 0 else last
        if group and first < end:
            end = max(end, min(last + 1, len(text)))
        else:
            if group:
                yield start, end, group
            start, end, group = first + 1, min(last + 1, len(text)), []
        group.append(edit)
    if group:
        yield start, end, group


def _labelled(rows: Iterable[str], old_name: str, new_name: str) -> str:
    body = "".join(rows)
    if not body:
        return ""
    old_label = old_name if old_name == "/dev/null" else f"a/{old_name.lstrip('/')}"
    new_label = new_name if new_name == "/dev/null" else f"b/{new_name.lstrip('/')}"
    return f"--- {old_label}\n+++ {new_label}\n{body}"


def _hunks(old: Sequence[str], new: Sequence[str], old_line: int, new_line: int) -> Iterator[str]:
    """The hunks of two runs of lines that begin after `old_line` and `new_line` lines."""
    for group in _groups(_opcodes(old, new)):
        yield from _hunk(group, old, new, old_line, new_line)


def count_changes(diff: str) -> tuple[int, int]:
    """Added and removed lines of a unified diff of one file."""
    body = diff.split("\n")[2:]
    return sum(row.startswith("+") for row in body), sum(row.startswith("-") for row in body)


def _opcodes(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """What differs, as `difflib` has it; the equal beginning and end are found first, because that is cheap."""
    head, limit = 0, min(len(old), len(new))
    while head < limit and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old_end, new_end = len(old) - tail, len(new) - tail
    middle: list[Opcode]
    if head in (old_end, new_end) or old_end - head > _COMPARED and new_end - head > _COMPARED:
        middle = [("replace", head, old_end, head, new_end)] if head < old_end or head < new_end else []
    else:
        from difflib import SequenceMatcher

        codes = SequenceMatcher(None, old[head:old_end], new[head:new_end]).get_opcodes()
        middle = [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in codes]
    return [("equal", 0, head, 0, head), *middle, ("equal", old_end, len(old), new_end, len(new))]


def _groups(codes: Sequence[Opcode]) -> Iterator[list[Opcode]]:
    """Changes with their context, close ones together."""
    group: list[Opcode] = []
    changes = [code for code in codes if code[0] != "equal"]
    for code in changes:
        if group and code[1] - group[-1][2] > 2 * _CONTEXT:
            yield group
            group = []
        group.append(code)
    if group:
        yield group


def _hunk(
    group: Sequence[Opcode], old: Sequence[str], new: Sequence[str], old_line: int, new_line: int
) -> Iterator[str]:
    first, last = group[0], group[-1]
    lead = min(_CONTEXT, first[1], first[3])
    old_start, new_start = first[1] - lead, first[3] - lead
    old_end = min(last[2] + _CONTEXT, len(old))
    new_end = last[4] + old_end - last[2]
    removed = _range(old_line + old_start, old_end - old_start)
    added = _range(new_line + new_start, new_end - new_start)
    yield f"@@ -{removed} +{added} @@\n"
    position = old_start
    for _, a, b, c, d in group:
        yield from _rows(" ", old[position:a])
        yield from _rows("-", old[a:b])
        yield from _rows("+", new[c:d])
        position = b
    yield from _rows(" ", old[position:old_end])


def _rows(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _range(start: int, count: int) -> str:
    return f"{start + 1}" if count == 1 else f"{start + 1 if count else start},{count}"
