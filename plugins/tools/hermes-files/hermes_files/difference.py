"""Unified diffs that `git apply` and `patch` accept, at a bounded cost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["count_changes", "unified"]

_CONTEXT = 3
_COMPARED = 20_000
"""Lines that differ on both sides beyond which the stretch between them is shown as one block."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Opcode = tuple[str, int, int, int, int]


def unified(before: str, after: str, old_name: str, new_name: str) -> str:
    """The unified diff of two texts, empty where they are equal. `/dev/null` names a file that does not exist."""
    old, new = _LINE.findall(before), _LINE.findall(after)
    rows = [row for group in _groups(_opcodes(old, new)) for row in _hunk(group, old, new)]
    if not rows:
        return ""
    old_label = old_name if old_name == "/dev/null" else f"a/{old_name.lstrip('/')}"
    new_label = new_name if new_name == "/dev/null" else f"b/{new_name.lstrip('/')}"
    return f"--- {old_label}\n+++ {new_label}\n" + "".join(rows)


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


def _hunk(group: Sequence[Opcode], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    old_start, new_start = max(first[1] - _CONTEXT, 0), max(first[3] - _CONTEXT, 0)
    lead = min(first[1] - old_start, first[3] - new_start)
    old_start, new_start = first[1] - lead, first[3] - lead
    old_end = min(last[2] + _CONTEXT, len(old))
    new_end = last[4] + old_end - last[2]
    yield f"@@ -{_range(old_start, old_end)} +{_range(new_start, new_end)} @@\n"
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


def _range(start: int, end: int) -> str:
    count = end - start
    return f"{start + 1}" if count == 1 else f"{start + 1 if count else start},{count}"
