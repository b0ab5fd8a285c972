"""Known secret values are taken out of text: as they are, url-encoded, base64-encoded and escaped as in JSON.

Redaction goes by value only. Patterns of token prefixes (`sk-…`, `ghp_…`) are left out on purpose: they miss what they
do not know, and they damage innocent text that an agent then writes back into files.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["SHORTEST", "Redaction", "Redactor"]

SHORTEST = 8
"""Shorter values are left alone: they occur in innocent text by chance."""


_SHORTEST_LINE = 16


class Redaction:
    """A set of known values, compiled once. `values` maps each value to the name it is shown by (may be empty)."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._labels: dict[str, str] = {}
        for value, name in values.items():
            if len(value) >= SHORTEST:
                label = f"[secret {name}]" if name else "[secret]"
                for part in (value, *_lines(value)):
                    for form in _forms(part):
                        self._labels.setdefault(form, label)
        self._forms = sorted(self._labels)
        # Longest first, so that a secret which begins with another one is taken out whole.
        longest_first = sorted(self._labels, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._starts = frozenset(form[:2] for form in self._forms)
        self._longest = max(map(len, self._forms), default=0)

    def apply(self, text: str) -> str:
        """The text with every known value replaced by `[secret NAME]`."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._labels[match[0]], text)

    def apply_to_beginning(self, text: str) -> tuple[str, str]:
        """Redacted text that is safe to pass on, and the rest, which may be the beginning of a secret."""
        if self._pattern is None:
            return text, ""
        begin = self._possible_beginning(text, max(0, len(text) - self._longest + 1))
        done: list[str] = []
        position = 0
        for match in self._pattern.finditer(text):
            if match.start() >= begin:
                break
            done += text[position : match.start()], self._labels[match[0]]
            position = match.end()
            if position > begin:
                begin = self._possible_beginning(text, position)
        done.append(text[position:begin])
        return "".join(done), text[begin:]

    def _possible_beginning(self, text: str, start: int) -> int:
        """The first position from `start` at which the rest of the text is a proper beginning of a known form."""
        for position in range(start, len(text)):
            rest = len(text) - position
            if rest >= 2 and text[position : position + 2] not in self._starts:
                continue
            tail = text[position:]
            index = bisect_left(self._forms, tail)
            while index < len(self._forms) and self._forms[index].startswith(tail):
                if len(self._forms[index]) > rest:
                    return position
                index += 1
        return len(text)


class Redactor:
    """Redacts a stream: a secret that is split across chunks is caught too.

    Only text that may be the beginning of a secret is held back, so ordinary deltas pass through at once.
    """

    def __init__(self, redaction: Callable[[], Redaction]) -> None:
        self._redaction = redaction
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next chunk; gives what can be shown."""
        done, self._held = self._redaction().apply_to_beginning(self._held + text)
        return done

    def flush(self) -> str:
        """End the stream; gives what was held back."""
        rest, self._held = self._held, ""
        return self._redaction().apply(rest)


def _lines(value: str) -> Iterator[str]:
    """The telling lines of a value with several, such as a private key: it may be printed line by line."""
    if "\n" in value:
        yield from (line for line in value.split("\n") if len(line) >= _SHORTEST_LINE and not line.startswith("---"))


def _forms(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    for encode in (quote, quote_plus):
        for safe in ("", "/"):
            encoded = encode(value, safe=safe)
            yield encoded
            yield re.sub("%..", lambda escape: escape[0].lower(), encoded)
    data = value.encode("utf-8", "surrogatepass")
    for offset in range(3):
        core = _base64_core(data, offset)
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _base64_core(data: bytes, offset: int) -> str:
    """What is the same in every base64 text that holds `data` at that offset modulo 3.

    The characters at both ends that also carry bits of the neighbouring bytes are left out.
    """
    encoded = base64.b64encode(b"\0" * offset + data).decode("ascii").rstrip("=")
    first = -(-offset * 8 // 6)
    last = (offset + len(data)) * 8 // 6
    return encoded[first:last]
