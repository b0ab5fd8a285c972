"""From Markdown to what Telegram shows: plain text, and entities that say which parts of it look how.

Entities need no escaping, so nothing that is written can break them, and what counts towards Telegram's limits is the
text people see, in UTF-16 code units. Tables, which Telegram does not have, become aligned preformatted text.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from hermes_telegram.tables import Table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["Mark", "Rendered", "render", "utf16_length"]

_MOST_ENTITIES = 100
"""Telegram shows no more in one message."""

_LINK = re.compile(r"(?:https?|tg|ton)://\S+|mailto:\S+|tel:\S+", re.IGNORECASE)
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
_INLINE = {"strong_open": "bold", "em_open": "italic", "s_open": "strikethrough"}
_ENDS = {"strong_close", "em_close", "s_close"}
_TASK = re.compile(r"\[([ xX])\] ")
_RANK = {"pre": 0, "text_link": 1, "code": 2, "blockquote": 3}
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Mark(NamedTuple):
    """An entity of Telegram: offset and length in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str = ""
    language: str = ""


class Rendered(NamedTuple):
    """What people see, and how it looks. `length` in UTF-16 code units."""

    text: str
    marks: tuple[Mark, ...]
    length: int


def utf16_length(text: str) -> int:
    """The length in UTF-16 code units, in which Telegram counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@lru_cache(maxsize=4)  # it is measured before it is sent
def render(markdown: str) -> Rendered:
    """What `markdown` (CommonMark with tables and strikethrough) becomes. Nothing that has words gets lost."""
    clean = _SURROGATE.sub("\ufffd", markdown).replace("\0", "\ufffd")
    try:
        page = _Page()
        page.blocks(_parser().parse(clean))
        found = page.finished()
    except RecursionError:  # hundreds of lists within each other
        found = Rendered("", (), 0)
    if found.text:
        return found
    text = clean.strip()  # also for what shows nothing, such as a lone link definition
    return Rendered(text, (), utf16_length(text))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "maxNesting": 10_000}).enable(["table", "strikethrough"])


class _Level:
    """A list that is open."""

    def __init__(self, number: int | None) -> None:
        self.number = number

    def mark(self) -> str:
        if self.number is None:
            return "• "
        self.number += 1
        return f"{self.number - 1}. "


class _Page:
    """Text and marks as they grow."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._marks: list[Mark] = []
        self._open: list[tuple[str, int, str]] = []
        self._lists: list[_Level] = []
        self._quotes = 0
        self._gap = ""
        """What goes before the next block."""
        self._lead = ""
        """What goes before the next words: the sign of a list's item."""
        self._in_link = False

    # ---------------------------------------------------------------------------------------------------- blocks

    def blocks(self, tokens: list[Token]) -> None:
        table: Table | None = None
        for token in tokens:
            kind = token.type
            if kind == "table_open":
                table = Table()
            elif table is not None:
                if kind == "table_close":
                    self._block(table.text(), "pre")
                    table = None
                else:
                    table.take(token)
            elif kind == "inline":
                self._inline(token.children or [])
            elif kind in ("fence", "code_block"):
                self._code(token)
            elif kind == "hr":
                self._block("———", "")
            else:
                self._structure(token)

    def _structure(self, token: Token) -> None:
        kind = token.type
        if kind == "heading_open":
            self._begin("bold")
        elif kind == "heading_close":
            self._end()
            self._gap = "\n\n"
        elif kind == "paragraph_close":
            self._gap = "\n" if token.hidden else "\n\n"
        elif kind in ("bullet_list_open", "ordered_list_open"):
            start = int(token.attrGet("start") or 1) if kind == "ordered_list_open" else None
            if self._lists:
                self._gap = "\n"
            self._lists.append(_Level(start))
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
            self._gap = "\n" if self._lists else "\n\n"
        elif kind == "list_item_open":
            self._lead += self._indent(len(self._lists) - 1) + self._lists[-1].mark()
        elif kind == "list_item_close":
            if self._lead:  # an empty item
                self._write("")
            self._gap = "\n"
        elif kind == "blockquote_open":
            self._quotes += 1
            if self._quotes == 1:  # they cannot be nested
                self._begin("blockquote")
        elif kind == "blockquote_close":
            self._quotes -= 1
            if not self._quotes:
                self._end()
            self._gap = "\n\n"

    def _indent(self, depth: int) -> str:
        return "   " * depth

    def _code(self, token: Token) -> None:
        language = token.info.split(None, 1)[0] if token.info.strip() else ""
        self._block(token.content.rstrip("\n"), "pre", language if _LANGUAGE.fullmatch(language) else "")

    def _block(self, text: str, kind: str, language: str = "") -> None:
        if self._lead:
            self._write("")
            self._gap = "\n"
        if kind and text.strip():
            self._begin(kind, language)
            self._write(text, indented=False)
            self._end()
        else:
            self._write(text)
        self._gap = "\n\n"

    # ---------------------------------------------------------------------------------------------------- inline

    def _inline(self, tokens: list[Token]) -> None:
        links: list[tuple[str, int]] = []
        for token in tokens:
            kind = token.type
            if kind in _INLINE:
                self._begin(_INLINE[kind])
            elif kind in _ENDS:
                self._end()
            elif kind == "link_open":
                links.append((str(token.attrGet("href") or ""), len(self._parts)))
                self._begin("text_link", str(token.attrGet("href") or ""))
                self._in_link = True
            elif kind == "link_close":
                self._in_link = False
                self._end_link(*links.pop())
            elif kind == "image":
                self._image(token)
            elif kind in ("softbreak", "hardbreak"):
                self._write("\n" + self._indent(len(self._lists)))
            elif kind == "code_inline":
                self._code_span(token.content)
            elif token.content:
                self._write(self._task(token.content))

    def _task(self, text: str) -> str:
        found = _TASK.match(text) if self._lead else None
        return f"{'☐' if found[1] == ' ' else '☑'} {text[found.end() :]}" if found else text

    def _code_span(self, text: str) -> None:
        if self._in_link or not text.strip():  # code within a link would take the link's place
            self._write(text)
            return
        self._begin("code")
        self._write(text)
        self._end()

    def _end_link(self, address: str, first: int) -> None:
        label = "".join(self._parts[first:]).strip()
        if not label:
            self._write(address)
        if _LINK.fullmatch(address):
            self._end()
            return
        self._open.pop()  # Telegram has only links to the network
        if label and address and address != label:
            self._write(f" ({address})")

    def _image(self, token: Token) -> None:
        address = str(token.attrGet("src") or "")
        label = token.content or address
        if self._in_link or not _LINK.fullmatch(address):
            self._write(label if label == address or self._in_link else f"{label} ({address})")
            return
        self._begin("text_link", address)
        self._write(label)
        self._end()

    # ------------------------------------------------------------------------------------------------- text, marks

    def _write(self, text: str, *, indented: bool = True) -> None:
        if self._gap:
            gap, self._gap = (self._gap if self._parts else ""), ""
            self._put(gap)
            if self._lists and not self._lead and indented:
                self._put(self._indent(len(self._lists)))
        self._settle("blockquote")
        if self._lead:
            lead, self._lead = self._lead, ""
            self._put(lead)
        self._settle()
        self._put(text)

    def _settle(self, only: str = "") -> None:
        """Say where that begins which was opened: here, after what stands between blocks."""
        self._open = [
            (kind, self._length if offset < 0 and only in ("", kind) else offset, extra)
            for kind, offset, extra in self._open
        ]

    def _put(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._length += utf16_length(text)

    def _begin(self, kind: str, extra: str = "") -> None:
        self._open.append((kind, -1, extra))

    def _end(self) -> None:
        kind, offset, extra = self._open.pop()
        if offset < 0 or self._length <= offset:
            return
        url, language = (extra, "") if kind == "text_link" else ("", extra)
        self._marks.append(Mark(kind, offset, self._length - offset, url, language))

    def finished(self) -> Rendered:
        """Without white space around, which Telegram cuts off."""
        whole = "".join(self._parts)
        text = whole.lstrip()
        cut = utf16_length(whole) - utf16_length(text)
        text = text.rstrip()
        length = utf16_length(text)
        marks = []
        for mark in self._marks:
            begin, end = max(mark.offset - cut, 0), min(mark.offset - cut + mark.length, length)
            if end > begin:
                marks.append(mark._replace(offset=begin, length=end - begin))
        if len(marks) > _MOST_ENTITIES:
            marks = sorted(marks, key=lambda mark: _RANK.get(mark.type, 9))[:_MOST_ENTITIES]
        marks.sort(key=lambda mark: (mark.offset, -mark.length))
        return Rendered(text, tuple(marks), length)
