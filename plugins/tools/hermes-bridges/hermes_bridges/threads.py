"""Foreign functions kept away from the event loop: each on a thread of its own, with a time limit.

A thread cannot be ended. One that does not return is left behind (it is a daemon), and a plugin that leaves too many
behind is not called any more.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

from hermes_host.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["MOST_STUCK", "Threads", "described"]

MOST_STUCK = 4


class Threads:
    """The threads of one plugin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stuck = 0

    async def call(self, function: Callable[..., Any], *arguments: Any, limit: float, **named: Any) -> Any:
        """What the function gives, awaited where that is needed. Raises `TimeoutError`, and `PluginError` for what it
        raised itself."""
        if self.stuck >= MOST_STUCK:
            raise PluginError(
                f"{self.stuck} calls of the bridge {self._name!r} never returned, so it is not called any more.",
                remedy=f"Restart, or hermes bridges remove {self._name}.",
            )
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        over = threading.Event()

        def finish(value: Any, error: BaseException | None) -> None:
            if over.is_set():
                self.stuck -= 1  # it returned after all
            elif not done.done():
                done.set_result(value) if error is None else done.set_exception(error)

        def work() -> None:
            value, failure = None, None
            try:
                value = function(*arguments, **named)
                if inspect.iscoroutine(value):
                    value = self._run(value)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary to foreign code
                failure = PluginError(described(error))
                failure.__cause__ = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish, value, failure)

        threading.Thread(target=work, name=f"bridge-{self._name}", daemon=True).start()
        try:
            async with asyncio.timeout(limit):
                return await done
        except BaseException:
            if not done.done() or done.cancelled():
                over.set()
                self.stuck += 1
            raise

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        # One loop for all calls: what a plugin made in one of them, such as a connection, can be used in the next.
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(self._loop,), name=f"bridge-{self._name}-loop", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Let the loop go."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def described(error: BaseException) -> str:
    """An exception as a short phrase."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
