"""The keyboard of a conversation: lines the user hands in, and answers to what is asked in between.

On a capable terminal keys are read one by one, so that typing works while the agent speaks; elsewhere the terminal's
own line editing is used.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
from typing import TYPE_CHECKING, Any

from hermes_host.cli.editor import Editor, History, KeyDecoder

if TYPE_CHECKING:
    from hermes_host.cli.screen import Screen

__all__ = ["Keyboard"]

_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


class Keyboard:
    """Reads a terminal on the event loop. `lines` holds what was handed in; None in it means: the input ended."""

    def __init__(self, screen: Screen, history: History, *, prompt: str = "❯ ", descriptor: int | None = None) -> None:
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._screen = screen
        self._editor = Editor(history)
        self._history = history
        self._prompt = prompt
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._decoder = KeyDecoder()
        self._cooked = b""
        self._saved: list[Any] | None = None
        self._question: asyncio.Future[str | None] | None = None
        self._label = ""
        self._hidden = False
        self._idle = False

    # ------------------------------------------------------------------------------------------- the terminal

    def open(self) -> None:
        """Begin to read."""
        self.resume_terminal()
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def close(self) -> None:
        """Stop reading and leave the terminal as it was found."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self.restore_terminal()

    def resume_terminal(self) -> None:
        """Set the terminal up for single keys; also after the process was stopped and continued."""
        if not self._screen.live:
            return
        import termios

        mode = termios.tcgetattr(self._descriptor)
        if self._saved is None:
            self._saved = termios.tcgetattr(self._descriptor)
        mode[0] &= ~(termios.ICRNL | termios.IXON)
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)
        self._screen.stream.write(_PASTE_ON)
        self._screen.stream.flush()

    def restore_terminal(self) -> None:
        """Give the terminal back. May be called from a signal handler, and twice."""
        if self._saved is None:
            return
        import termios

        saved, self._saved = self._saved, None
        try:
            self._screen.stream.write(_PASTE_OFF)
            self._screen.stream.flush()
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, saved)
        except (OSError, ValueError, termios.error):
            pass  # the terminal is gone

    # --------------------------------------------------------------------------------------------- what is typed

    @property
    def typed(self) -> str:
        """What stands in the line and was not handed in."""
        return self._editor.text

    def discard(self) -> None:
        """Empty the line."""
        self._editor.set("")
        self._show()

    def set_idle(self, idle: bool) -> None:
        """Whether the user's turn has come: then the prompt is shown, else only what is being typed."""
        self._idle = idle
        if idle and not self._screen.live and self._question is None:
            self._screen.stream.write(self._prompt if self._screen.unicode else "> ")
            self._screen.stream.flush()
        self._show()

    @property
    def can_hide(self) -> bool:
        """Whether what is typed can be kept from the screen."""
        return self._screen.live

    async def ask(self, label: str, *, hidden: bool = False) -> str | None:
        """The line the user types after `label` appeared; None when the input ended. `hidden`: only dots are shown.

        What was typed before is no answer: it stays in the line the user was writing and comes back afterwards.
        """
        if not self._screen.live:
            self._screen.paint()
        self._drain()
        draft, cursor = self._editor.text, self._editor.cursor
        earlier = (self._question, self._label, self._hidden)
        self._editor.set("")
        self._question, self._label, self._hidden = asyncio.get_running_loop().create_future(), label, hidden
        if not self._screen.live:
            self._screen.stream.write(label)
            self._screen.stream.flush()
        self._show()
        try:
            return await self._question
        finally:
            self._question, self._label, self._hidden = earlier
            self._editor.set(draft, cursor)
            self._show()

    def relabel(self, label: str) -> None:
        """Change the label of the question that is being asked."""
        if self._question is not None and self._screen.live:
            self._label = label
            self._show()

    # ------------------------------------------------------------------------------------------------- reading

    def _drain(self) -> None:
        """Take what is in the terminal's buffer now as typed into the ordinary line."""
        while select.select([self._descriptor], [], [], 0)[0]:
            if not self._read():
                return

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, 65536)
        except InterruptedError:
            return True
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._end()
            return False
        if self._screen.live:
            self._press(data)
        else:
            self._take_cooked(data)
        return True

    def _press(self, data: bytes) -> None:
        for kind, value in self._decoder.feed(data):
            if (kind, value) == ("key", "eof"):
                if self._editor.text:
                    self._editor.press("key", "delete")
                else:
                    self._end()
                continue
            if (kind, value) == ("key", "redraw"):
                self._screen.clear()
                continue
            if self._question is not None and value in ("up", "down"):
                continue
            text = self._editor.press(kind, value)
            if text is not None:
                self._hand_in(text)
        self._show()

    def _take_cooked(self, data: bytes) -> None:
        *lines, self._cooked = (self._cooked + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if text.endswith("\\") and not text.endswith("\\\\"):
                self._editor.set(f"{self._editor.text}{text[:-1]}\n")
                continue
            text = self._editor.text + text
            self._editor.set("")
            self._hand_in(text)

    def _hand_in(self, text: str) -> None:
        if self._question is not None:
            if not self._question.done():
                self._question.set_result(text)
            return
        self._history.add(text)
        self._editor.set("")
        self.lines.put_nowait(text)

    def _end(self) -> None:
        if self._question is not None and not self._question.done():
            self._question.set_result(None)
        else:
            self.lines.put_nowait(None)

    def _show(self) -> None:
        text, cursor = self._editor.shown()
        if self._question is not None:
            self._screen.show_input(self._label, "•" * len(text) if self._hidden else text, cursor)
        elif self._idle or text:
            self._screen.show_input(self._prompt, text, cursor)
        else:
            self._screen.hide_input()
