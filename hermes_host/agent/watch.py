"""Noticing code that blocks the event loop, and saying whose it is.

A blocking call in a coroutine stops every conversation of the process, and nothing in the loop can end it. A thread
that runs while turns run notices within two seconds, finds the plugin on the loop's stack, and reports it.
"""

from __future__ import annotations

import asyncio
import os
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

_watched: dict[asyncio.AbstractEventLoop, set[LoopWatch]] = {}
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watched.clear)  # the threads stay behind in the parent


class LoopWatch:
    """Watches the running loop from `start` to `stop`. All watches of one loop share a thread."""

    def __init__(self, plugins: Plugins, report: Callable[[str], None]) -> None:
        """`report` is called in the loop, once, with one line for the user."""
        self._plugins = plugins
        self._report = report

    def start(self) -> None:
        """Begin to watch the loop this is called in."""
        loop = asyncio.get_running_loop()
        with _lock:
            watches = _watched.get(loop)
            if watches is not None:
                watches.add(self)
                return
            watches = _watched[loop] = {self}
        arguments = (loop, threading.get_ident(), watches)
        threading.Thread(target=_watch, args=arguments, name="hermes-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        with _lock:
            for watches in _watched.values():
                watches.discard(self)

    def tell(self, loop: asyncio.AbstractEventLoop, frame: FrameType | None) -> bool:
        """Report whose code is on the loop's stack; whether there was something to report."""
        line = self._blame(frame)
        if line:
            loop.call_soon_threadsafe(self._report, line)
        return bool(line)

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


def _watch(loop: asyncio.AbstractEventLoop, thread: int, watches: set[LoopWatch]) -> None:
    """The thread of one loop. It outlives the last watch for a moment: the next turn often begins at once."""
    answered, never = threading.Event(), threading.Event()
    while not never.wait(LIMIT):
        with _lock:
            if not watches:
                del _watched[loop]
                return
        answered.clear()
        try:
            loop.call_soon_threadsafe(answered.set)
            if answered.wait(LIMIT):
                continue
            frame = sys._current_frames().get(thread)
            with _lock:
                still = set(watches)
            told = {watch for watch in still if watch.tell(loop, frame)}
        except RuntimeError:  # the loop is closed
            with _lock:
                _watched.pop(loop, None)
            return
        with _lock:
            watches -= told
