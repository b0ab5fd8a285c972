"""Bytes as text and back, without losing one.

A `Document` holds a file's bytes and their text. Edits are given as places in the text and applied to the bytes: what
no edit touches is copied, never decoded and encoded again. Where that cannot be promised, `decode` or `splice` refuses.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Document",
    "Edit",
    "Endings",
    "Lines",
    "NotText",
    "Unencodable",
    "adapt_endings",
    "decode",
    "printable",
    "refuse_binary",
    "split_lines",
]

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 8192
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_LETTER = re.compile(rb"[A-Za-z]")
_DETECTION_SAMPLE = 65536


class NotText(Exception):
    """The bytes are not text. `str(error)` says in one clause what they seem to be."""


class Unencodable(Exception):
    """A text has characters that the file's encoding lacks. `characters` lists the first few of them."""

    def __init__(self, encoding: str, characters: str) -> None:
        super().__init__(f"{encoding} has no {characters!r}")
        self.encoding = encoding
        self.characters = characters


class Edit(NamedTuple):
    """Replace the characters `start` to `end` of a document's text by `text`, whose line endings are final."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Endings:
    """How the lines of a text end. A lone CR counts as an ending only where there is no LF at all (classic Mac)."""

    style: str
    """The most frequent ending: LF, CR LF or CR; LF for a text without any."""
    mixed: bool

    @property
    def name(self) -> str:
        """For people: `LF`, `CRLF`, `CR` or `mixed`."""
        return "mixed line endings" if self.mixed else {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[self.style]


class Lines(NamedTuple):
    """The lines of a text: contents without endings, where each starts, and where the text ends."""

    contents: list[str]
    starts: list[int]
    length: int

    def start(self, index: int) -> int:
        """Where line `index` starts; the end of the text for the line after the last."""
        return self.starts[index] if index < len(self.starts) else self.length

    def end(self, index: int) -> int:
        """Where the content of line `index` ends, before its line ending."""
        return self.starts[index] + len(self.contents[index])


@dataclass(frozen=True)
class Document:
    """A file's bytes and the text they stand for (without the byte order mark)."""

    data: bytes
    text: str
    encoding: str
    errors: str = "strict"
    mark: bytes = b""

    @cached_property
    def endings(self) -> Endings:
        """How its lines end."""
        text = self.text
        if "\r" not in text:
            return Endings("\n", False)
        line_feeds = text.count("\n")
        if not line_feeds:
            return Endings("\r", False)
        pairs = text.count("\r\n")
        return Endings("\r\n" if pairs * 2 > line_feeds else "\n", 0 < pairs < line_feeds)

    @cached_property
    def lines(self) -> Lines:
        """Its lines. No other character than LF, CR LF or (in a text without LF) CR ends a line."""
        return split_lines(self.text, self.endings)

    @property
    def line_count(self) -> int:
        """How many lines there are; a last line without an ending counts."""
        separator = "\r" if self.endings.style == "\r" else "\n"
        return self.text.count(separator) + (bool(self.text) and not self.text.endswith(separator))

    @property
    def description(self) -> str:
        """Encoding and endings where they are not UTF-8 and LF, such as `cp1252, CRLF`; else empty."""
        words = []
        if self.encoding != "utf-8":
            words.append(self.encoding)
        elif self.errors != "strict":
            words.append("UTF-8 with invalid bytes, shown as \ufffd")
        if self.mark:
            words.append("byte order mark")
        if self.endings.mixed or self.endings.style != "\n":
            words.append(self.endings.name)
        return ", ".join(words)

    def encode(self, text: str) -> bytes:
        """New text in the file's encoding. Raises `Unencodable`."""
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            missing = "".join(dict.fromkeys(char for char in text[error.start :] if not _encodes(char, self.encoding)))
            raise Unencodable(self.encoding, missing[:5]) from None

    def splice(self, edits: Iterable[Edit]) -> bytes:
        """The bytes with the edits applied; every byte outside them is the original one.

        Raises `Unencodable`, `ValueError` for overlapping edits, and `NotText` where the encoding does not allow to
        tell which bytes belong to the edited characters.
        """
        pieces = [self.mark]
        position, offset = 0, len(self.mark)
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < position:
                raise ValueError("Two edits overlap.")
            kept = self._size(position, edit.start)
            pieces.append(self.data[offset : offset + kept])
            offset += kept + self._size(edit.start, edit.end)
            pieces.append(self.encode(edit.text))
            position = edit.end
        if position and self._size(position, len(self.text)) != len(self.data) - offset:
            raise NotText(f"text in {self.encoding}, which cannot be edited in place")
        pieces.append(self.data[offset:])
        return b"".join(pieces)

    def _size(self, start: int, end: int) -> int:
        if self._single_byte:
            return end - start
        return len(self.text[start:end].encode(self.encoding, self.errors))

    @cached_property
    def _single_byte(self) -> bool:
        return len(self.data) - len(self.mark) == len(self.text) and not self.encoding.startswith(("utf-16", "utf-32"))


def split_lines(text: str, endings: Endings) -> Lines:
    """The lines of `text`, whose endings are known."""
    separator = "\r" if endings.style == "\r" else "\n"
    contents = text.split(separator)
    if contents[-1] == "":
        contents.pop()
    starts = []
    position = 0
    for content in contents:
        starts.append(position)
        position += len(content) + 1
    if separator == "\n" and (endings.mixed or endings.style == "\r\n"):
        last = len(contents) - (not text.endswith("\n"))
        contents[:last] = [content.removesuffix("\r") for content in contents[:last]]
    return Lines(contents, starts, len(text))


def adapt_endings(text: str, style: str) -> str:
    """`text` with its LFs as `style`. A text that has a CR of its own says what it wants and stays as it is."""
    return text if style == "\n" or "\r" in text else text.replace("\n", style)


def printable(text: str) -> str:
    """`text` without lone surrogates, which stand for bytes that are no text: no JSON encoder takes them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def decode(data: bytes) -> Document:
    """The text in `data`: by byte order mark, as UTF-8, or in an 8-bit or East Asian encoding it resembles.

    UTF-8 with a few bad bytes stays UTF-8 (they pass through edits unchanged). Raises `NotText` for binary data.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            document = _decode_marked(data, mark, encoding)
            if document is not None:
                return document
            if encoding.startswith("utf-16"):
                raise NotText("damaged UTF-16 text or binary data")
    refuse_binary(data[:_HEAD])
    try:
        return Document(data, data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "surrogateescape")
    bad = sum(len(run) for run in re.findall("[\udc80-\udcff]+", text))
    good = sum(len(run) for run in re.findall("[^\x00-\x7f\udc80-\udcff]+", text))
    if good > bad:
        return Document(data, text, "utf-8", "surrogateescape")
    return _decode_legacy(data)


def refuse_binary(head: bytes) -> None:
    """Raise `NotText` when the first bytes of a file (some thousand) are not text."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        return
    if b"\0" in head:
        raise NotText("UTF-16 without a byte order mark" if _looks_like_utf16(head) else "binary data")
    if len(head.translate(None, _CONTROLS)) * 10 < len(head) * 9:
        raise NotText("binary data")


def _looks_like_utf16(head: bytes) -> bool:
    even, odd = head[::2].count(0), head[1::2].count(0)
    return max(even, odd) * 5 > len(head) * 2 and min(even, odd) * 50 < len(head)


def _decode_marked(data: bytes, mark: bytes, encoding: str) -> Document | None:
    payload = data[len(mark) :]
    for errors in ("strict", "surrogateescape" if encoding == "utf-8" else "surrogatepass"):
        try:
            text = payload.decode(encoding, errors)
        except UnicodeDecodeError:
            continue
        if "\0" not in text[:_HEAD] and text.encode(encoding, errors) == payload:
            return Document(data, text, encoding, errors, mark)
    return None


def _decode_legacy(data: bytes) -> Document:
    for encoding in _candidates(data):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if text.encode(encoding, "replace") == data:
            return Document(data, text, encoding)
    return Document(data, data.decode("latin-1"), "latin-1")


def _candidates(data: bytes) -> Sequence[str]:
    if _is_western(data):
        return ("cp1252",)
    from charset_normalizer import from_bytes

    lines = [line for line in data.split(b"\n") if not line.isascii()]
    best = from_bytes(b"\n".join(lines)[:_DETECTION_SAMPLE]).best()
    return ("cp1252",) if best is None or best.encoding.startswith("utf") else (best.encoding, "cp1252")


def _is_western(data: bytes) -> bool:
    """Whether the bytes above 127 stand alone or in pairs among ASCII letters, as in the languages of Western Europe.

    There, and for a handful of such bytes, a statistical detector errs more often than the plain guess.
    """
    sample = b"".join(line for line in data[: _DETECTION_SAMPLE * 16].split(b"\n") if not line.isascii())
    runs = _HIGH_RUN.findall(sample)
    high = sum(map(len, runs))
    short = sum(1 for run in runs if len(run) <= 2)
    return high < 4 or (short * 3 >= len(runs) * 2 and high * 11 < (high + len(_LETTER.findall(sample))) * 5)


def _encodes(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
