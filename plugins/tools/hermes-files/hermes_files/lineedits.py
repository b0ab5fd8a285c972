"""Changes of whole lines as edits of a document: indentation, line endings and the end of the file kept as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hermes_files.match import indentation
from hermes_files.text import Document, Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LineEdit", "ending_at", "keep_endings", "line_operations", "reindented", "shifted", "to_edit"]


class LineEdit(NamedTuple):
    """Replace the lines `start` to `end` (indices, `end` excluded) by `contents`."""

    start: int
    end: int
    contents: Sequence[str]


def line_operations(old: Sequence[str], new: Sequence[str]) -> list[LineEdit]:
    """What turns `old` into `new`: only the lines that differ."""
    from difflib import SequenceMatcher

    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [LineEdit(a, b, new[c:d]) for tag, a, b, c, d in codes if tag != "equal"]


def shifted(change: LineEdit, lines: int) -> LineEdit:
    """The same change, `lines` further down."""
    return change._replace(start=change.start + lines, end=change.end + lines)


def to_edit(document: Document, change: LineEdit) -> Edit:
    """The edit of the text. New lines end as their neighbours do; a missing newline at the end stays missing."""
    lines, text = document.lines, document.text
    count = len(lines.contents)
    start, end = lines.start(change.start), lines.start(change.end)
    ending = ending_at(document, start)
    unended = count > 0 and lines.end(count - 1) == len(text)
    if not change.contents:
        return Edit(start, end, "")
    body = ending.join(change.contents)
    if change.end < count:
        return Edit(start, end, body + ending)
    if change.start < count:
        return Edit(start, end, body if unended else body + ending)
    return Edit(start, end, ending + body if unended else body + ending)


def ending_at(document: Document, position: int) -> str:
    """The ending of the line at `position` of the text, else of the line before it, else the usual one."""
    style, text = document.endings.style, document.text
    if not document.endings.mixed:
        return style
    at = text.find("\n", position)
    if at < 0:
        at = text.rfind("\n", 0, position)
    return "\r\n" if text[at - 1 : at] == "\r" else "\n"


def keep_endings(old: str, new: str, style: str) -> str:
    """`new` (with LFs) with the endings that its lines have in `old` (with mixed ones); new lines end as `style`."""
    old_lines = old.split("\n")
    endings = ["\r\n" if line.endswith("\r") else "\n" for line in old_lines]
    contents = [line.removesuffix("\r") for line in old_lines[:-1]] + old_lines[-1:]
    new_lines = new.split("\n")
    kept: dict[int, str] = {}
    from difflib import SequenceMatcher

    for tag, a, b, c, d in SequenceMatcher(None, contents, new_lines, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and b - a == d - c):
            kept.update({c + step: endings[a + step] for step in range(b - a) if a + step < len(old_lines) - 1})
    last = len(new_lines) - 1
    return "".join(line + (kept.get(index, style) if index < last else "") for index, line in enumerate(new_lines))


def reindented(change: LineEdit, block: Sequence[str], found: Sequence[str]) -> LineEdit:
    """`change` of `block` (lines as the model wrote them), indented as the same lines in the file (`found`) are."""
    known: dict[str, str] = {}
    for here, there in zip(block, found, strict=True):
        if here.strip() and there.strip():
            known.setdefault(indentation(here), indentation(there))
    contents = []
    for index, line in enumerate(change.contents, change.start):
        replaces = index < change.end and indentation(block[index]) == indentation(line)
        if replaces and line.strip() and found[index].strip():
            line = indentation(found[index]) + line.lstrip()
        elif any(here != there for here, there in known.items()):
            line = _reindent(line, known)
        contents.append(line)
    return change._replace(contents=contents)


def _reindent(line: str, known: dict[str, str]) -> str:
    rest = line.lstrip()
    if not rest:
        return line
    indent = indentation(line)
    if indent in known:
        return known[indent] + rest
    deeper = [each for each in known if indent.startswith(each)]
    if deeper:
        closest = max(deeper, key=len)
        return known[closest] + _convert(indent[len(closest) :], known) + rest
    shallowest = min(known, key=len)
    there = known[shallowest]
    # Further out than every known line: take away from the file's indentation what the model's lines have less.
    missing = _convert(shallowest.removeprefix(indent), known)
    return there.removesuffix(missing) + rest


def _convert(indent: str, known: dict[str, str]) -> str:
    """Additional indentation in the file's own characters."""
    if not indent:
        return ""
    for here, there in sorted(known.items(), key=lambda pair: -len(pair[0])):
        if set(indent) == {" "} and set(here) == {" "} and set(there) == {"\t"}:
            unit = max(len(here) // len(there), 1)
            return "\t" * (len(indent) // unit) + " " * (len(indent) % unit)
        if set(indent) == {"\t"} and set(here) == {"\t"} and set(there) == {" "}:
            return " " * (len(indent) * max(len(there) // len(here), 1))
    return indent
