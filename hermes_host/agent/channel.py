"""The way events go from a running turn to the front end: one producer, one consumer, no work per token."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from hermes_host.events import Event, ReasoningDelta, TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Channel"]

HIGH_WATER = 10_000
"""Events a consumer may be behind before the producer waits for it."""


class Channel:
    """An unbounded-looking queue that joins deltas while the consumer is behind, and waits at `HIGH_WATER`."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._closed = False
        self._filled: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None

    def text(self, piece: str) -> None:
        """Add text of the answer."""
        if self._reasoning:
            self._flush()
        self._text.append(piece)
        if self._filled is not None:
            self._wake()

    def reasoning(self, piece: str) -> None:
        """Add text the model thinks."""
        if self._text:
            self._flush()
        self._reasoning.append(piece)
        if self._filled is not None:
            self._wake()

    def put(self, event: Event) -> None:
        """Add any other event."""
        self._flush()
        self._events.append(event)
        if self._filled is not None:
            self._wake()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        if self._filled is not None:
            self._wake()

    async def room(self) -> None:
        """Wait until the consumer is not too far behind."""
        while len(self._events) > HIGH_WATER and not self._closed:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def _flush(self) -> None:
        if self._text:
            self._events.append(TextDelta(text="".join(self._text)))
            self._text.clear()
        if self._reasoning:
            self._events.append(ReasoningDelta(text="".join(self._reasoning)))
            self._reasoning.clear()

    def _wake(self) -> None:
        if self._filled is not None and not self._filled.done():
            self._filled.set_result(None)
        self._filled = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            self._flush()
            while self._events:
                yield self._events.popleft()
            if self._drained is not None and not self._drained.done():
                self._drained.set_result(None)
            if self._text or self._reasoning or self._events:
                continue
            if self._closed:
                return
            self._filled = asyncio.get_running_loop().create_future()
            await self._filled
