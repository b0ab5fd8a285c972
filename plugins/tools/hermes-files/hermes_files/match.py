"""Finding a block of lines in a file when it is not there letter by letter.

A strategy compares lines by a key; the strictest one that finds anything decides. The loosest two tolerate lines that
differ, and therefore ask more: `block_anchor` wants the first and the last line, `context_aware` every line that is to
be changed and half of the others.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["LOOSE", "STRICT", "Found", "Strategy", "find_block", "indentation", "nearest"]

_SIMILAR = 0.6
_CONTEXT_SHARE = 0.5
_COMPARED_LINES = 20_000

_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
        "\u2026": "...",
    }
)


class Strategy(NamedTuple):
    """A way to compare lines. `checks_indentation` when indentation may differ, but only alike on all lines."""

    name: str
    key: Callable[[str], str]
    checks_indentation: bool = False


class Found(NamedTuple):
    """Where a block may begin (line indices), and by which strategy."""

    strategy: str
    places: list[int]


def _spaces(line: str) -> str:
    return " ".join(line.split())


def _punctuation(line: str) -> str:
    return _spaces(unicodedata.normalize("NFKC", line.translate(_PUNCTUATION)))


STRICT = (
    Strategy("exact", lambda line: line),
    Strategy("line_trimmed", str.rstrip),
    Strategy("indentation_flexible", str.strip, checks_indentation=True),
    Strategy("whitespace_normalized", _spaces),
    Strategy("punctuation_normalized", _punctuation),
)
"""Every line must be found."""

LOOSE = ("block_anchor", "context_aware")
"""Some lines may differ."""


def indentation(line: str) -> str:
    """The white space a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def find_block(
    lines: Sequence[str], block: Sequence[str], changed: Collection[int] = (), *, loose: bool = False
) -> Found | None:
    """The places of `block` by the strictest strategy that finds any; None for none.

    `changed` holds the indices in `block` that must be right for a loose strategy: the lines that are to be replaced
    and the neighbours of those to be inserted.
    """
    if not any(line.strip() for line in block):
        places = list(_places(lines, list(block)))
        return Found("exact", places) if places else None
    for strategy in STRICT:
        wanted = [strategy.key(line) for line in block]
        places = list(_places([strategy.key(line) for line in lines], wanted))
        if strategy.checks_indentation:
            places = [place for place in places if _indented_alike(lines[place : place + len(block)], block)]
        if places:
            return Found(strategy.name, places)
    if loose and len(block) >= 3 and changed:
        keys, wanted = [_spaces(line) for line in lines], [_spaces(line) for line in block]
        for name, test in zip(LOOSE, (_anchored, _in_context), strict=True):
            places = [place for place in _candidates(keys, wanted, changed, name) if test(keys, wanted, place, changed)]
            if places:
                return Found(name, places)
    return None


def _places(lines: Sequence[str], block: Sequence[str]) -> Iterator[int]:
    """Where `block` stands in `lines`, overlapping places too."""
    # The rarest line would be the best to look for; a line that is not blank is nearly as good, and costs nothing.
    pivot = next((index for index, line in enumerate(block) if line.strip()), 0)
    size, wanted = len(block), block[pivot]
    position = pivot
    last = len(lines) - size + pivot
    while position <= last:
        try:
            position = lines.index(wanted, position, last + 1)
        except ValueError:
            return
        start = position - pivot
        if lines[start : start + size] == block:
            yield start
        position += 1


def _indented_alike(found: Sequence[str], block: Sequence[str]) -> bool:
    known: dict[str, str] = {}
    for there, here in zip(found, block, strict=True):
        if here.strip() and known.setdefault(indentation(here), indentation(there)) != indentation(there):
            return False
    ordered = sorted(known, key=len)
    return all(len(known[a]) < len(known[b]) for a, b in zip(ordered, ordered[1:], strict=False))


def _candidates(keys: Sequence[str], wanted: Sequence[str], changed: Collection[int], name: str) -> Iterator[int]:
    pivot = 0 if name == "block_anchor" else min(changed, key=lambda index: (not wanted[index], index))
    if not wanted[pivot]:
        return
    for position, key in enumerate(keys):
        if key == wanted[pivot] and 0 <= position - pivot <= len(keys) - len(wanted):
            yield position - pivot


def _anchored(keys: Sequence[str], wanted: Sequence[str], place: int, changed: Collection[int]) -> bool:
    last = len(wanted) - 1
    if not wanted[last] or keys[place + last] != wanted[last]:
        return False
    ratios = {index: _ratio(keys[place + index], wanted[index]) for index in range(1, last)}
    if any(ratios.get(index, 1.0) < _SIMILAR for index in changed):
        return False
    return sum(ratios.values()) >= _SIMILAR * len(ratios)


def _in_context(keys: Sequence[str], wanted: Sequence[str], place: int, changed: Collection[int]) -> bool:
    if any(keys[place + index] != wanted[index] for index in changed):
        return False
    others = [index for index in range(len(wanted)) if index not in changed and wanted[index]]
    equal = sum(keys[place + index] == wanted[index] for index in others)
    return bool(others) and equal >= _CONTEXT_SHARE * len(others)


def _ratio(first: str, second: str) -> float:
    if first == second:
        return 1.0
    from difflib import SequenceMatcher

    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def nearest(lines: Sequence[str], block: Sequence[str]) -> int | None:
    """The line index where `block` most nearly begins, for an error message; None when nothing resembles it."""
    votes: dict[int, int] = {}
    wanted: dict[str, list[int]] = {}
    for index, line in enumerate(block):
        if len(key := _spaces(line)) > 3:
            wanted.setdefault(key, []).append(index)
    for position, line in enumerate(lines):
        for index in wanted.get(_spaces(line), ()):
            votes[max(position - index, 0)] = votes.get(max(position - index, 0), 0) + 1
    if votes:
        return max(votes, key=lambda place: (votes[place], -place))
    longest = max(block, key=lambda line: len(line.strip()), default="").strip()[:200]
    if len(longest) < 4 or len(lines) > _COMPARED_LINES:
        return None
    from difflib import get_close_matches

    stripped = {line.strip()[:200]: position for position, line in reversed(list(enumerate(lines)))}
    close = get_close_matches(longest, stripped, n=1, cutoff=0.5)
    within = next(index for index, line in enumerate(block) if line.strip()[:200] == longest)
    return max(stripped[close[0]] - within, 0) if close else None
