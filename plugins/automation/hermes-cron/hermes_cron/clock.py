"""Time, as an object: what the scheduler knows of it and how it waits, so that tests can bring a clock of their own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]

_LONGEST_WAIT = 30.0
"""Seconds after which the wall clock is looked at again: it may have been set, or the machine have slept, and a timer
counts neither."""


class Clock(Protocol):
    """Time passes here. Schedules go by the wall clock; how long something takes goes by the monotonic one."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def wait(self, until: float | None, woken: asyncio.Event) -> None:
        """Until the wall clock shows `until` (or something is to be looked at anyway), or until woken."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def wait(self, until: float | None, woken: asyncio.Event) -> None:
        """At most half a minute at a time; the caller looks and waits again."""
        seconds = _LONGEST_WAIT if until is None else min(_LONGEST_WAIT, max(0.0, until - time.time()))
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return
