"""A conversation at work: it gathers what comes in and answers it, one turn after another.

An actor exists only while there is something to do. All it knows is on disk as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from hermes_gateway.conversation_rows import reset_reason
from hermes_gateway.rights import rights_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_gateway.admission import Admitted
    from hermes_gateway.conversation_rows import ConversationRow, ConversationRows
    from hermes_gateway.opened import Opened
    from hermes_gateway.recovery import Found
    from hermes_gateway.shared import Shared
    from hermes_gateway.turn_rows import Claim, TurnRows
    from hermes_gateway.turns import Turns
    from hermes_host.protocols import Inbound

__all__ = ["Actor", "Workplace"]

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0
"""Seconds somebody who keeps writing is waited for."""

_TROUBLE_PAUSE = 5.0


class Workplace:
    """What all actors have in common."""

    def __init__(
        self, shared: Shared, rows: TurnRows, conversations: ConversationRows, opened: Opened, turns: Turns
    ) -> None:
        self.shared = shared
        self.rows = rows
        self.conversations = conversations
        self.opened = opened
        self.turns = turns
        self.stopping = asyncio.Event()


class Actor:
    """One conversation at work."""

    def __init__(self, key: str, place: Workplace, ended: Callable[[Actor], None]) -> None:
        self.key = key
        self.waiting: deque[Admitted] = deque()
        self.interrupted: deque[tuple[Claim, Sequence[Admitted], Found]] = deque()
        """Turns that a restart cut off."""
        self._place = place
        self._ended = ended
        self._first = self._last = 0.0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def take(self, item: Admitted) -> None:
        """Work on an update, after what is being worked on."""
        now = asyncio.get_running_loop().time()
        if not self.waiting:
            self._first = now
        self._last = now
        self.waiting.append(item)
        self._arrived.set()
        self.start()

    def start(self) -> None:
        """Work, if it does not already."""
        if (self._task is None or self._task.done()) and not self._place.stopping.is_set():
            self._task = asyncio.create_task(self._work(), name=f"gateway-conversation {self.key}")

    def nudge(self) -> None:
        """Look again at what there is to do."""
        self._arrived.set()

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What it does."""
        return self._task

    def clear(self) -> Sequence[Admitted]:
        """Drop what waits; gives it."""
        dropped = list(self.waiting)
        self.waiting.clear()
        return dropped

    async def _work(self) -> None:
        try:
            while not self._place.stopping.is_set() and (self.waiting or self.interrupted):
                try:
                    await self._step()
                except Exception as error:
                    # The disk refuses, as a rule: what waits is on it, and is tried again.
                    log.error("the conversation %s cannot go on for now: %s", self.key, error, exc_info=error)
                    await self._pause(_TROUBLE_PAUSE)
        finally:
            self._ended(self)

    async def _step(self) -> None:
        if self.interrupted:
            taken, items, found = self.interrupted.popleft()
            row = self._place.conversations.meet(self.key, items[0].update)
            await self._place.turns.work(row, items, taken, found)
            return
        await self._gather()
        batch = self._next()
        if not batch:
            return
        standing = self._place.shared.standing(batch[0].update)
        if not standing.role:
            self._place.rows.settle([item.id for item in batch], "refused")
            self._done(batch)
            return
        row = await self._renewed(self._place.conversations.meet(self.key, batch[0].update), batch[0].update)
        claim = self._place.rows.claim(self.key, [item.id for item in batch])
        self._done(batch)
        if claim is None:
            log.warning("messages of %s were taken by somebody else", self.key)
            left = {item.id for item in self._place.rows.waiting(self.key)}
            self.waiting.extendleft(item for item in reversed(batch) if item.id in left)
            return
        running = await self._place.turns.work(row, batch, claim, None)
        if running.returned:
            self.waiting.extendleft(reversed(running.items))
        elif running.steered and running.why != "shutdown":
            self.waiting.extendleft(reversed(running.steered))

    def _done(self, batch: Sequence[Admitted]) -> None:
        taken = {item.id for item in batch}
        self.waiting = deque(item for item in self.waiting if item.id not in taken)

    async def _gather(self) -> None:
        """Wait until whoever writes seems to be done: texts that were divided and albums become one message."""
        loop = asyncio.get_running_loop()
        while self.waiting and not self._place.stopping.is_set():
            left = min(self._last + self._quiet(), self._first + _LONGEST_PAUSE) - loop.time()
            if left <= 0:
                return
            await self._pause(left)

    async def _pause(self, seconds: float) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _quiet(self) -> float:
        gateway = self._place.shared.settings.gateway
        if any(_stands_alone(self._place.shared, item.update) for item in self.waiting):
            return 0.0
        media = any(item.update.attachments or item.update.album for item in self.waiting)
        return gateway.media_pause if media else gateway.text_pause

    def _next(self) -> list[Admitted]:
        """What one turn answers: what one person wrote in one go."""
        if self._place.stopping.is_set() or not self.waiting:
            return []
        first = self.waiting[0]
        batch = [first]
        if _stands_alone(self._place.shared, first.update):
            return batch
        for item in list(self.waiting)[1:]:
            update = item.update
            if update.sender.id != first.update.sender.id or update.address != first.update.address:
                break
            if _stands_alone(self._place.shared, update) or update.toolsets != first.update.toolsets:
                break
            batch.append(item)
        return batch

    async def _renewed(self, row: ConversationRow, update: Inbound) -> ConversationRow:
        """The conversation, after beginning a new session where the settings want one."""
        place, settings = self._place, self._place.shared.settings
        if not row.session or place.opened.session(self.key) is not None:
            return row  # nothing to end, or in the middle of it: an open session is never ended under somebody's hands
        platform = update.address.platform
        reason = reset_reason(row.used, place.shared.clock(), settings.reset_policy(platform, row.details.kind))
        if not reason:
            return row
        rights = rights_of(place.shared, platform, place.shared.standing(update).role, None)
        old = place.conversations.begin_anew(self.key)
        place.opened.end(self.key, old, rights.memory)
        quiet = platform in settings.session_reset.notify_exclude_platforms or place.shared.external(platform)
        if settings.session_reset.notify and not quiet:
            await place.shared.deliveries.say(
                row.address,
                f"◐ A new conversation: {reason}. `/resume {old}` goes on with the last one.",
                key=f"reset:{old}",
                source="gateway",
                silent=True,
            )
        return msgspec.structs.replace(row, session="")


def _stands_alone(shared: Shared, update: Inbound) -> bool:
    """Whether an update is a turn of its own: what machines send, and what is answered elsewhere."""
    return bool(update.prompt or update.deliver_to or update.provenance or shared.external(update.address.platform))
