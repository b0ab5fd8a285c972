"""Bytes to and from a shell in a sandbox."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

__all__ = ["Channel", "Inbox", "to_the_end"]


class Channel(Protocol):
    """A shell that runs one of `programs`, and the bytes to and from it."""

    async def receive(self) -> bytes:
        """What came next, empty at the end. May be cancelled without loss. Raises `HermesError` or `OSError`."""
        ...

    async def send(self, data: bytes) -> None:
        """Give it all of `data`, waiting where it takes no more. One call at a time."""
        ...

    async def close(self) -> None:
        """Let go of it. Never raises."""
        ...


class Inbox:
    """What an SDK hands over, until somebody takes it; who fills it waits when it is full."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | BaseException] = asyncio.Queue(8)
        self._ended: bytes | BaseException | None = None
        self._dropping = False

    async def put(self, data: bytes) -> None:
        """Wait for room, then add; empty data says that nothing more will come."""
        if not self._dropping:
            await self._queue.put(data)

    async def fail(self, error: BaseException) -> None:
        """Whoever takes next gets this error instead."""
        await self._queue.put(error)

    def drop(self) -> None:
        """Forget what came and what comes: nobody takes it any more, and nobody is to wait."""
        self._dropping = True
        while not self._queue.empty():
            self._queue.get_nowait()

    async def take(self) -> bytes:
        """The next piece; empty for ever after the end."""
        item = self._ended if self._ended is not None else await self._queue.get()
        if isinstance(item, BaseException):
            self._ended = item
            raise item
        if not item:
            self._ended = item
        return item


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` completely, also when the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.done():
                break
            cancelled = error
        except Exception:  # noqa: BLE001, raised below, from the task itself
            break
    if cancelled is not None:
        with contextlib.suppress(Exception):
            task.result()
        raise cancelled
    task.result()
