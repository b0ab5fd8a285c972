"""The body of a request, on its way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["PIECE", "Pieces"]

PIECE = 64 * 1024
"""Bytes. An HTTP client's time-out for writing is one for each piece it is given, so that a large body that is on its
way must not be one."""


class Pieces:
    """A body in pieces. It can be read again, as a client does when a kept connection turns out to be closed."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), PIECE):
            yield self._body[start : start + PIECE]
