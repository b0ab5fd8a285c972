"""Dividing Markdown into messages that fit, without breaking what it means.

A message is cut between blocks where that is possible; a code block that must be cut is closed and opened again with
its language, a table gets its head again, and a paragraph is cut at a line, a sentence, a word, and only at last
between two characters as people see them (grapheme clusters). What a piece measures is asked of the adapter, after
whatever its platform does to Markdown.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["divide"]

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+")
_SPACE = re.compile(r"\s+")


class _Block(NamedTuple):
    kind: str
    text: str
    opening: str = ""
    """Of a code block its first line; of a table its two first lines."""
    closing: str = ""


def divide(text: str, measure: Callable[[str], int], limit: int) -> list[str]:
    """Pieces of `text` in order, none of which measures more than `limit`; none for empty text.

    The pieces, but for what is closed and opened again at a cut and for white space at a cut, are the text.
    """
    text = text.strip("\n")
    if not text.strip():
        return []
    if measure(text) <= limit:
        return [text]
    pieces: list[str] = []
    current = ""
    for block in _blocks(text):
        joined = f"{current}\n\n{block.text}" if current else block.text
        if measure(joined) <= limit:
            current = joined
            continue
        if current:
            pieces.append(current)
        *whole, current = list(_fitting(block, measure, limit))
        pieces += whole
    return [piece for piece in [*pieces, current] if piece.strip()]


def _blocks(text: str) -> Iterator[_Block]:
    """The outermost blocks, with the lines between them that belong to none (link definitions) as blocks too."""
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    done = 0
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if token.level or token.map is None or token.nesting < 0:
            continue
        begin, end = token.map
        if begin < done:
            continue
        if between := "\n".join(lines[done:begin]).strip("\n"):
            yield _Block("text", between)
        yield from _block_of(token.type, lines[begin:end], token.markup)
        done = end
    if rest := "\n".join(lines[done:]).strip("\n"):
        yield _Block("text", rest)


def _block_of(kind: str, lines: Sequence[str], markup: str) -> Iterator[_Block]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    text = "\n".join(lines)
    if kind == "fence":
        closed = len(lines) > 1 and lines[-1].strip().startswith(markup) and not lines[-1].strip().strip(markup[0])
        yield _Block("fence", text if closed else f"{text}\n{markup}", lines[0], markup)
    elif kind == "table_open":
        yield _Block("table", text, "\n".join(lines[:2]))
    elif text.strip():
        yield _Block("text", text)


def _fitting(block: _Block, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    """The block in pieces that fit."""
    if measure(block.text) <= limit:
        yield block.text
    elif block.kind == "fence":
        yield from _fence_pieces(block, measure, limit)
    elif block.kind == "table":
        yield from _table_pieces(block, measure, limit)
    else:
        yield from _text_pieces(block.text, measure, limit)


def _fence_pieces(block: _Block, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    body = block.text.split("\n")[1:-1]

    def wrapped(text: str) -> str:
        return f"{block.opening}\n{text}\n{block.closing}"

    yield from (wrapped(text) for text in _packed(body, lambda text: measure(wrapped(text)), limit))


def _table_pieces(block: _Block, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    rows = block.text.split("\n")[2:]

    def headed(text: str) -> str:
        return f"{block.opening}\n{text}"

    if any(measure(headed(row)) > limit for row in rows):
        yield from _text_pieces(block.text, measure, limit)  # not even one row fits below the head
    else:
        yield from (headed(text) for text in _packed(rows, lambda text: measure(headed(text)), limit))


def _packed(lines: Sequence[str], measure: Callable[[str], int], limit: int) -> Iterator[str]:
    """As many lines in each piece as fit, in order; a line that does not fit alone is cut."""
    rest = list(lines)

    def fits(count: int) -> bool:
        return measure("\n".join(rest[:count])) <= limit

    while rest:
        count = _largest(len(rest), fits)
        if count:
            yield "\n".join(rest[:count])
        else:
            yield from _cut(rest[0], measure, limit)
        del rest[: count or 1]


def _text_pieces(text: str, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    while text:
        if measure(text) <= limit:
            yield text
            return
        place = _best_cut(text, measure, limit)
        yield text[:place].rstrip()
        text = text[place:].lstrip("\n ")


def _best_cut(text: str, measure: Callable[[str], int], limit: int) -> int:
    """Where to cut: the last end of a line, of a sentence, or of a word that fits, if it is not too early."""
    most = _grapheme_cut(text, measure, limit)
    for places in (
        [match.end() for match in re.finditer(r"\n", text)],
        [match.end() for match in _SENTENCE_END.finditer(text)],
        [match.end() for match in _SPACE.finditer(text)],
    ):
        index = bisect_right(places, most) - 1
        # What is cut off must fit as it stands: escaping may make a shorter text longer, never by much.
        while index >= 0 and places[index] > most // 3:
            if measure(text[: places[index]].rstrip()) <= limit and text[: places[index]].strip():
                return places[index]
            index -= 1
    return most


def _cut(text: str, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    """Pieces of a line of code: nothing is lost, not even a blank."""
    while text:
        place = len(text) if measure(text) <= limit else _grapheme_cut(text, measure, limit)
        yield text[:place]
        text = text[place:]


def _grapheme_cut(text: str, measure: Callable[[str], int], limit: int) -> int:
    """The end of the last grapheme cluster with which the text still fits; at least one is taken."""
    import regex

    head = text[: limit * 2 + 64]
    ends = [match.end() for match in regex.finditer(r"\X", head)]
    if len(head) < len(text):
        ends = ends[:-1] or ends  # the last one may go on
    count = _largest(len(ends), lambda n: measure(text[: ends[n - 1]]) <= limit)
    return ends[max(count, 1) - 1]


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `most` that fits, where everything below one that fits does too; 0 for none."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
