"""What failed and is left alone for a while: models and keys, for this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

__all__ = ["Cooldowns"]

Clock = Callable[[], float]


class Cooldowns:
    """Pauses by key. A pause doubles each time the same thing fails again before it has succeeded."""

    def __init__(self, seconds: float, limit: float, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self._seconds = seconds
        self._limit = limit
        self._until: dict[Hashable, float] = {}
        self._failures: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._until)

    def pause(self, key: Hashable, at_least: float = 0.0) -> float:
        """Leave it alone; gives the seconds. `at_least` is what its vendor asked for, beyond any limit of ours."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds = max(at_least, min(self._limit, self._seconds * 2.0 ** min(failures, 60)))
        return self._set(key, seconds)

    def pause_for(self, key: Hashable, seconds: float) -> float:
        """Leave it alone for exactly as long as its vendor asked."""
        return self._set(key, seconds)

    def left(self, key: Hashable) -> float:
        """Seconds until it may be asked again; 0 when it may be asked now."""
        until = self._until.get(key)
        return 0.0 if until is None else max(0.0, until - self.clock())

    def succeeded(self, key: Hashable) -> None:
        """Forget its failures."""
        self._until.pop(key, None)
        self._failures.pop(key, None)

    def _set(self, key: Hashable, seconds: float) -> float:
        self._until[key] = self.clock() + seconds
        return seconds
