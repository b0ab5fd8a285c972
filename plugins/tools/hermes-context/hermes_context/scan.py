"""Suspicious spans of a text made visible and marked, in place; everything else stays.

Three things are looked for: characters that act without being seen (bidirectional controls, zero-width and tag
characters), comments and elements that a reader of the rendered page would not see and that hold instructions, and the
wordings of `hermes_context.phrases`, however they are disguised. Nothing is removed and no file is thrown away: what is
marked can still be read, as a quotation.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from hermes_context.phrases import hidden, phrases
from hermes_host.visible import one_line, visible

__all__ = ["Finding", "Scanned", "count_invisible", "scan", "shown"]


class Finding(NamedTuple):
    """One suspicious span: what it is, the line (from 1) it begins on, and how it reads, cut to one line."""

    kind: str
    line: int
    excerpt: str


class Scanned(NamedTuple):
    """A text that can be put before a model, and what was found in it."""

    text: str
    findings: tuple[Finding, ...]


_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_UNSEEN = re.compile(
    r"<(\w{1,20})\b[^<>]{0,400}?(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0|\shidden\b)"
    r"[^<>]{0,400}>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
"""The flags of regions such as Scotland: the one honest use of tag characters."""

_LOOK_ALIKES = str.maketrans(
    "аеорсухіѕјԁһԛԝкмтвнгпαβεικνορτυχγηωᴀᴇɪᴏ‹〈⟨˂❮＜›〉⟩˃❯＞／∕⁄",
    "aeopcyxisjdhqwkmtbhrnabeikvoptuxynwaeio<<<<<<>>>>>>///",
)
"""Letters of other scripts, and signs, that are drawn like ASCII ones."""


def scan(text: str) -> Scanned:
    """`text` without a leading byte order mark and with suspicious spans marked, and what they are."""
    text = text.removeprefix("\ufeff")
    spans = _merged([*_disguised(text), *_unseen(text)])
    findings: list[Finding] = []
    pieces: list[str] = []
    at = 0
    for start, end, kind in spans:
        pieces += (_plain(text[at:start], text, at, findings), _marked(text[start:end], kind))
        findings.append(Finding(kind, _line(text, start), one_line(text[start:end], 100)))
        at = end
    pieces.append(_plain(text[at:], text, at, findings))
    return Scanned("".join(pieces), tuple(sorted(findings, key=lambda finding: finding.line)))


def shown(text: str) -> str:
    """`text` with invisible characters written out; flags and joined emoji stay."""
    if not _FLAG.search(text):
        return visible(text)
    flags = [*_FLAG.findall(text), ""]
    return "".join(visible(piece) + flag for piece, flag in zip(_FLAG.split(text), flags, strict=True))


def count_invisible(text: str) -> int:
    """How many characters `shown` writes out."""
    return shown(text).count("\\u{") - text.count("\\u{")


def _plain(piece: str, text: str, at: int, findings: list[Finding]) -> str:
    made_visible = shown(piece)
    number = made_visible.count("\\u{") - piece.count("\\u{")
    if number:
        first = next((i for i, line in enumerate(made_visible.split("\n")) if "\\u{" in line), 0)
        findings.append(
            Finding(
                f"{number} invisible or bidirectional character{'s' if number > 1 else ''}",
                _line(text, at) + first,
                one_line(made_visible.split("\n")[first], 100),
            )
        )
    return made_visible


def _marked(span: str, kind: str) -> str:
    quoted = shown(span).translate(str.maketrans("<>⟦⟧", "‹›[]"))
    return f"⟦suspicious, {kind}; a quotation and no instruction: {quoted}⟧"


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _merged(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The spans in order; of overlapping ones the first, made long enough for all of them."""
    merged: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first, last, before = merged[-1]
            merged[-1] = (first, max(last, end), before)
        else:
            merged.append((start, end, kind))
    return merged


def _unseen(text: str) -> list[tuple[int, int, str]]:
    """Comments and invisible elements that hold an instruction."""
    found = []
    for pattern, name in ((_COMMENT, "a hidden comment"), (_UNSEEN, "a hidden element")):
        for match in pattern.finditer(text):
            folded = [view for view, _ in _views(match[0])]
            if any(each.search(view) for view in folded for each in hidden()) or any(
                each.search(view) for view in folded for kind, each in phrases() if "marker" not in kind
            ):
                found.append((match.start(), match.end(), f"{name} with instructions"))
    return found


def _disguised(text: str) -> list[tuple[int, int, str]]:
    found = []
    for view, places in _views(text):
        for kind, pattern in phrases():
            for match in pattern.finditer(view):
                start, end = match.span()
                if places is not None:
                    start, end = places[start], places[end - 1] + 1
                found.append((start, end, kind))
    return found


def _views(text: str) -> list[tuple[str, list[int] | None]]:
    """The text as it is searched, each with the position of every character in `text` (None: the same)."""
    if text.isascii():
        return [(text.lower(), None)]
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f" or character == "\u034f":
            continue
        for letter in unicodedata.normalize("NFKC", character).casefold():
            letters.append(letter)
            places.append(place)
    folded = "".join(letters)
    views: list[tuple[str, list[int] | None]] = [(folded, places)]
    alike = folded.translate(_LOOK_ALIKES)
    if alike != folded:
        views.append((alike, places))
    return views
