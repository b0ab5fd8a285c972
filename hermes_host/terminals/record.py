"""The output of a background process: all of it in a file, its end in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from hermes_host.terminals.output import KEPT_AT_MOST, PlainText, Redacted, Tail, create_private

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.terminals.output import Redacting

__all__ = ["Record"]

_REMEMBERED = 200_000
"""Characters in memory."""
_INDEX_BYTES = 1 << 16
_LOOKED_AT = 1 << 21
"""Bytes read from the file for one call of `lines`."""


class Record:
    """Grows with `add`; read with `poll` (what is new) and `lines` (any part)."""

    def __init__(self, path: Path, *, carriage_returns: bool, redactor: Redacting | None = None) -> None:
        self._path = path
        self._redacted = Redacted(redactor)
        self._file: BinaryIO | None = None
        self._plain = PlainText(carriage_returns=carriage_returns)
        self._tail = Tail(_REMEMBERED)
        self._length = 0
        self._polled = 0
        self._bytes = 0
        self._newlines = 0
        self._open_line = False
        self._index: list[tuple[int, int]] = [(0, 0)]
        self._full = False

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._length

    @property
    def polled(self) -> int:
        """Characters that `poll` has given."""
        return self._polled

    def skip(self, characters: int) -> None:
        """The first ones were given by `poll` before, to a process that has ended since."""
        self._polled = characters

    def load(self, *, unread: int) -> None:
        """Take in the file as it is, of a job that has ended; its last `unread` characters are still to be polled."""
        try:
            with self._path.open("rb") as file:
                while data := file.read(_INDEX_BYTES):
                    self._show(self._plain.feed(data))
                    self._count(data)
        except FileNotFoundError:
            pass  # it wrote nothing
        self._show(self._plain.feed(b"", final=True))
        self._polled = max(0, self._length - unread)

    def add(self, data: bytes) -> None:
        """Take in more output."""
        if data:
            self._show(self._plain.feed(data))
            self._store(self._redacted.feed(data))

    def close(self) -> None:
        """There is no more."""
        self._show(self._plain.feed(b"", final=True))
        if rest := self._redacted.feed(b"", final=True):
            self._store(rest)
        if self._file is not None:
            self._file.close()
            self._file = None

    def poll(self) -> str:
        """The text since the last call; the end of it, with a note, where it is longer than what is in memory."""
        new = max(0, self._length - self._polled)
        self._polled = max(self._polled, self._length)
        text = self._tail.text()
        if new <= len(text):
            return text[len(text) - new :]
        return f"[… {new - len(text):,} characters left out; all output is in {self._path} …]\n{text}"

    def lines(self, offset: int, limit: int) -> list[str]:
        """`limit` lines from line `offset` on, counted from 0 or, where it is negative, from the end."""
        if offset < 0:
            offset = max(0, self._newlines + self._open_line + offset)
        if not self._bytes or limit <= 0:
            return []
        # An entry of the index points into a line, so the lines after that one can be found from it.
        line, position = max(entry for entry in self._index if entry[0] < offset or entry[1] == 0)
        with self._path.open("rb") as file:
            file.seek(position)
            data = file.read(_LOOKED_AT)
        found = data.split(b"\n")
        if not found[-1]:
            found.pop()
        wanted = found[offset - line : offset - line + limit]
        return [PlainText().feed(raw, final=True).rstrip("\r") for raw in wanted]

    def _show(self, text: str) -> None:
        self._tail.add(text)
        self._length += len(text)

    def _store(self, data: bytes) -> None:
        if self._full:
            return
        try:
            if self._file is None:
                self._file = create_private(self._path)
            if self._bytes + len(data) > KEPT_AT_MOST:
                self._full = True
                data = data[: KEPT_AT_MOST - self._bytes]
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            # The disk is full or the folder gone: the end stays in memory, and the process goes on.
            self._full = True
            return
        self._count(data)

    def _count(self, data: bytes) -> None:
        if self._bytes - self._index[-1][1] >= _INDEX_BYTES:
            self._index.append((self._newlines, self._bytes))
        self._bytes += len(data)
        self._newlines += data.count(b"\n")
        self._open_line = not data.endswith(b"\n")
