"""Finding words in conversations without an index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermes_host.messages import Message, Text, ToolResult
from hermes_host.records import SearchHit
from hermes_host.sessions.lines import decode_record, is_info

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Search"]

_BEFORE, _AFTER = 60, 140


class Search:
    """The words of a query, and where they occur. Punctuation is no part of a word."""

    def __init__(self, query: str) -> None:
        self.words = list(dict.fromkeys(re.findall(r"\w+", query.casefold())))
        # Scripts without spaces have no beginnings of words to look for.
        self._patterns = [re.compile(r"\b" * word.isascii() + re.escape(word), re.IGNORECASE) for word in self.words]
        self._bytes = [word.encode() for word in self.words if word.isascii()]

    def hits(self, session_id: str, data: bytes, limit: int) -> Iterator[SearchHit]:
        """At most `limit` places in the committed bytes of a session, newest first."""
        folded = data.lower()
        if not all(word in folded for word in self._bytes):
            return
        for line, lower in zip(reversed(data.split(b"\n")), reversed(folded.split(b"\n")), strict=True):
            if limit <= 0:
                return
            if not line or is_info(line) or not all(word in lower for word in self._bytes):
                continue
            hit = self._hit(session_id, line)
            if hit is not None:
                limit -= 1
                yield hit

    def _hit(self, session_id: str, line: bytes) -> SearchHit | None:
        try:
            record = decode_record(line)
        except ValueError:
            return None
        if record.kind != "message" or record.message is None:
            return None
        text = _text(record.message)
        found = [list(pattern.finditer(text)) for pattern in self._patterns]
        if not all(found):
            return None
        return SearchHit(
            session_id=session_id,
            record_id=record.id,
            role=record.message.role,
            excerpt=_excerpt(text, min(matches[0].start() for matches in found)),
            score=float(sum(len(matches) for matches in found)),
            time=record.time,
        )


def _text(message: Message) -> str:
    pieces = []
    for part in message.parts:
        if isinstance(part, Text):
            pieces.append(part.text)
        elif isinstance(part, ToolResult):
            pieces.extend(inner.text for inner in part.content if isinstance(inner, Text))
    return "\n".join(pieces)


def _excerpt(text: str, start: int) -> str:
    first, last = max(0, start - _BEFORE), start + _AFTER
    middle = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{middle}{'…' if last < len(text) else ''}"
