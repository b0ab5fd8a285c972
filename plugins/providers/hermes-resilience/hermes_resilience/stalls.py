"""Answers that stand still, found and cut off.

One timer for each attempt looks a few times per limit whether more events have come than at its last look. Nothing is
done for a single event, and no time is counted while the consumer, not the provider, is what is waited for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_resilience.retries import Stalled

if TYPE_CHECKING:
    from collections.abc import Sized
    from types import AsyncGeneratorType

__all__ = ["Limits", "Watch"]

_LOOKS = 10
"""Looks per limit: an answer is cut between one and one and a tenth of its limit."""


class Limits(NamedTuple):
    """Seconds until the first event, of silence after it, and the loop's time at which everything ends."""

    first: float
    later: float
    deadline: float


class Watch:
    """Watches one attempt, within `stream`, the generator that hands its events on. One task reads an answer."""

    def __init__(self, stream: AsyncGeneratorType[Any, None], events: Sized, limits: Limits) -> None:
        """`events` are those that have come so far."""
        self._stream = stream
        self._events = events
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A model's answer is read in a task.")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._seen = 0
        self._since = self._loop.time()
        self._cut = False
        self._why = ("", "")
        self._timer = self._loop.call_later(self._next(self._since), self._look)

    def absorb(self) -> bool:
        """Whether the cancellation that arrived was this watch's own, and no one else's besides; it is then undone."""
        if not self._cut:
            return False
        self._cut = False
        return self._task.uncancel() <= self._cancelled_before

    def failure(self, provider: str) -> Stalled:
        """The error in place of the cancellation."""
        text, remedy = self._why
        return Stalled(f"{provider} {text}", remedy=remedy, partial=len(self._events) > 0)

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()
        self.absorb()

    def _look(self) -> None:
        now = self._loop.time()
        if not self._stream.ag_running or self._task.cancelling() > self._cancelled_before:
            # The consumer has its turn, or somebody else cancels: no fault of the provider.
            self._seen, self._since = len(self._events), now
        elif now >= self._limits.deadline:
            return self._end(
                "did not finish its answer in time.", "resilience.total_timeout and the turn's time set it."
            )
        elif len(self._events) != self._seen:
            self._seen, self._since = len(self._events), now
        elif now - self._since >= self._limit:
            setting = "stale_timeout" if self._seen else "first_event_timeout"
            return self._end(f"sent nothing for {self._limit:g} s.", f"resilience.{setting} sets the limit.")
        self._timer = self._loop.call_later(self._next(now), self._look)

    @property
    def _limit(self) -> float:
        return self._limits.later if self._seen else self._limits.first

    def _next(self, now: float) -> float:
        step = min(self._limits.first, self._limits.later) / _LOOKS
        to_limit, to_deadline = self._since + self._limit - now, self._limits.deadline - now
        return min([step, *(seconds for seconds in (to_limit, to_deadline) if seconds > 0)])

    def _end(self, text: str, remedy: str) -> None:
        self._why = (text, remedy)
        self._cut = True
        self._task.cancel()
