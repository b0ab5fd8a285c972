"""The memory `learning`: watches conversations, has them reviewed when enough has happened, adds nothing to prompts."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Literal

from hermes_host.errors import HermesError, NotFound
from hermes_host.protocols import SessionStore
from hermes_host.records import BACKGROUND_SOURCES
from hermes_host.services import Conversations
from hermes_learning.book import Book
from hermes_learning.debts import Debt, Debts
from hermes_learning.experience import Counts, Kind, Reviewed, count
from hermes_learning.reviews import Reviews
from hermes_learning.settings import Learning, MemoryIntervals, SkillIntervals
from hermes_learning.signals import MEMORY_TOOL, SKILL_TOOL
from hermes_learning.skill_use import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message
    from hermes_host.protocols import Exchange
    from hermes_host.specs import MemorySpec
    from hermes_learning.experience import Experience

__all__ = ["Learner", "connect"]

log = logging.getLogger(__name__)

_COUNTS = "learning.counts"
_TALKED = "learning.talked"
_HOUR = 3_600.0
_PAID_AT_ONCE = 3
"""Reviews of earlier conversations that one process makes in an hour."""


async def connect(context: PluginContext, spec: MemorySpec) -> Learner:
    """The learner of one host."""
    store = await context.services.get(SessionStore)
    conversations = await context.services.get(Conversations)
    return Learner(context, store, conversations)


class Learner:
    """One for all conversations of a host. Implements `hermes_host.protocols.MemoryProvider`."""

    def __init__(self, context: PluginContext, store: SessionStore, conversations: Conversations) -> None:
        self.settings = context.section(Learning)
        self.memory = context.section(MemoryIntervals, "memory")
        self.skills = context.section(SkillIntervals, "skills")
        self.debts = Debts(context.state_directory / "debts")
        self.book = Book(store, conversations, self.debts)
        self._context = context
        self._conversations = conversations
        self.reviews = Reviews(context, conversations, self.book, self.debts, self.settings)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._patience = self.settings.exit_wait
        """Seconds that the ends of conversations may still cost this process, all of them together."""
        self._next_payment = 0.0

    async def prompt_section(self, session: SessionContext) -> str:
        """Nothing: what is learnt comes into prompts through memory and skills."""
        return ""

    async def recall(self, message: Message, session: SessionContext) -> str:
        """Nothing, as for the prompt."""
        return ""

    # ------------------------------------------------------------------------------------------------- watching

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """Count a turn; have the conversation reviewed when an interval is over or a skill did not do."""
        if not self._watches(session):
            return
        session.memory[_TALKED] = True
        await report(self._context.home, exchange, session)
        counts, troubled = self._count(exchange, session)
        allowed = self.allowed(session)
        if allowed and self._worth_leaving_for(counts) and self.debts.get(session.id) is None:
            self.debts.put(session.id, Debt(kinds=tuple(sorted(allowed)), reason="unreviewed", since=time.time()))
        if exchange.outcome != "completed" or not exchange.messages or not exchange.messages[-1].text.strip():
            return
        kinds = count(counts, troubled, self.memory, self.skills, losing=False) & allowed
        if kinds:
            self.begin(session, kinds, "trouble" if troubled else "interval")
        self._pay(session)

    def _watches(self, session: SessionContext) -> bool:
        return self.settings.enabled and session.source not in BACKGROUND_SOURCES

    def _count(self, exchange: Exchange, session: SessionContext) -> tuple[Counts, bool]:
        counts: Counts | None = session.memory.get(_COUNTS)
        if counts is None:
            experience = self.book.experience(session.id)  # it holds this turn already
            counts = session.memory[_COUNTS] = experience.counts()
            return counts, bool(experience.troubles())
        for message in exchange.messages:
            counts.add(message)
        return counts, counts.skills_in_use and bool(self.book.experience(session.id).troubles())

    def allowed(self, session: SessionContext) -> frozenset[Kind]:
        """What the conversation's own tools let it write: where the user took a tool away, no review uses it."""
        live = self._conversations.session(session.id)
        names = {spec.name for spec in live.tools()} if live is not None else set()
        allowed: set[Kind] = set()
        if MEMORY_TOOL in names:
            allowed.add("memory")
        if SKILL_TOOL in names:
            allowed.add("skills")
        return frozenset(allowed)

    def _worth_leaving_for(self, counts: Counts) -> bool:
        return bool(self.memory.flush_min_turns) and counts.turns >= self.memory.flush_min_turns

    # ------------------------------------------------------------------------------------------------- reviewing

    def begin(self, session: SessionContext, kinds: frozenset[Kind], reason: str) -> asyncio.Task[None] | None:
        """Have a conversation reviewed in the background; the review under way where there is one.

        None while the last failure is too fresh.
        """
        running = self._running.get(session.id)
        if running is not None:
            return running
        debt = self.debts.get(session.id)
        if debt is not None and debt.not_before > time.time() and reason != "asked":
            return None
        self.owe(session.id, kinds, reason)
        return self._spawn(session.id, session)

    def owe(self, session_id: str, kinds: frozenset[Kind], reason: str) -> None:
        """Write down that a review is due, so that no end of this process forgets it.

        What was due before, or is worth a look besides, becomes part of it: one review costs less than two. Raises
        `NotFound`, `SessionError`.
        """
        debt = self.debts.get(session_id) or Debt(kinds=(), reason=reason, since=time.time())
        experience = self.book.experience(session_id)
        left = experience.owed(debt.kinds, debt.base) if debt.nudged else self._left_over(experience, debt)
        tried = min(debt.attempts, 1) if reason == "asked" else debt.attempts
        self.debts.put(
            session_id,
            Debt(
                kinds=tuple(sorted(kinds | left)),
                reason=reason,
                since=debt.since if left else time.time(),
                nudged=True,
                base=experience.marks,
                attempts=tried if left else 0,
                done=debt.done,
            ),
        )

    def _left_over(self, experience: Experience, debt: Debt) -> frozenset[Kind]:
        """What is worth a look, by a debt that only says that enough was said."""
        return count(experience.counts(), False, self.memory, self.skills, losing=True) & frozenset(debt.kinds)

    def _spawn(self, session_id: str, told: SessionContext) -> asyncio.Task[None]:
        task = self._context.spawn(self._review(session_id, told), name=f"review of {session_id}")
        self._running[session_id] = task
        task.add_done_callback(lambda _: self._running.pop(session_id, None))
        return task

    async def _review(self, session_id: str, told: SessionContext) -> None:
        await self.reviews.review(session_id, told)
        live = self._conversations.session(session_id)
        if live is not None:
            live.context.memory.pop(_COUNTS, None)  # counted anew, from the log

    # ------------------------------------------------------------------------------------ before sight is lost

    async def flush(
        self, messages: Sequence[Message], session: SessionContext, reason: Literal["compaction", "reset", "exit"]
    ) -> None:
        """Have what is unreviewed reviewed: beside the conversation when it is compacted, now when it is left."""
        if not self._watches(session):
            return
        experience = self.book.experience(session.id)
        counts = experience.counts()
        troubled = bool(experience.troubles())
        kinds = count(counts, troubled, self.memory, self.skills, losing=True) & self.allowed(session)
        if reason == "compaction":
            if kinds:
                self.begin(session, kinds, reason)  # the log keeps the originals, so nobody has to wait
            return
        idle = _TALKED not in session.memory  # looked at and left: what is owed of it is paid another time
        if idle or not self._worth_leaving_for(counts) or not (kinds or session.id in self._running):
            return
        task = self._running.get(session.id)
        if task is None and reason == "exit" and self._patience <= 0:
            self.owe(session.id, kinds, reason)
            return
        task = task or self.begin(session, kinds, reason)
        if task is not None and self._patience > 0:
            await self._wait(task, session, reason)

    async def _wait(self, task: asyncio.Task[None], session: SessionContext, reason: str) -> None:
        seconds = self._patience
        session.announce(f"💾 Keeping what was learnt (at most {seconds:.0f} s) …", code="learning_flush")
        began = time.monotonic()
        await asyncio.wait({task}, timeout=seconds)
        if reason == "exit":
            self._patience = max(0.0, self._patience - (time.monotonic() - began))
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=1.0)

    # ---------------------------------------------------------------------------------------------------- debts

    def _pay(self, session: SessionContext) -> None:
        """Review conversations that an earlier process left unreviewed, now that one is held again."""
        if time.monotonic() < self._next_payment or not self.debts.ids():
            return
        self._next_payment = time.monotonic() + _HOUR
        self._context.spawn(self._pay_all(session), name="reviews of earlier conversations")

    async def _pay_all(self, session: SessionContext) -> None:
        with self.debts.paying() as alone:
            paid = 0
            for session_id in self.debts.ids() if alone else ():
                if paid < _PAID_AT_ONCE and session_id not in self._running and self._owed(session_id):
                    paid += 1
                    task = self._spawn(session_id, session)
                    try:
                        await asyncio.shield(task)
                    except asyncio.CancelledError:
                        task.cancel()
                        raise

    def _owed(self, session_id: str) -> bool:
        """Whether there is something to review in a conversation that nobody holds; settles what is no debt."""
        debt = self.debts.get(session_id)
        if debt is None or debt.not_before > time.time() or self._conversations.session(session_id) is not None:
            return False
        try:
            return self.book.free(session_id) and self._still_owed(session_id, debt)
        except NotFound:
            self.debts.settle(session_id)  # deleted: there is nothing left to learn from
        except HermesError as error:
            log.info("session %s cannot be reviewed: %s", session_id, error)
        return False

    def _still_owed(self, session_id: str, debt: Debt) -> bool:
        experience = self.book.experience(session_id)
        if debt.nudged and experience.owed(debt.kinds, debt.base):
            return True
        worth = self._worth_leaving_for(experience.counts()) and self._left_over(experience, debt)
        if not debt.nudged and worth:
            self.owe(session_id, frozenset(), debt.reason)
            return True
        if debt.done == Reviewed():
            self.debts.settle(session_id)
        else:
            self.book.mark(session_id, experience.marks)  # now that nobody else has the conversation open
        return False
