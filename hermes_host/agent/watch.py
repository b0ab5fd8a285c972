"""Noticing code that blocks the event loop, and saying whose it is.

A blocking call in a coroutine stops every conversation of the process, and nothing in the loop can end it. A thread
that runs only while a turn runs notices within two seconds, finds the plugin on the loop's stack, and reports it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from hermes_host.plugins import PluginRecord, Plugins

__all__ = ["LoopWatch"]

LIMIT = 1.0
"""Seconds the loop may not answer."""


class LoopWatch:
    """Watches the running loop from `start` to `stop`."""

    def __init__(self, plugins: Plugins, report: Callable[[str], None], limit: float | None = None) -> None:
        """`report` is called in the loop, once, with one line for the user."""
        self._plugins = plugins
        self._report = report
        self._limit = LIMIT if limit is None else limit
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to watch the loop this is called in."""
        loop, thread = asyncio.get_running_loop(), threading.get_ident()
        threading.Thread(target=self._watch, args=(loop, thread), name="hermes-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        answered = threading.Event()
        while not self._over.wait(self._limit):
            answered.clear()
            try:
                loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the loop is closed
                return
            if answered.wait(self._limit) or self._over.is_set():
                continue
            line = self._blame(sys._current_frames().get(thread))
            if line:
                loop.call_soon_threadsafe(self._report, line)
                return

    def _blame(self, frame: FrameType | None) -> str:
        """The problem in one line; empty when no plugin is on the stack, as on a machine that was asleep."""
        while frame is not None:
            record = self._owner(frame)
            if record is not None:
                place = f"{frame.f_code.co_filename}:{frame.f_lineno}, {frame.f_code.co_name}"
                problem = record.add_problem("event loop", f"a blocking call in a coroutine ({place}).", "Upgrade it.")
                return problem.line()
            frame = frame.f_back
        return ""

    def _owner(self, frame: FrameType) -> PluginRecord | None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        for record in self._plugins.records:
            if not record.builtin and record.module.partition(".")[0] == package:
                return record
        return None
