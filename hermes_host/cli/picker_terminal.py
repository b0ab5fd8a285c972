"""The terminal while something is chosen: keys one by one, and a few rows below what stands there, gone afterwards.

The cursor rests in the first of these rows. What is below it may be wrapped anew by a terminal that changes its size:
erasing from the cursor downwards removes all of it, and nothing above is ever touched.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_host.cli.editor import KeyDecoder
from hermes_host.cli.screen import Screen, cell_width, wrap_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType

    from hermes_host.cli.narration import Style

__all__ = ["Key", "Left", "PickerKeys", "PickerTerminal", "Row", "Signs", "cut", "words_wrapped"]

_ESCAPE_WAIT = 0.05
"""Seconds after which an escape character with nothing behind it is the key Esc."""
_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_OWN_KEYS = re.compile(rb"(\x1b\[[56]~|\x1b(?=\x1b|\Z)|\t)")
_OWN_NAMES = {b"\x1b[5~": "page-up", b"\x1b[6~": "page-down", b"\x1b": "escape", b"\t": "down"}
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;?]*|O)?\Z")

Key = tuple[str, str]
"""As a `KeyDecoder` gives them, with the keys `escape`, `page-up`, `page-down`, `interrupt` and `resize` besides."""


class Row(NamedTuple):
    """One row of a frame, safe to show and not wider than the terminal."""

    text: str
    style: Style = "plain"


class Signs(NamedTuple):
    """What is drawn besides letters."""

    pointer: str = "❯"
    more: str = "…"
    dot: str = " · "
    arrows: str = "↑↓"
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


_PLAIN_SIGNS = Signs(pointer=">", more="...", dot=" - ", arrows="Up/Down", spinner="|/-\\")


class Left(Exception):
    """The user left without choosing, or the terminal is gone. `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__("left")
        self.code = code


def cut(text: str, width: int, more: str = "…") -> str:
    """`text` on at most `width` columns; `more` stands for what is left out."""
    if cell_width(text) <= width:
        return text
    room = max(0, width - len(more))
    kept = text[:room]
    while cell_width(kept) > room:
        kept = kept[:-1]
    return (kept + more)[: max(0, width)]


def words_wrapped(text: str, width: int) -> Sequence[str]:
    """`text` in rows of at most `width` columns, cut between words where that is possible."""
    import textwrap

    rows = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [piece for row in rows for piece in wrap_cells(row, width)]


class PickerKeys:
    """Bytes into keys, with a lone Esc and the page keys besides what a `KeyDecoder` knows."""

    def __init__(self) -> None:
        self._decoder = KeyDecoder()
        self._held = b""

    @property
    def waiting(self) -> bool:
        """Whether the last byte was an escape character, which may be a key or the beginning of one."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterable[Key]:
        """The keys that are complete with `data`."""
        data, self._held = self._held + data, b""
        unfinished = _UNFINISHED.search(data)
        if unfinished:
            data, self._held = data[: unfinished.start()], data[unfinished.start() :]
        return self._keys(data)

    def flush(self) -> Iterable[Key]:
        """What was waited for did not come."""
        held, self._held = self._held, b""
        if held == b"\x1b":
            yield "key", "escape"

    def _keys(self, data: bytes) -> Iterable[Key]:
        for piece in _OWN_KEYS.split(data):
            if piece in _OWN_NAMES:
                yield "key", _OWN_NAMES[piece]
            elif piece:
                yield from self._decoder.feed(piece)


class PickerTerminal:
    """Opened with `async with`; left as it was found."""

    def __init__(self) -> None:
        self._screen = Screen()
        self._stream = self._screen.stream
        self._encoding = self._stream.encoding or "utf-8"
        self._descriptor = sys.stdin.fileno()
        self.signs = Signs() if self._screen.unicode else _PLAIN_SIGNS
        self._keys = PickerKeys()
        self._queue: asyncio.Queue[Key | int] = asyncio.Queue()
        self._saved: list[Any] | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._frame: tuple[Sequence[Row], int] | None = None
        self._column = 0
        self._interrupts = 0
        self._before: Any = None
        self._loop = asyncio.get_running_loop()

    # ------------------------------------------------------------------------------------------- open and close

    async def __aenter__(self) -> PickerTerminal:
        loop = self._loop
        self._set_up()
        loop.add_reader(self._descriptor, self._read)
        self._before = signal.signal(signal.SIGINT, self._interrupted)
        for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            loop.add_signal_handler(number, self._queue.put_nowait, code)
        loop.add_signal_handler(signal.SIGWINCH, self._queue.put_nowait, ("key", "resize"))
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        loop.add_signal_handler(signal.SIGCONT, self._continue)
        return self

    async def __aexit__(self, *failure: object) -> None:
        loop = self._loop
        loop.remove_reader(self._descriptor)
        if self._flush is not None:
            self._flush.cancel()
        self.erase()
        self._give_back()
        signal.signal(signal.SIGINT, self._before)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT):
            loop.remove_signal_handler(number)

    def _set_up(self) -> None:
        import termios

        mode = termios.tcgetattr(self._descriptor)
        if self._saved is None:
            self._saved = termios.tcgetattr(self._descriptor)
        mode[0] &= ~(termios.ICRNL | termios.IXON)
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)
        self._write(_PASTE_ON)

    def _give_back(self) -> None:
        if self._saved is None:
            return
        import termios

        saved, self._saved = self._saved, None
        try:
            self._write(_PASTE_OFF)
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, saved)
        except (OSError, ValueError, termios.error):
            pass  # the terminal is gone

    def _suspend(self) -> None:
        """Ctrl+Z: leave a tidy terminal to the shell."""
        self.erase()
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _continue(self) -> None:
        self._set_up()
        self._queue.put_nowait(("key", "resize"))

    # ------------------------------------------------------------------------------------------------------ keys

    async def key(self, seconds: float | None = None) -> Key | None:
        """The next key; None when none came in time. Raises `Left` when the process is to end or the input did."""
        try:
            async with asyncio.timeout(seconds):
                found = await self._queue.get()
        except TimeoutError:
            return None
        if isinstance(found, int):
            raise Left(found)
        if found == ("key", "interrupt"):
            self._interrupts = 0
        return found

    @property
    def pending(self) -> bool:
        """Whether there are keys that were not taken yet: then a frame need not be drawn."""
        return not self._queue.empty()

    def _interrupted(self, _signal: int, _frame: FrameType | None) -> None:
        # Runs even while a plugin blocks the loop; then a second Ctrl+C is the way out.
        self._interrupts += 1
        if self._interrupts > 1:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a third one must not keep the terminal from being given back
            try:
                # Past the stream: it may be in the middle of a write that this handler interrupted.
                os.write(self._stream.fileno(), _PASTE_OFF.encode())
                self.erase()
                self._give_back()
            finally:
                os._exit(130)
        self._loop.call_soon_threadsafe(self._queue.put_nowait, ("key", "interrupt"))

    def _read(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
        try:
            data = os.read(self._descriptor, 65536)
        except InterruptedError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._descriptor)
            self._queue.put_nowait(129)
            return
        self._take(self._keys.feed(data))
        if self._keys.waiting:
            self._flush = self._loop.call_later(_ESCAPE_WAIT, lambda: self._take(self._keys.flush()))

    def _take(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._queue.put_nowait(key)

    # --------------------------------------------------------------------------------------------------- drawing

    @property
    def size(self) -> tuple[int, int]:
        """Columns that may be used (one less than there are, for terminals that wrap early) and rows."""
        columns, rows = self._columns_and_rows()
        return columns - 1, rows

    def safe(self, text: str) -> str:
        """`text` as this terminal can show it: what its encoding lacks is written out."""
        if text.isascii():
            return text
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def draw(self, rows: Sequence[Row], column: int) -> None:
        """Show the rows in place of those shown before, with the cursor at `column` of the first one."""
        painted = [self._screen.styled_text(row.text, row.style) for row in rows]
        up = f"\x1b[{len(rows) - 1}A" if len(rows) > 1 else ""
        right = f"\x1b[{column}C" if column else ""
        self._write(f"{self._to_first_row()}" + "\x1b[K\r\n".join(painted) + f"\x1b[J{up}\r{right}")
        self._frame, self._column = (rows, column), column

    def erase(self) -> None:
        """Take the rows away."""
        if self._frame is not None:
            self._write(f"{self._to_first_row()}\x1b[J")
        self._frame, self._column = None, 0

    def say(self, text: str, style: Style = "plain") -> None:
        """Write a line that stays."""
        self.erase()
        self._write(f"{self._screen.styled_text(self.safe(text), style)}\r\n")

    def _to_first_row(self) -> str:
        wrapped = self._column // self._columns_and_rows()[0]
        return f"\x1b[{wrapped}A\r" if wrapped else "\r"

    def _columns_and_rows(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        return (columns if columns > 1 else 80), (rows or 24)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
