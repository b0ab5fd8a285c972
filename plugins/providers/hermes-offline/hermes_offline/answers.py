"""What is said once the steps are done: sentences made of what the tools gave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FileText", "listed", "quoted", "shown", "told"]

_NAMES_SHOWN = 20
_LINES_SHOWN = 40
_BEGINNING = 6

_NUMBERED = re.compile(r"\s*(\d+)[|\t]")
_TRAILER = re.compile(r"\[.*\]")
_TOTAL = re.compile(r"(?:of ([\d,]+)|([\d,]+) lines)\b")


class FileText(msgspec.Struct, frozen=True):
    """A file's lines as far as a tool gave them; `total` counts all it has."""

    lines: Sequence[str]
    total: int

    @classmethod
    def of(cls, output: str) -> FileText:
        """From the output of a tool: numbered lines and a remark in brackets at the end, or the bare text."""
        rows = output.splitlines()
        remark = rows[-1] if rows and _TRAILER.fullmatch(rows[-1]) else ""
        if not rows or _NUMBERED.match(rows[0]) is None:
            lines = [] if remark and len(rows) == 1 else rows
            return cls(lines, len(lines))
        lines = [row[match.end() :] for row in rows if (match := _NUMBERED.match(row))]
        total = _TOTAL.search(remark) if remark else None
        return cls(lines, int((total[1] or total[2]).replace(",", "")) if total else len(lines))

    @property
    def cut(self) -> bool:
        """Whether the tool gave only a part."""
        return self.total > len(self.lines)

    @property
    def headings(self) -> list[str]:
        """The Markdown headings outside code blocks, without their marks."""
        found, fenced = [], False
        for number in range(_front_matter(self.lines), len(self.lines)):
            line = self.lines[number]
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            heading = re.match(r"#{1,6}\s+(.+?)\s*#*\s*$", line)
            underline = self.lines[number + 1] if number + 1 < len(self.lines) else ""
            if not fenced and heading:
                found.append(heading[1])
            elif not fenced and line.strip() and re.fullmatch(r"(?:=+|-{3,})\s*", underline) and line[0] not in "-=#|":
                found.append(line.strip())
        return found


def _front_matter(lines: Sequence[str]) -> int:
    """How many lines at the beginning are settings between two lines of `---`, as site generators have them."""
    if lines and lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], 1):
            if line.rstrip() == "---":
                return number + 1
    return 0


def listed(place: str, output: str) -> str:
    """A short list of names."""
    names = [name for line in output.splitlines() if (name := line.strip()) and not _TRAILER.fullmatch(name)]
    where = "here" if place == "." else f"in `{place}`"
    if not names:
        return f"There are no files {where}."
    some = ", ".join(f"`{name}`" for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{_counted(len(names), 'entry', 'entries')} {where}: {some}{more}."


def quoted(output: str, *, otherwise: str = "It gave no output.") -> str:
    """Output as a code block, cut to a length one can read."""
    lines = output.rstrip().splitlines()
    if not lines:
        return otherwise
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`{3,}", output))])
    more = [f"… {len(lines) - _LINES_SHOWN} more lines"] if len(lines) > _LINES_SHOWN else []
    return "\n".join([fence, *lines[:_LINES_SHOWN], *more, fence])


def shown(path: str, file: FileText) -> str:
    """A whole file."""
    if not file.total:
        return f"`{path}` is empty."
    return f"`{path}` ({_counted(file.total, 'line')}):\n\n{quoted(chr(10).join(file.lines))}"


def told(what: str, path: str, file: FileText, topic: str = "") -> str:
    """The answer to one question about a file."""
    if not file.total:
        return f"`{path}` is empty."
    if what == "about":
        return _about(path, file, topic)
    several = re.fullmatch(r"(first|last)(?: (\d+))? lines?", what)
    if several:
        return _ends(path, file, several[1], int(several[2] or 1))
    for name, answer in _ANSWERS:
        if re.search(name, what):
            return answer(path, file)
    return shown(path, file)


def _ends(path: str, file: FileText, end: str, number: int) -> str:
    if end == "last" and file.cut:
        return f"`{path}` has {file.total} lines, and I was given only the first {len(file.lines)}."
    lines = file.lines[:number] if end == "first" else file.lines[-number:] if number else []
    if len(lines) == 1:
        return f"The {end} line of `{path}` is “{lines[0]}”."
    return f"The {end} {len(lines)} lines of `{path}`:\n\n{quoted(chr(10).join(lines))}"


def _title(path: str, file: FileText) -> str:
    headings = file.headings
    if headings:
        return f"The title of `{path}` is “{headings[0]}”."
    first = next((line.strip() for line in file.lines if line.strip()), "")
    return f"`{path}` has no heading; its first line is “{first}”."


def _headings(path: str, file: FileText) -> str:
    headings = file.headings
    if not headings:
        return f"`{path}` has no headings."
    return f"The headings of `{path}`:\n\n" + "\n".join(f"- {heading}" for heading in headings[:_LINES_SHOWN])


def _summary(path: str, file: FileText) -> str:
    paragraph = [line for line in file.lines if line.strip() and not line.startswith("#")][:_BEGINNING]
    parts = [
        f"I cannot put a text into other words; that takes a language model. `{path}` has "
        f"{_counted(file.total, 'line')} and begins:\n\n{quoted(chr(10).join(paragraph))}"
    ]
    if file.headings:
        parts.append(_headings(path, file))
    return "\n\n".join(parts)


def _about(path: str, file: FileText, topic: str) -> str:
    words = [word.casefold() for word in re.findall(r"\w+", topic)]
    found = [line.strip() for line in file.lines if words and all(word in line.casefold() for word in words)]
    part = f" in its first {len(file.lines)} lines" if file.cut else ""
    if not found:
        return f"`{path}` does not mention “{topic}”{part}."
    return f"{_counted(len(found), 'line')} of `{path}` mention “{topic}”{part}:\n\n{quoted(chr(10).join(found))}"


def _number(unit: str, count: Callable[[FileText], int]) -> Callable[[str, FileText], str]:
    def answer(path: str, file: FileText) -> str:
        part = f" in its first {len(file.lines)} lines" if file.cut and unit != "line" else ""
        return f"`{path}` has {_counted(count(file), unit)}{part}."

    return answer


_ANSWERS: tuple[tuple[str, Callable[[str, FileText], str]], ...] = (
    ("word", _number("word", lambda file: sum(len(line.split()) for line in file.lines))),
    ("character", _number("character", lambda file: sum(len(line) + 1 for line in file.lines))),
    ("headings", _headings),
    ("title|heading", _title),
    ("summary", _summary),
    ("line", _number("line", lambda file: file.total)),
)
"""By a part of the question, the first that fits."""


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
