"""The body of an answer: a stream of events, or one document, whichever comes and whatever is declared."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hermes_compatible.sse import EventReader
from hermes_host.errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

__all__ = ["BodyReader", "drain"]

_DRAIN_SECONDS = 1.0
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LARGEST_DOCUMENT = 64 * 1024 * 1024


class BodyReader:
    """Takes bytes, split anywhere, and gives the data of events, or keeps a document until the end."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._events = EventReader()
        self._document: list[bytes] | None = None
        self._size = 0
        self._started = False

    @property
    def is_document(self) -> bool:
        """Whether the body is one document: JSON in one piece, or a page."""
        return self._document is not None

    def feed(self, piece: bytes) -> Sequence[bytes]:
        """The events that more bytes complete. Raises `InvalidResponse` for a document without end."""
        if not self._started:
            piece = piece.removeprefix(_BYTE_ORDER_MARK).lstrip()
            if not piece:
                return ()
            self._started = True
            if piece[:1] in (b"{", b"[", b"<"):
                self._document = []
        if self._document is None:
            return self._events.feed(piece)
        self._document.append(piece)
        self._size += len(piece)
        if self._size > _LARGEST_DOCUMENT:
            raise InvalidResponse(f"{self._provider} sent an answer without end.")
        return ()

    def close(self) -> Sequence[bytes]:
        """The event that was not ended by its empty line; it may be cut."""
        return self._events.close()

    def document(self) -> bytes:
        """The document as a whole."""
        return b"".join(self._document or ())


async def drain(pieces: AsyncGenerator[bytes], *errors: type[Exception]) -> None:
    """Read what follows the end of a message, so that the connection can be used again; a moment at the most.

    `errors` are what reading may raise, which means nothing any more.
    """
    with contextlib.suppress(TimeoutError, *errors):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in pieces:
                pass
