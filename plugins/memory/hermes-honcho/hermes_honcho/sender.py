"""Sends what lies in the queue: in the background, in order, once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from hermes_honcho.access import HonchoError
from hermes_honcho.outbox import InUse, uids
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from hermes_honcho.access import Access
    from hermes_honcho.outbox import Batch, Outbox

__all__ = ["Sender"]

log = logging.getLogger(__name__)

ATTEMPTS = 8
"""How often it is tried before the next turn has to wake it again."""


class Sender:
    """Empties one queue. Of several processes with the same queue one sends at a time."""

    def __init__(
        self,
        access: Access,
        outbox: Outbox,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        *,
        pause: float = 1.0,
    ) -> None:
        """`pause` is the first wait between attempts, in seconds; later ones grow to a minute."""
        self._access = access
        self._outbox = outbox
        self._spawn = spawn
        self._pause = wait_exponential(multiplier=pause, max=60.0) + wait_random(0.0, pause)
        self._one = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self.fault = ""
        """Why the last attempt failed; empty when all is sent."""

    def wake(self) -> None:
        """See to it that what can be sent is sent, without waiting for it."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = self._spawn(self._run())

    async def finish(self, seconds: float) -> bool:
        """Try once more, now; gives whether nothing is left. Whatever is left stays on disk."""
        try:
            async with asyncio.timeout(seconds):
                await self._pass()
        except (TimeoutError, HermesError, InUse) as error:
            log.info("messages for Honcho stay in the queue: %s", error or "it took too long")
            return False
        return True

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                async for attempt in AsyncRetrying(
                    retry=retry_if_exception(_passing), wait=self._wait, stop=stop_after_attempt(ATTEMPTS), reraise=True
                ):
                    with attempt:
                        await self._pass()
            except (HermesError, InUse) as error:
                # Nothing is lost: it stays in the queue until the next turn or the next start.
                log.warning("messages for Honcho stay in the queue: %s", error)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after if isinstance(error, HonchoError) else None
        return self._pause(state) if asked is None else min(asked, 300.0)

    async def _pass(self) -> None:
        async with self._one:
            try:
                with self._outbox.sending():
                    while (batch := await asyncio.to_thread(self._outbox.next_batch)) is not None:
                        await self._deliver(batch)
            except HermesError as error:
                self.fault = str(error)
                raise
            self.fault = ""

    async def _deliver(self, batch: Batch) -> None:
        session, entries = batch.names.session, batch.entries
        try:
            await self._access.ensure(batch.names)
            if batch.attempts:
                there = await self._access.arrived(session, batch.id)
                await asyncio.to_thread(self._outbox.sent, there & set(uids(entries)))
                entries = tuple(entry for entry in entries if entry.uid not in there)
            if not entries:
                return
            await asyncio.to_thread(self._outbox.begin, batch.id)
            await self._access.send(session, batch.id, entries)
        except HonchoError as error:
            await self._failed(batch, error)
        else:
            await asyncio.to_thread(self._outbox.sent, uids(entries))

    async def _failed(self, batch: Batch, error: HonchoError) -> None:
        """Raises `error` unless the rest of the queue can go on."""
        if error.kind == "missing":
            self._access.forget(batch.names.session)
        if error.kind in ("key", "busy", "missing") and not batch.attempts:
            # Refused before anything was done. After an unseen attempt only `arrived` can tell.
            await asyncio.to_thread(self._outbox.not_sent, batch.id)
        if error.kind != "refused":
            raise error
        if len(batch.entries) > 1:
            await asyncio.to_thread(self._outbox.split, batch.id)
        else:
            await asyncio.to_thread(self._outbox.refuse, batch.entries[0].uid, str(error))


def _passing(error: BaseException) -> bool:
    return isinstance(error, InUse) or (isinstance(error, HonchoError) and error.kind in ("busy", "lost", "missing"))
