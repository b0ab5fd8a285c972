"""One line of input being edited, the keys that edit it, and what was typed before."""

from __future__ import annotations

import codecs
import os
import re
from datetime import datetime
from typing import TYPE_CHECKING

from hermes_host.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Editor", "History", "KeyDecoder"]

_KEY = re.compile(
    r"\x1b\[200~(?P<paste>.*?)\x1b\[201~|(?P<escape>\x1b\[[0-9;?]*[A-Za-z~]|\x1bO[A-Za-z]|\x1b[^\[O\x1b]|\x1b(?=\x1b))|(?P<char>[^\x1b])",
    re.DOTALL,
)
_NAMES = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down",
    "\x1bOC": "right", "\x1bOD": "left", "\x1b[H": "home", "\x1b[F": "end", "\x1bOH": "home", "\x1bOF": "end",
    "\x1b[1~": "home", "\x1b[4~": "end", "\x1b[7~": "home", "\x1b[8~": "end", "\x1b[3~": "delete",
    "\x1b[1;5D": "word-left", "\x1b[1;5C": "word-right", "\x1b[1;3D": "word-left", "\x1b[1;3C": "word-right",
    "\x1bb": "word-left", "\x1bf": "word-right", "\x1b\r": "newline", "\x1b\n": "newline", "\x1b\x7f": "delete-word",
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x01": "home", "\x05": "end",
    "\x02": "left", "\x06": "right", "\x10": "up", "\x0e": "down", "\x0b": "kill-end", "\x15": "kill-start",
    "\x17": "delete-word", "\x04": "eof", "\x0c": "redraw", "\x19": "yank",
}  # fmt: skip


class KeyDecoder:
    """Bytes of a terminal into keys: `("key", name)`, `("text", character)` or `("paste", text)`."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, data: bytes) -> Iterable[tuple[str, str]]:
        """The keys that are complete with `data`."""
        text = self._rest + self._decode(data)
        position = 0
        while match := _KEY.match(text, position):
            if match["escape"] == "\x1b[200~":
                break  # a paste whose end has not come yet
            position = match.end()
            if match["paste"] is not None:
                yield "paste", match["paste"].replace("\r\n", "\n").replace("\r", "\n")
                continue
            key = match["escape"] or match["char"]
            if key in _NAMES:
                yield "key", _NAMES[key]
            elif match["char"] and (key.isprintable() or key == "\t" or not key.isascii()):
                yield "text", key
        self._rest = text[position:]


class History:
    """Earlier input, kept in a file readable by its owner alone.

    The format is that of prompt_toolkit: a comment with the time, then the lines with a plus sign before each.
    """

    def __init__(self, path: Path | None = None, *, limit: int = 1000) -> None:
        self._path = path
        self.entries: list[str] = []
        if path is not None:
            try:
                self.entries = _entries(path.read_text(encoding="utf-8", errors="replace"))[-limit:]
            except OSError:
                pass  # no history yet, or none to be had: typing works without

    def add(self, text: str) -> None:
        """Remember `text`, unless it is empty or a repetition."""
        if not text.strip() or (self.entries and self.entries[-1] == text):
            return
        self.entries.append(text)
        if self._path is None:
            return
        lines = "".join(f"+{line}\n" for line in text.split("\n"))
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
                file.write(f"\n# {datetime.now()}\n{lines}")
        except OSError:
            self._path = None  # a full or read-only disk must not end the conversation


def _entries(text: str) -> list[str]:
    entries: list[str] = []
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith("+"):
            lines.append(line[1:])
        elif lines:
            entries.append("\n".join(lines))
            lines = []
    return entries


class Editor:
    """The text being typed and its cursor. `press` gives the text when it is handed in."""

    def __init__(self, history: History | None = None) -> None:
        self.history = history or History()
        self.text = ""
        self.cursor = 0
        self._killed = ""
        self._place = len(self.history.entries)
        self._draft = ""

    def set(self, text: str, cursor: int | None = None) -> None:
        """Replace the text."""
        self.text = text
        self.cursor = len(text) if cursor is None else cursor
        self._place = len(self.history.entries)

    def press(self, kind: str, value: str) -> str | None:
        """Take one key of a `KeyDecoder`. Gives the text when Enter handed it in, else None."""
        if kind == "text" or kind == "paste":
            self._insert(value)
        elif value == "enter":
            return self._enter()
        elif value == "newline":
            self._insert("\n")
        else:
            self._edit(value)
        return None

    def shown(self) -> tuple[str, int]:
        """The text safe to show, and the cursor's place in that."""
        before = visible(self.text[: self.cursor])
        return before + visible(self.text[self.cursor :]), len(before)

    def _insert(self, text: str) -> None:
        self.text = self.text[: self.cursor] + text + self.text[self.cursor :]
        self.cursor += len(text)

    def _enter(self) -> str | None:
        if self.text.endswith("\\") and not self.text.endswith("\\\\") and self.cursor == len(self.text):
            self.set(f"{self.text[:-1]}\n")
            return None
        text = self.text
        self.set("")
        return text

    def _edit(self, key: str) -> None:
        text, cursor = self.text, self.cursor
        match key:
            case "left":
                self.cursor = max(0, cursor - 1)
            case "right":
                self.cursor = min(len(text), cursor + 1)
            case "home":
                self.cursor = text.rfind("\n", 0, cursor) + 1
            case "end":
                self.cursor = self._line_end()
            case "word-left":
                self.cursor = self._word_start()
            case "word-right":
                match_ = re.compile(r"\W*\w*").match(text, cursor)
                self.cursor = match_.end() if match_ else cursor
            case "backspace":
                self._cut(max(0, cursor - 1), cursor)
            case "delete":
                self._cut(cursor, cursor + 1)
            case "delete-word":
                self._killed = self._cut(self._word_start(), cursor)
            case "kill-start":
                self._killed = self._cut(text.rfind("\n", 0, cursor) + 1, cursor)
            case "kill-end":
                self._killed = self._cut(cursor, max(self._line_end(), cursor + 1))
            case "yank":
                self._insert(self._killed)
            case "up":
                self._recall(-1)
            case "down":
                self._recall(1)

    def _line_end(self) -> int:
        end = self.text.find("\n", self.cursor)
        return len(self.text) if end < 0 else end

    def _word_start(self) -> int:
        before = self.text[: self.cursor].rstrip()
        return max((match.end() for match in re.finditer(r"\s", before)), default=0)

    def _cut(self, start: int, end: int) -> str:
        removed = self.text[start:end]
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start
        return removed

    def _recall(self, step: int) -> None:
        entries = self.history.entries
        place = min(len(entries), max(0, self._place + step))
        if place == self._place:
            return
        if self._place == len(entries):
            self._draft = self.text
        text = self._draft if place == len(entries) else entries[place]
        self.set(text)
        self._place = place
