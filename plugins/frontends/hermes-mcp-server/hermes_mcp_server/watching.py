"""When to look at the tools again: when a source of tools says so, else once in a while."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError
from hermes_host.protocols import ChangingToolSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hermes_host.context import PluginContext
    from hermes_host.registry import Contribution

__all__ = ["watch"]

log = logging.getLogger(__name__)

PAUSE = 15.0
"""Seconds between two looks where some source of tools does not say when they change."""
SHORTEST = 0.5
"""Seconds from a change to the look at it: what changes meanwhile is seen by the same look."""


async def watch(context: PluginContext, look: Callable[[], Awaitable[None]]) -> None:
    """Look whenever there may be other tools; ends at once where nothing brings tools at run time."""
    sources = [await _part(context, contribution) for contribution in context.registry("tool_sources")]
    telling = [source for source in sources if isinstance(source, ChangingToolSource)]
    pause = None if len(telling) == len(sources) else PAUSE
    if not sources:
        return
    waiting: dict[asyncio.Task[None], ChangingToolSource] = {}
    try:
        while True:
            for source in telling:
                if source not in waiting.values():
                    waiting[asyncio.create_task(_next_change(source))] = source
            # From here on nothing is missed: what changed before is seen by this look, what changes later is told.
            await asyncio.sleep(SHORTEST)
            await look()
            done = await _first(waiting, pause)
            for task in done:
                source = waiting.pop(task)
                if task.exception() is not None:
                    log.warning("a source of tools cannot say when they change", exc_info=task.exception())
                    telling.remove(source)
                    pause = PAUSE
    finally:
        for task in waiting:
            task.cancel()


async def _part(context: PluginContext, contribution: Contribution[Any]) -> object:
    try:
        return await context.part(contribution)
    except HermesError as error:
        log.info("a source of tools cannot be listened to: %s", error)
        return None


async def _next_change(source: ChangingToolSource) -> None:
    await source.changed()


async def _first(waiting: dict[asyncio.Task[None], ChangingToolSource], pause: float | None) -> set[asyncio.Task[None]]:
    """Those that end first, or none after the pause."""
    if not waiting:
        await asyncio.sleep(pause or PAUSE)
        return set()
    done, _ = await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
    return done
