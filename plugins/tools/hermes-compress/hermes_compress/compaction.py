"""One compaction: a summary that is checked before it replaces anything, else old tool results cut down by rule."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from hermes_compress.boundaries import Boundaries, boundaries, last_step
from hermes_compress.conversation import Applied, Conversation
from hermes_compress.ledger import ledger, open_items
from hermes_compress.measure import weigh_text
from hermes_compress.summary import Rejected, accepted, budget, instructions, mark_borrowed, question
from hermes_compress.transcript import transcribe
from hermes_compress.trimming import Trim
from hermes_compress.view import View, digest
from hermes_host.cli.listing import count
from hermes_host.messages import user_message
from hermes_host.protocols import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_compress.models import Writer
    from hermes_compress.settings import Settings
    from hermes_host.messages import Message
    from hermes_host.protocols import ModelRequest
    from hermes_host.services import Auxiliary
    from hermes_host.stream import MessageEnded

__all__ = ["Compaction", "Outcome", "short"]

log = logging.getLogger(__name__)

_SMALLEST_GAIN = 0.20
"""Of the request: a summary that saves less is not worth what it loses."""

_SMALLEST_TRIM = 0.05
"""Likewise for cutting tool results, which loses less but costs the vendor's cache."""

_ROOM_FOR_TRANSCRIPT = 0.6
"""Of the summarising model's context."""

_LEAST_KEPT = 1_000.0
"""Tokens of the end that `/compress` leaves as they are, however short the conversation."""

_FULL = 0.95
"""Of the context: estimates err, and the answer needs room."""

_KEPT_OF_LAST = (20_000, 8_000, 3_000, 1_000)
"""Characters of each result of the last step, the first that makes the request fit."""


class Outcome(msgspec.Struct, frozen=True):
    """How a compaction ended: one sentence for the user, a word for programs, tokens before and after."""

    text: str
    code: str
    before: float
    after: float

    @property
    def changed(self) -> bool:
        """Whether a new view is in force."""
        return self.code != "compaction_failed"


class Compaction:
    """One attempt to make the request of a conversation shorter. `context` is what fits the model, in tokens."""

    def __init__(
        self,
        conversation: Conversation,
        request: ModelRequest,
        settings: Settings,
        auxiliary: Auxiliary,
        *,
        context: float,
        writer: Writer,
        manual: bool = False,
        focus: str = "",
    ) -> None:
        """`writer` is the model that summarises. A `manual` compaction takes all it can get."""
        self._conversation = conversation
        self._request = request
        self._messages: Sequence[Message] = request.messages
        self._stored: Sequence[Message] = tuple(conversation.session.messages)
        self._settings = settings
        self._auxiliary = auxiliary
        self._context = context
        self._writer = writer
        self._manual = manual
        self._focus = focus
        self._before = conversation.tokens(request)
        self._weight = conversation.weight(request, conversation.applied)
        self._ratio = self._before / self._weight
        """Tokens per unit of weight, so that before and after are taken with one measure."""

    async def run(self, *, summarise: bool = True, timeout: float | None = None) -> Outcome:
        """Find a shorter view, record it and put it in force; else change nothing. Raises `SessionError`.

        Memories are told before the model loses sight of anything, and the system prompt is assembled anew after it.
        `timeout` in seconds bounds the summary; without `summarise` no model is asked.
        """
        reason = ""
        found: Applied | None = None
        if summarise:
            try:
                found = await self._summarised(timeout)
            except Rejected as error:
                reason = str(error)
            except Exception as error:
                # Whatever side work fails of, a provider's fault or a plugin's, the conversation must go on.
                log.warning("a conversation could not be summarised", exc_info=error)
                reason = str(error) or type(error).__name__
        summarised = found is not None
        if found is None or self._tokens(found) > self._context * _FULL:
            found = self._trimmed(found, reason) or found
        if found is not None:
            await self._flush()
            if not self._holds(found):
                found, reason = None, "it changed meanwhile"
        if found is None:
            text = "The conversation could not be compacted" + (f": {reason.rstrip('.')}." if reason else ".")
            return Outcome(f"{text} Nothing was changed.", "compaction_failed", self._before, self._before)
        self._conversation.adopt(self._finished(found))
        await self._renew_prompt()
        return self._told(found, summarised, reason)

    async def _flush(self) -> None:
        """Let memories keep what the model is about to lose sight of."""
        try:
            await self._conversation.session.flush(self._stored, "compaction")
        except Exception as error:
            # What a memory fails of is no reason to let the conversation outgrow its model.
            log.warning("memories could not be told of a compaction", exc_info=error)

    async def _renew_prompt(self) -> None:
        """Take in what memories and skills have to say now: the vendor's cache is lost at this point anyway."""
        try:
            await self._conversation.session.renew_prompt()
        except Exception as error:
            # The prompt as it was is still right, only older.
            log.warning("the system prompt could not be renewed", exc_info=error)

    def _holds(self, found: Applied) -> bool:
        """Whether the conversation still begins with what is covered; a command may have shortened it meanwhile."""
        stored, covers = self._conversation.session.messages, found.view.covers
        return covers <= len(stored) and stored[covers - 1] is found.stored

    # ----------------------------------------------------------------------------------------------- by summary

    async def _summarised(self, timeout: float | None) -> Applied:
        view = self._conversation.applied.view if self._conversation.applied else None
        previous = view if view is not None and view.cut > view.head else None
        where = self._boundaries()
        start = previous.cut if previous else where.head
        if where.cut <= start or where.cut - start <= len(where.pinned):
            raise Rejected("there is nothing between its beginning and its latest part")
        items = open_items(self._conversation.session.context)
        draft = self._draft(where, items)
        self._check_gain(self._applied(draft))  # before a model is asked
        tokens = budget(self._conversation.meter.between(start, where.cut) * self._ratio, self._context)
        ended = await self._ask(start, where.cut, previous.summary if previous else "", items, tokens, timeout)
        summary = mark_borrowed(accepted(ended, items), self._messages[: where.cut])
        size = weigh_text(summary) * self._ratio
        if size > 1.25 * tokens:
            raise Rejected(f"the summary is too long ({short(size)} tokens instead of {short(tokens)})")
        found = self._applied(msgspec.structs.replace(draft, summary=summary))
        self._check_gain(found)
        return found

    def _draft(self, where: Boundaries, items: Sequence[tuple[str, str]]) -> View:
        """The view without its summary."""
        return View(
            number=self._conversation.number + 1,
            previous=self._conversation.number,
            covers=where.cut,
            head=where.head,
            cut=where.cut,
            pinned=where.pinned,
            ledger=self._ledger(where, items),
            model=self._writer.name,
        )

    def _boundaries(self) -> Boundaries:
        kept = self._settings.target_ratio * self._settings.threshold * self._context
        protect = self._settings.protect_last_n
        if self._manual:
            kept, protect = min(kept, max(_LEAST_KEPT, self._settings.target_ratio * self._before)), 0
        return boundaries(
            self._messages[: len(self._stored)],
            self._conversation.meter.between,
            budget=kept / self._ratio,
            protect=protect,
        )

    async def _ask(
        self,
        start: int,
        stop: int,
        previous: str,
        items: Sequence[tuple[str, str]],
        tokens: int,
        timeout: float | None,
    ) -> MessageEnded:
        room = self._writer.context * _ROOM_FOR_TRANSCRIPT / max(self._ratio, 1.0)
        transcript = transcribe(self._messages[start:stop], first=start + 1, room=room)
        asked = question(transcript, previous=previous, items=items, tokens=tokens, focus=self._focus)
        return await self._auxiliary.ask(
            "compression",
            [user_message(asked, provenance="external")],
            system=instructions(),
            session_id=self._request.session_id,
            settings=ModelSettings(max_output_tokens=self._writer.room(tokens)),
            timeout=timeout,
        )

    def _ledger(self, where: Boundaries, items: Sequence[tuple[str, str]]) -> str:
        writers = {spec.name for spec in self._conversation.session.tools() if "write" in spec.effects}
        shown = {*range(where.head), *where.pinned}
        return ledger(self._messages[: where.cut], items=items, writers=writers, shown=shown, context=self._context)

    def _check_gain(self, found: Applied) -> None:
        after = self._tokens(found)
        if after > self._before * (1 - _SMALLEST_GAIN):
            raise Rejected(f"a summary would save too little ({short(self._before)} -> {short(after)} tokens)")

    # ------------------------------------------------------------------------------------------------- by rule

    def _trimmed(self, found: Applied | None, reason: str) -> Applied | None:
        """The view with tool results cut down, no more of them than it takes; None when that gains too little."""
        best: Applied | None = None
        size = self._tokens(found) if found else self._before
        for trims in self._stages(found or self._conversation.applied):
            if trims:
                best = self._applied(self._with_trims(found, trims, reason))
            if (self._tokens(best) if best else size) <= self._context * _FULL:
                break
        return best if best is not None and self._tokens(best) <= size * (1 - _SMALLEST_TRIM) else None

    def _stages(self, base: Applied | None) -> Iterator[tuple[Trim, ...]]:
        """Ever harder cuts: what is long past, all but the last step, and that too."""
        start = base.view.cut if base else 0
        last = last_step(self._messages)
        for stop in (self._boundaries().cut, last):
            yield (Trim(start, stop, 0),) if stop > start else ()
        before = (Trim(start, last, 0),) if last > start else ()
        for keep in _KEPT_OF_LAST:
            yield (*before, Trim(max(last, start), len(self._stored), keep))

    def _with_trims(self, found: Applied | None, trims: tuple[Trim, ...], reason: str) -> View:
        covers = trims[-1].stop
        if found is not None:
            return msgspec.structs.replace(found.view, trims=trims, covers=covers)
        number = self._conversation.number
        applied = self._conversation.applied
        base = applied.view if applied else View(number=0, covers=0, head=0, cut=0)
        return msgspec.structs.replace(
            base, number=number + 1, previous=number, trims=trims, covers=covers, reason=reason
        )

    # ------------------------------------------------------------------------------------------------- the result

    def _applied(self, view: View) -> Applied:
        return Applied.of(view, self._messages, self._stored, self._request.session_id)

    def _finished(self, found: Applied) -> Applied:
        """The view with what the log is to say about it."""
        view = msgspec.structs.replace(
            found.view,
            digest=digest(self._stored[: found.view.covers]),
            time=time.time(),
            ratio=round(self._ratio, 4),
            tokens_before=int(self._before),
            tokens_after=int(self._tokens(found)),
        )
        return msgspec.structs.replace(found, view=view)

    def _told(self, found: Applied, summarised: bool, reason: str) -> Outcome:
        after = self._tokens(found)
        sizes = f"{short(self._before)} -> {short(after)} tokens."
        if summarised:
            gone = found.view.cut - found.view.head - len(found.view.pinned)
            return Outcome(f"Compacted {count(gone, 'message')}: {sizes}", "compacted", self._before, after)
        text = f"Cut old tool results down: {sizes}"
        if reason:
            text += f" There is no summary: {reason.rstrip('.')}."
        return Outcome(text, "pruned", self._before, after)

    def _tokens(self, applied: Applied) -> float:
        return self._conversation.weight(self._request, applied) * self._ratio


def short(tokens: float) -> str:
    """A number of tokens for people: `950`, `9.5k`, `96k`."""
    if tokens < 1_000:
        return f"{tokens:.0f}"
    return f"{tokens / 1_000:.1f}k" if tokens < 10_000 else f"{tokens / 1_000:.0f}k"
