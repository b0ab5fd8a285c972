"""The terminal of a conversation: what is done scrolls up and is never touched again; a few live rows stand below.

Everything is painted by one function, at most once per frame, with one write. Without a capable terminal
(`live=False`: `TERM=dumb`, a file) there are no live rows and what is done is simply appended.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from hermes_host.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.cli.narration import Line, Style

__all__ = ["FRAME", "Screen", "can_draw", "cell_width", "wrap_cells"]

FRAME = 0.035
"""Seconds between two paintings."""

_CODES: dict[Style, tuple[str, str]] = {
    # with colour, without
    "plain": ("", ""),
    "dim": ("2", "2"),
    "tool": ("2", "2"),
    "said": ("1", "1"),
    "failed": ("31", "1"),
    "info": ("36", ""),
    "warning": ("33", "1"),
    "error": ("1;31", "1"),
    "added": ("32", ""),
    "removed": ("31", ""),
    "hunk": ("36", "2"),
}
_PLAIN_SIGNS = str.maketrans(
    {"┊": "|", "❯": ">", "•": "*", "…": "...", "·": "-", "─": "-", "━": "-", "│": "|", "▌": "|", "–": "-", "—": "-"}
)


def can_draw(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def cell_width(text: str) -> int:
    """Columns `text` takes in a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrap_cells(text: str, width: int) -> list[str]:
    """`text` cut into rows of at most `width` columns, at any character, as a terminal does."""
    rows: list[str] = []
    for line in text.expandtabs(4).split("\n"):
        if cell_width(line) <= width:
            rows.append(line)
            continue
        row, used = "", 0
        for char in line:
            size = cell_width(char)
            if used + size > width:
                rows.append(row)
                row, used = "", 0
            row += char
            used += size
        rows.append(row)
    return rows


class Screen:
    """Writes to one terminal. `later(seconds, function)` schedules a frame, as `loop.call_later` does."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        live: bool | None = None,
        colour: bool | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
        size: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self.stream = stream if stream is not None else sys.stdout
        self.live = can_draw(self.stream) if live is None else live
        self.colour = self.live and not os.environ.get("NO_COLOR") if colour is None else colour
        self.styled = self.live or self.colour
        self.before_frame: list[Callable[[], None]] = []
        """Called before painting; may use `print` and the `show_` methods."""
        self._later = later
        self._size = size or shutil.get_terminal_size
        self._scheduled = False
        self._above: list[str] = []
        self._tail: list[str] = []
        self._status = ""
        self._input: tuple[str, str, int] | None = None
        self._rows_above_cursor = 0
        self._drawn = False
        self.unicode = (self.stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")

    @property
    def width(self) -> int:
        """Columns that may be used: one less than there are, for terminals that wrap early."""
        return max(20, self._size()[0]) - 1

    @property
    def height(self) -> int:
        """Rows of the terminal."""
        return max(5, self._size()[1])

    # ------------------------------------------------------------------------------------------ what is shown

    def print(self, text: str = "") -> None:
        """Add finished output: whole lines, safe to show, possibly with style sequences of our own."""
        self._above.append(text if text.endswith("\n") else f"{text}\n")
        self.touch()

    def print_line(self, line: Line) -> None:
        """Add a finished line in its style."""
        self.print(self.styled_text(line.text, line.style))

    def styled_text(self, text: str, style: Style) -> str:
        """`text` in a style; as it is where the terminal has none."""
        code = _CODES[style][0 if self.colour else 1] if self.styled else ""
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    def show_tail(self, text: str, style: Style = "plain", rows: int = 16) -> None:
        """Show the end of a text that still grows, at most `rows` rows of it, made safe."""
        if not self.live:
            return
        rows = max(1, min(rows, self.height - 5))
        shown = visible("\n".join(self._line_ends(text, rows)))
        wrapped = wrap_cells(shown, self.width)[-rows:] if shown else []
        self._tail = [self.styled_text(row, style) for row in wrapped]

    def _line_ends(self, text: str, rows: int) -> list[str]:
        """The last lines; of one longer than can be shown, the end, cut where a row begins so that rows stand still."""
        width = self.width
        lines = text.rsplit("\n", rows)[-rows:]
        return [line[max(0, len(line) - rows * width) // width * width :] for line in lines]

    def show_status(self, text: str) -> None:
        """Show one row about what is going on; empty for none."""
        if text != self._status:
            self._status = text
            self.touch()

    def show_input(self, prompt: str, text: str, cursor: int) -> None:
        """Show what is being typed after `prompt`, with the cursor before character `cursor`."""
        self._input = (prompt, text, cursor)
        self.touch()

    def hide_input(self) -> None:
        """Show no input."""
        self._input = None
        self.touch()

    def clear(self) -> None:
        """Empty the terminal's window."""
        if self.live:
            self._above.append("\x1b[2J\x1b[3J\x1b[H")
            self._drawn = False
            self.touch()

    def suspend(self) -> None:
        """Take the live rows away until the next frame."""
        self._write(self._erase())
        self._drawn = False

    def forget_live_rows(self) -> None:
        """Something else has written to the terminal: paint the live rows anew, below that."""
        self._drawn = False
        self.touch()

    # ------------------------------------------------------------------------------------------------ painting

    def touch(self) -> None:
        """Paint within one frame; at once where nothing schedules frames."""
        if self._later is None:
            if not self.live:
                self.paint()
        elif not self._scheduled:
            self._scheduled = True
            self._later(FRAME, self.frame)

    def frame(self) -> None:
        """Let the others prepare, then paint."""
        self._scheduled = True  # what they change now needs no frame of its own
        for prepare in self.before_frame:
            prepare()
        self._scheduled = False
        self.paint()

    def paint(self) -> None:
        """Write what is done, then the live rows; nothing when nothing changed is cheap enough to write again."""
        above = "".join(self._above)
        self._above.clear()
        if not self.live:
            self._write(above)
            return
        rows, back, column = self._live_rows()
        parts = [self._erase(), above.replace("\n", "\r\n"), "\r\n".join(rows)]
        if rows:
            parts.append(f"\x1b[{back}A" if back else "")
            parts.append(f"\r\x1b[{column}C" if column else "\r")
        self._drawn = bool(rows)
        self._rows_above_cursor = max(0, len(rows) - 1 - back)
        self._write("".join(parts))

    def finish(self) -> None:
        """Paint what is pending and take the live rows away. What is printed later is only appended."""
        for prepare in self.before_frame:
            prepare()
        self.before_frame.clear()
        self._tail, self._status, self._input = [], "", None
        self.paint()

    def _erase(self) -> str:
        if not self._drawn:
            return ""
        up = f"\x1b[{self._rows_above_cursor}A" if self._rows_above_cursor else ""
        return f"{up}\r\x1b[J"

    def _live_rows(self) -> tuple[list[str], int, int]:
        """The rows, how many of them stand below the cursor, and the cursor's column."""
        rows = list(self._tail)
        if self._status:
            rows.append(self.styled_text(wrap_cells(self._status, self.width)[0], "dim"))
        if self._input is None:
            return rows, 0, cell_width(wrap_cells(self._status, self.width)[0]) if self._status else 0
        prompt, text, cursor = self._input
        width = self.width
        before = wrap_cells(prompt + text[:cursor], width)
        typed = wrap_cells(prompt + text, width)
        room = max(1, min(8, self.height - len(rows) - 1))
        first = max(0, min(len(before) - room, len(typed) - room), len(before) - room)
        window = typed[first : first + room]
        back = len(window) - (len(before) - first)
        return rows + window, max(0, back), cell_width(before[-1])

    def _write(self, text: str) -> None:
        if not text:
            return
        if not self.unicode:
            text = text.translate(_PLAIN_SIGNS)
        self.stream.write(text)
        self.stream.flush()
