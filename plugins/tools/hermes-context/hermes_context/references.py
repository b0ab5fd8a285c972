"""Finding @ references in what a user typed. Nothing is looked up here, and the text is never changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "Reference", "Target", "find_references"]

Kind = Literal["file", "folder", "url", "git", "diff", "staged", "path"]
"""`path` is a bare `@path`: a reference only if there is such a file."""


@dataclass(frozen=True)
class Target:
    """One reading of a reference: a path (or address, or number), and lines of it (from 1, both included; 0: all)."""

    value: str
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Reference:
    """One reference. `token` is what was typed; the readings of it come best first."""

    kind: Kind
    token: str
    targets: tuple[Target, ...] = ()


_QUOTED = r"\"[^\"\n]+\"|'[^'\n]+'|`[^`\n]+`"
_REFERENCE = re.compile(
    rf"""(?<![A-Za-z0-9_.+-])@(?:
        (?P<kind>file|folder|url):(?:(?P<quoted>{_QUOTED})(?P<range>:\d+(?:-\d+)?)?|(?P<open>[^\s"'`]\S*))
      | git:(?P<number>\d+)(?![\w-])
      | (?P<word>diff|staged)(?![\w/-]|[.:]\w)
    )""",
    re.VERBOSE,
)
_BARE = re.compile(rf"(?:^|(?<=[\s(\[{{<,;\"'「（]))@(?:(?P<quoted>{_QUOTED})|(?P<open>[^\s@\"'`]\S*))", re.MULTILINE)
_RANGE = re.compile(r":(\d{1,9})(?:-(\d{1,9}))?$")
_CLOSING = ".,;:!?)]}>\"'`*_»”’。，、；：！？）】」"
_MOST_BARE = 100

_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<![`:@])(`+)(?!`)[^\n]+?(?<!`)\1(?!`)")


def find_references(text: str) -> list[Reference]:
    """The references of a message in order, each once. What stands in code blocks and code spans is not one."""
    if "@" not in text:
        return []
    code = [match.span() for match in _FENCED.finditer(text)]
    code += [match.span() for match in _INLINE.finditer(text) if not _within(match.start(), code)]
    found: list[tuple[int, Reference]] = []
    taken: list[tuple[int, int]] = list(code)
    for match in _REFERENCE.finditer(text):
        if not _within(match.start(), code):
            found.append((match.start(), _explicit(match)))
            taken.append(match.span())
    bare = 0
    for match in _BARE.finditer(text):
        at = match.end() - len(match[0].lstrip())
        if bare < _MOST_BARE and not _within(at, taken):
            found.append((at, _bare(match)))
            bare += 1
    found.sort(key=lambda item: item[0])
    return list({(each.kind, each.token): each for _, each in found}.values())


def _explicit(match: re.Match[str]) -> Reference:
    if match["word"]:
        return Reference("diff" if match["word"] == "diff" else "staged", match[0])
    if match["number"]:
        return Reference("git", match[0], (Target(match["number"][:9]),))
    kind: Kind = "file" if match["kind"] == "file" else "folder" if match["kind"] == "folder" else "url"
    if match["quoted"]:
        return Reference(kind, match[0], (_ranged(match["quoted"][1:-1], match["range"] or ""),))
    targets = _readings(match["open"], ranges=kind == "file")
    token = match[0].rstrip(_CLOSING) if kind != "url" else match[0]
    return Reference(kind, token if len(token) > len(kind) + 2 else match[0], targets)


def _bare(match: re.Match[str]) -> Reference:
    if match["quoted"]:
        return Reference("path", match[0], (Target(match["quoted"][1:-1]),))
    return Reference("path", match[0].rstrip(_CLOSING), _readings(match["open"], ranges=True))


def _readings(value: str, *, ranges: bool) -> tuple[Target, ...]:
    """As typed; without the punctuation a sentence puts behind it; each also with its end read as a range of lines."""
    values = [value]
    while value and value[-1] in _CLOSING:
        value = value[:-1]
        values.append(value)
    targets: list[Target] = []
    for each in filter(None, values):
        targets.append(Target(each))
        found = _RANGE.search(each) if ranges else None
        if found is not None and found.start():
            targets.append(_ranged(each[: found.start()], found[0]))
    return tuple(targets)


def _ranged(value: str, lines: str) -> Target:
    found = _RANGE.match(lines)
    if found is None:
        return Target(value)
    first = int(found[1])
    return Target(value, first, int(found[2]) if found[2] else first)


def _within(position: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in spans)
