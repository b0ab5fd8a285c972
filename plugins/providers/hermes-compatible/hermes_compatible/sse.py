"""Server-sent events: from bytes, split anywhere, to the data of each event.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html for what chat completions use: `data` lines
(several of one event are joined by a newline), comments, and line ends of all three kinds. It is lenient in one way: an
event that is not ended by an empty line before the stream ends still counts, since servers forget it.
"""

from __future__ import annotations

__all__ = ["EventReader"]


class EventReader:
    """Cuts a stream into the data of its events."""

    __slots__ = ("_data", "_rest", "_skip_newline")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._skip_newline = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes."""
        if b"\r" in piece or self._skip_newline:
            piece = self._unify(piece)
        lines = (self._rest + piece if self._rest else piece).split(b"\n")
        self._rest = lines.pop()
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
            elif line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
        return events

    def close(self) -> list[bytes]:
        """The event that was not properly ended when the stream was, if there is one."""
        rest, self._rest = self._rest, b""
        return self.feed(rest + b"\n\n") if rest or self._data else []

    def _unify(self, piece: bytes) -> bytes:
        """Make all line ends one newline; a carriage return at the end may be half of one."""
        if self._skip_newline and piece[:1] == b"\n":
            piece = piece[1:]
        self._skip_newline = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
