"""Work that plugins do beside conversations: owned by the host, ended with it, never silent when it fails."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["Background"]

log = logging.getLogger(__name__)

_PATIENCE = 1.0
"""Seconds that cancelled work gets to end."""


class Background:
    """The tasks of one host that nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Begin it. A failure is logged under `name`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s failed: %s: %s", task.get_name(), type(error).__name__, error, exc_info=error)

    async def settle(self, seconds: float) -> bool:
        """Wait until nothing runs, at most that long; gives whether nothing runs any more."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        return not self._tasks

    async def aclose(self) -> None:
        """Cancel what runs and wait a moment for it. May be called twice."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
