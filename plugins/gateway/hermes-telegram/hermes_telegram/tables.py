"""Tables as lines of aligned text."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["Table", "display_width"]


def display_width(text: str) -> int:
    """How many columns a text takes with letters of one width."""
    width = 0
    for char in text:
        if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
            continue
        width += 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
    return width


class Table:
    """A table, cell by cell."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self._right: list[bool] = []

    def take(self, token: Token) -> None:
        """The next token of the parser."""
        if token.type == "tr_open":
            self._rows.append([])
        elif token.type == "th_open":
            self._right.append("right" in str(token.attrGet("style") or ""))
        elif token.type == "inline":
            self._rows[-1].append(_plain(token))

    def text(self) -> str:
        """Its lines, with one below the head."""
        widths = [
            max(display_width(row[column]) if column < len(row) else 0 for row in self._rows)
            for column in range(len(self._right))
        ]
        lines = [self._line(row, widths) for row in self._rows]
        lines.insert(1, "-+-".join("-" * width for width in widths))
        return "\n".join(lines)

    def _line(self, row: list[str], widths: list[int]) -> str:
        cells = []
        for cell, width, right in zip(row, widths, self._right, strict=False):
            blank = " " * (width - display_width(cell))
            cells.append(blank + cell if right else cell + blank)
        return " | ".join(cells).rstrip()


def _plain(token: Token) -> str:
    """The words of a cell; the address of a link after them, since preformatted text has no links."""
    parts: list[str] = []
    begun: list[tuple[int, str]] = []
    for child in token.children or []:
        if child.type == "link_open":
            begun.append((len(parts), str(child.attrGet("href") or "")))
        elif child.type == "link_close":
            first, address = begun.pop()
            if address != "".join(parts[first:]):
                parts.append(f" ({address})")
        elif child.type == "image":
            parts.append(child.content or str(child.attrGet("src") or ""))
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        else:
            parts.append(child.content)
    return "".join(parts).strip()
