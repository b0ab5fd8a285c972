"""Output of any length in bounded memory: the beginning and the end for the model, everything in a file."""

from __future__ import annotations

import codecs
import os
import re
from collections import deque
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hermes_host.context import private_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Collector", "PlainText", "Redacted", "Redacting", "Tail", "create_private"]

KEPT_AT_MOST = 1 << 30
"""Bytes of one command's output that are kept in its file: an endless command must not fill the disk."""

_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|[ -/]+[0-~]"  # character sets
    r"|[0-OQ-WYZ\\`-~]"  # everything else of two characters
    r")"
)
_OPEN_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_SEQUENCE_AT_MOST = 4096


class PlainText:
    """Turns bytes, cut anywhere, into text without terminal control sequences. Invalid UTF-8 becomes U+FFFD."""

    def __init__(self, *, carriage_returns: bool = True) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._carriage_returns = carriage_returns
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that is complete so far; `final` gives the rest."""
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        if "\x1b" in text:
            text = _SEQUENCE.sub("", text)
            unfinished = None if final else _OPEN_SEQUENCE.search(text, max(0, len(text) - _SEQUENCE_AT_MOST))
            if unfinished is not None:
                self._held = text[unfinished.start() :]
                text = text[: unfinished.start()]
        if not self._carriage_returns:
            if text.endswith("\r") and not final:
                text, self._held = text[:-1], "\r" + self._held
            text = text.replace("\r\n", "\n")
        return text


class Tail:
    """The last `size` characters of a text that only grows."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._parts: deque[str] = deque()
        self._length = 0

    def add(self, text: str) -> None:
        """Append, and forget what is too old."""
        if len(text) > self._size:
            text = text[len(text) - self._size :]
        if not text:
            return
        self._parts.append(text)
        self._length += len(text)
        while self._length - len(self._parts[0]) >= self._size:
            self._length -= len(self._parts.popleft())

    def text(self) -> str:
        """The end of the text."""
        joined = "".join(self._parts)
        return joined[max(0, len(joined) - self._size) :]


def create_private(path: Path) -> BinaryIO:
    """A new file that only the owner can read, from its first byte."""
    private_directory(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


class Redacting(Protocol):
    """Takes secrets out of a stream of text; what may be the beginning of one is held back."""

    def feed(self, text: str) -> str:
        """Take the next piece; gives what can be kept."""
        ...

    def flush(self) -> str:
        """End the stream; gives what was held back."""
        ...


class Redacted:
    """A file of output, with secrets taken out before they reach the disk. Bytes of any kind stay as they are."""

    def __init__(self, redactor: Redacting | None) -> None:
        self._redactor = redactor

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """The bytes to be written."""
        if self._redactor is None:
            return data
        # One character for each byte, so that any bytes pass unchanged; names and values of secrets are ASCII.
        text = self._redactor.feed(data.decode("latin-1"))
        return (text + self._redactor.flush() if final else text).encode("latin-1", "replace")


class Collector:
    """Collects one command's output: at most `limit` characters of it in memory, 40 % from its beginning and 60 % from
    its end; from the first character past the limit on, everything (as it came, control sequences too) is in a file."""

    def __init__(
        self, limit: int, keep: Callable[[], Path], plain: PlainText, redactor: Redacting | None = None
    ) -> None:
        self._redacted = Redacted(redactor)
        self._limit = limit
        self._keep = keep
        self._plain = plain
        self._head_size = limit * 2 // 5
        self._head: list[str] = []
        self._head_length = 0
        self._tail = Tail(limit - self._head_size)
        self._raw: list[bytes] = []
        self._raw_length = 0
        self._file: BinaryIO | None = None
        self._problem = ""
        self.whole = ""
        """Where the complete output lies, once it is longer than the limit."""
        self.length = 0
        """Characters so far."""
        self.total_bytes = 0

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Take in more; gives its text."""
        text = self._plain.feed(data, final=final)
        self.total_bytes += len(data)
        self.length += len(text)
        self._store(self._redacted.feed(data, final=final))
        rest = text
        if self._head_length < self._head_size:
            rest = text[self._head_size - self._head_length :]
            self._head.append(text[: len(text) - len(rest)])
            self._head_length += len(text) - len(rest)
        self._tail.add(rest)
        return text

    def _store(self, data: bytes) -> None:
        if self._problem:
            return
        if self._file is None:
            self._raw.append(data)
            self._raw_length += len(data)
            # Nothing but control sequences makes no text: bound that too.
            if self.length <= self._limit and self._raw_length <= 4 * self._limit + 65536:
                return
        try:
            if self._file is None:
                path = self._keep()
                self._file = create_private(path)
                self.whole = str(path)
                data = b"".join(self._raw)
                self._raw = []
            if self.total_bytes > KEPT_AT_MOST:
                self._problem = f"the first {KEPT_AT_MOST >> 20} MiB are"
                data = data[: max(0, KEPT_AT_MOST - (self.total_bytes - len(data)))]
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._raw = []
            self._problem = (
                f"an incomplete copy ({error.strerror}) is" if self.whole else f"{error.strerror}: nothing is"
            )

    def finish(self) -> str:
        """What was held back; nothing may be fed afterwards."""
        text = self.feed(b"", final=True)
        self.close()
        return text

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def text(self) -> str:
        """The output, or its beginning and end with a note between them."""
        head, tail = "".join(self._head), self._tail.text()
        if self.length <= self._limit:
            return head + tail
        left_out = self.length - len(head) - len(tail)
        where = f"{self._problem or 'the whole output is'} in {self.whole}" if self.whole else "nothing more is kept"
        return f"{head}\n\n[… {left_out:,} of {self.length:,} characters left out; {where} …]\n\n{tail}"
