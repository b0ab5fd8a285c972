"""How long one request may take: each of its stages, and the whole."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from hermes_host.protocols import TimeLimits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

    from hermes_compatible.endpoint import Endpoint
    from hermes_host.protocols import ModelRequest

__all__ = ["Clock", "TimeUp"]

T = TypeVar("T")


class TimeUp(Exception):
    """The time for the whole answer is over."""


class Clock:
    """The time of one request, from now on. All in seconds.

    A stage's limit is the request's own, or the endpoint's. `whole` bounds everything together; None is without bound.
    """

    def __init__(self, endpoint: Endpoint, request: ModelRequest | None = None) -> None:
        self._own = TimeLimits() if request is None else request.limits
        self.connect = _first(self._own.connect, endpoint.connect_timeout)
        self.read = _first(self._own.read, endpoint.read_timeout)
        self.write = _first(self._own.write, endpoint.write_timeout)
        self.whole = None if request is None else request.timeout
        self._end = None if self.whole is None else asyncio.get_running_loop().time() + self.whole
        self.answering = False
        """Whether the answer has begun. Whoever receives it says so."""

    @property
    def stages(self) -> dict[str, float]:
        """The limits as `httpcore2` takes them, and `httpx2.Timeout`. Connections are not waited for, only opened."""
        return {"connect": self.connect, "read": self.read, "write": self.write, "pool": self.connect}

    def is_own(self, stage: str) -> bool:
        """Whether the limit of a stage is the request's own."""
        return getattr(self._own, stage) is not None

    async def within(self, work: Awaitable[T]) -> T:
        """What the work gives. Raises `TimeUp`, and what the work raises."""
        scope = asyncio.timeout_at(self._end)
        try:
            async with scope:
                return await work
        except TimeoutError:
            if scope.expired():
                raise TimeUp from None
            raise

    def pieces(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The pieces of an answer as they come. Raises `TimeUp`, and what they raise."""
        return pieces if self._end is None else self._watched(pieces, self._end)

    async def _watched(self, pieces: AsyncGenerator[bytes], end: float) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        async with aclosing(pieces):
            while True:
                # A wait that its own limit ends in time needs no second watch.
                near = loop.time() + self.read >= end
                following = anext(pieces, None)
                piece = await (self.within(following) if near else following)
                if piece is None:
                    return
                yield piece


def _first(own: float | None, usual: float) -> float:
    return usual if own is None else own
