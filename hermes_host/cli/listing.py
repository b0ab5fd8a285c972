"""Listings: plain tables that fit the terminal, and one JSON document for scripts."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ago", "count", "json_option", "moment", "print_json", "print_table"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def print_json(value: Any) -> None:
    """Print one JSON document. Structs and dataclasses become objects."""
    import msgspec

    document = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        import json

        document = json.dumps(json.loads(document), indent=2)
    click.echo(document)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns. On a terminal the last column is cut at its edge; elsewhere nothing is cut."""
    cells = [[one_line(str(cell), 0) for cell in row] for row in (headers, *rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    limit = _terminal_width()
    for index, row in enumerate(cells):
        line = "  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if limit:
            line = _cut(line, limit)
        click.echo(click.style(line, bold=True) if index == 0 else line)


def count(number: int, word: str, plural: str = "") -> str:
    """`1 tool`, `2 tools`."""
    return f"{number} {word if number == 1 else plural or f'{word}s'}"


def moment(seconds: float) -> str:
    """A time in the local zone, to the minute; empty for 0."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M") if seconds else ""


def ago(seconds: float, now: float) -> str:
    """How long ago a time was, in one unit."""
    passed = max(0, int(now - seconds))
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if passed >= size:
            return f"{count(passed // size, word)} ago"
    return "just now"


def _terminal_width() -> int:
    if not sys.stdout.isatty():
        return 0
    import shutil

    return max(20, shutil.get_terminal_size().columns)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) >= width:
        text = text[:-1]
    return f"{text}…"
