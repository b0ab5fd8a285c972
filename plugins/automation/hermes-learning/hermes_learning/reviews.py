"""Reviews carried through: what is due is worked out from the log, tried, noted, and told in one line."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import HermesError, NotFound
from hermes_learning.changes import announcement
from hermes_learning.experience import origin
from hermes_learning.review import About, Job, earlier, run
from hermes_learning.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.services import Conversations
    from hermes_learning.book import Book
    from hermes_learning.debts import Debt, Debts
    from hermes_learning.experience import Experience, Kind
    from hermes_learning.settings import Learning

__all__ = ["ATTEMPTS", "Reviews"]

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""After so many a review is given up, so that one that cannot succeed does not cost money for ever."""

_AT_ONCE = 2
_PAUSE = 600.0
"""Seconds after a failure, for each attempt, before it is tried again."""


class Reviews:
    """Makes the reviews of one host, two at a time."""

    def __init__(
        self,
        context: PluginContext,
        conversations: Conversations,
        book: Book,
        debts: Debts,
        settings: Learning,
    ) -> None:
        self._context = context
        self._conversations = conversations
        self._book = book
        self._debts = debts
        self._settings = settings
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._reported = False

    async def review(self, session_id: str, told: SessionContext) -> None:
        """Pay the debt of a conversation, and tell `told` what changed. Never raises but for cancellation."""
        try:
            changed = await self.attempt(session_id, told)
        except Exception as error:  # noqa: BLE001
            # Whatever a review fails of (a provider, a tool, a disk), the conversation must not notice.
            self._failed(session_id, error, told)
            return
        if changed:
            where = "" if told.id == session_id else "From an earlier conversation: "
            told.announce(announcement([f"{where}{changed[0]}", *changed[1:]]), code="learning")

    async def attempt(self, session_id: str, told: SessionContext) -> Sequence[str]:
        """Pay the debt of a conversation; gives what changed. Raises whatever a review fails of."""
        async with self._slots:
            debt = self._debts.get(session_id)
            return () if debt is None else await self._attempt(session_id, debt, told)

    async def _attempt(self, session_id: str, debt: Debt, told: SessionContext) -> Sequence[str]:
        experience = self._book.experience(session_id)
        kinds = experience.owed(debt.kinds, debt.base)
        changed: Sequence[str] = ()
        done: Sequence[str] = ()
        before = earlier(self._book.store, session_id, _unnoted(experience, kinds)) if debt.attempts else None
        if before is not None and before.finished:
            self._book.mark(session_id, experience.after(before.about.kinds, before.about.through, before.info.id))
            changed, kinds = before.changed, kinds - frozenset(before.about.kinds)
            experience = self._book.experience(session_id)
        elif before is not None:
            done = before.calls
        cut = snapshot(experience.unseen(kinds), self._settings.snapshot)
        if not cut.messages:
            self._debts.settle(session_id)
            return changed
        if debt.attempts >= ATTEMPTS:
            self._book.mark(session_id, experience.after(kinds, cut.through, ""))
            log.warning("the review of session %s is given up: it failed %d times", session_id, debt.attempts)
            return changed
        self._debts.put(session_id, msgspec.structs.replace(debt, attempts=debt.attempts + 1, error=""))
        report = await run(self._conversations, self._job(session_id, experience, debt, kinds, told, done))
        self._book.mark(session_id, experience.after(kinds, cut.through, report.session))
        return [*changed, *report.changed]

    def _job(
        self,
        session_id: str,
        experience: Experience,
        debt: Debt,
        kinds: frozenset[Kind],
        told: SessionContext,
        done: Sequence[str],
    ) -> Job:
        unseen = experience.unseen(kinds)
        cut = snapshot(unseen, self._settings.snapshot)
        info = self._book.store.find(session_id)
        return Job(
            about=About(session=session_id, kinds=tuple(sorted(kinds)), through=cut.through, reason=debt.reason),
            messages=cut.messages,
            provenance=origin(unseen, self._reaches_network),
            models=self._models(session_id, info.model, told),
            directory=info.directory,
            troubles=tuple(experience.troubles()) if "skills" in kinds else (),
            done=tuple(done),
            max_steps=self._settings.max_steps,
        )

    def _models(self, session_id: str, last: str, told: SessionContext) -> tuple[tuple[str, str], ...]:
        """What `auxiliary.review` names, else the conversation's own, else that of the one that is held now."""
        found: list[tuple[str, str]] = []
        live = self._conversations.session(session_id)
        here = live or self._conversations.session(told.id)
        if here is not None:
            setting = here.host.config.section("auxiliary").get("review")
            provider = setting.provider if setting and setting.provider not in ("auto", "main") else ""
            if setting and (setting.model or provider):
                return ((provider or here.provider.name, setting.model),)
        if live is not None:
            found.append((live.provider.name, live.model_name))
        elif last:
            found.append(("", last))
        if here is not None and here is not live:
            found.append((here.provider.name, here.model_name))
        return tuple(found) or (("", ""),)

    def _reaches_network(self, tool: str) -> bool:
        found = next((each for each in self._context.registry("tools") if each.name == tool), None)
        return found is None or "net" in found.spec.effects

    def _failed(self, session_id: str, error: Exception, told: SessionContext) -> None:
        log.warning("the review of session %s failed: %s", session_id, error, exc_info=error)
        if isinstance(error, NotFound) and self._gone(session_id):
            self._debts.settle(session_id)
            return
        debt = self._debts.get(session_id)
        if debt is not None:
            pause = _PAUSE * max(1, debt.attempts)
            text = str(error) if isinstance(error, HermesError) else f"{type(error).__name__}: {error}"
            self._debts.put(session_id, msgspec.structs.replace(debt, not_before=time.time() + pause, error=text))
        live = self._conversations.session(told.id)
        if live is not None and not self._reported:
            self._reported = True
            live.host.plugins.record(self._context.plugin).add_problem(
                "review", f"A conversation could not be reviewed: {error}", "See `hermes learning status`."
            )

    def _gone(self, session_id: str) -> bool:
        try:
            self._book.store.find(session_id)
        except HermesError:
            return True
        return False


def _unnoted(experience: Experience, kinds: frozenset[Kind]) -> Callable[[About], bool]:
    """Says of a review whether it looked at something that the marks do not tell of."""
    unseen = {kind: {entry.id for entry in experience.since(kind)} for kind in kinds}
    return lambda about: any(about.through in unseen.get(kind, ()) for kind in about.kinds)
