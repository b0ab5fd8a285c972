"""What is done beside a conversation: its title, the index, and the daily backup."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import SessionStore
from hermes_sessions.settings import SessionSettings
from hermes_sessions.store import SqliteSessionStore

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.protocols import Exchange
    from hermes_host.specs import MemorySpec

__all__ = ["Upkeep", "connect"]

log = logging.getLogger(__name__)

_PAUSE = 2.0
"""Seconds from one upkeep to the next: a process that holds many conversations is not to do nothing else. What the
index lacks is taken in by the next one, or by whoever searches first."""


def connect(context: PluginContext, spec: MemorySpec) -> Upkeep:
    """Make the part that is told of every turn."""
    return Upkeep(context)


class Upkeep:
    """Told of every turn, like a memory; it remembers nothing itself."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self._settings = context.section(SessionSettings, "sessions")
        self._told = False
        self._running: asyncio.Task[None] | None = None
        self._again = 0.0

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """Give a title, take what was said into the index, and make the daily backup. Faults are logged.

        Returns at once: a conversation that ends now waits for none of it.
        """
        store = await self._context.services.get(SessionStore)
        if isinstance(store, SqliteSessionStore):
            if store.brought and not self._told:
                from hermes_sessions.bringing import brought_line

                self._told = True
                session.announce(brought_line(store.brought), code="sessions.brought")
            if (self._running is None or self._running.done()) and time.monotonic() >= self._again:
                self._again = time.monotonic() + _PAUSE
                work = asyncio.to_thread(self._maintain)
                self._running = self._context.spawn(work, name="upkeep of conversations")
        if self._settings.titles:
            from hermes_sessions.titles import give_title

            self._context.spawn(give_title(self._context, exchange, session), name="title")

    def _maintain(self) -> None:
        from hermes_sessions.backups import back_up

        # A store of its own, so that the conversation never waits for this one's locks.
        store = SqliteSessionStore(self._context.home)
        try:
            store.index()
            back_up(self._context.home, keep=self._settings.backups)
        except (HermesError, OSError) as error:
            log.warning("the upkeep of conversations failed: %s", error)
        finally:
            store.close()
