"""What the plugin knows about one live conversation: its sizes, the view in force, and limits it has learnt."""

from __future__ import annotations

import operator
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compress.measure import Meter, weigh
from hermes_compress.view import VIEW, View, digest, shown
from hermes_host.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_host.agent.session import Session
    from hermes_host.protocols import ModelRequest
    from hermes_host.stream import Usage

__all__ = ["Applied", "Conversation", "model_of"]

_MEMORY = "compress.conversation"
_LIMITS = "compress.limits"
_WARNED = "compress.warned"

_SMALLEST_LIMIT = 1_000
"""Tokens; a vendor that speaks of less means something else."""

_GROWTH = 0.1
"""Of the threshold: how much a conversation grows before compaction is tried again."""


class Applied(msgspec.Struct, frozen=True):
    """A view with the messages it shows in place of the first `covers`, and their weight.

    `stored` is the last one covered, as the session has it. `sources` are those not summarised, as the request had
    them: other middleware may have changed them, to hide something for instance.
    """

    view: View
    messages: tuple[Message, ...]
    weight: float
    stored: Message
    sources: tuple[Message, ...]

    @classmethod
    def of(cls, view: View, messages: Sequence[Message], stored: Sequence[Message], session_id: str) -> Applied:
        """The view applied to `messages` that begin with those it covers; `stored` are the session's."""
        found = shown(view, messages, session_id)
        return cls(view, found, sum(map(weigh, found)), stored[view.covers - 1], tuple(_sources(view, messages)))

    def stands_for(self, messages: Sequence[Message]) -> bool:
        """Whether it was made of these messages themselves."""
        return all(map(operator.is_, self.sources, _sources(self.view, messages)))


def _sources(view: View, messages: Sequence[Message]) -> Iterator[Message]:
    return chain(messages[: view.head], (messages[i] for i in view.pinned), messages[view.cut : view.covers])


class Conversation:
    """One conversation. Lives in the session's memory; what must survive a restart is in the session's log."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.meter = Meter()
        self.applied: Applied | None = None
        self._limits: dict[str, int] = dict(session.context.recorded(_LIMITS))
        self._next_at = (0.0, 0.0)
        self._tried_with = 0
        self._estimated = False
        """Whether `_next_at` rests on an estimate that the next answer can correct."""
        self._load()

    @classmethod
    def of(cls, session: Session) -> Conversation:
        """The one of this session, made at the first look."""
        known: Conversation | None = session.context.memory.get(_MEMORY)
        if known is None:
            known = session.context.memory[_MEMORY] = cls(session)
        return known

    # ------------------------------------------------------------------------------------------------- the view

    def _load(self) -> None:
        view = _decoded(self.session.context.recorded(VIEW))
        if view is not None:
            self._use(view)

    def _use(self, view: View) -> bool:
        """Put a recorded view in force, if it is one of this conversation."""
        messages = self.session.messages
        if not 0 < view.covers <= len(messages) or digest(messages[: view.covers]) != view.digest:
            return False
        self.applied = Applied.of(view, messages, messages, self.session.id)
        self.meter.expect(view.ratio)
        return True

    @property
    def number(self) -> int:
        """That of the view in force, 0 without one."""
        return self.applied.view.number if self.applied else 0

    def adopt(self, applied: Applied) -> None:
        """Record a new view and put it in force; the one before it stays in the log. Raises `SessionError`."""
        context = self.session.context
        if self.applied is not None:
            context.record(f"{VIEW}.{self.number}", context.recorded(VIEW))
        context.record(VIEW, msgspec.to_builtins(applied.view))
        self.applied = applied

    def follow(self, messages: Sequence[Message]) -> None:
        """Take in the messages of a request, and drop a view that covers more than is left of the conversation."""
        self.meter.follow(messages)
        while self.applied is not None and not self._holds(self.applied):
            self._step_back(self.applied.view)
        if self.applied is not None and not self.applied.stands_for(messages):
            self.applied = Applied.of(self.applied.view, messages, self.session.messages, self.session.id)

    def _holds(self, applied: Applied) -> bool:
        messages = self.session.messages
        covers = applied.view.covers
        return covers <= len(messages) and messages[covers - 1] is applied.stored

    def _step_back(self, view: View) -> None:
        """Go back to the view before one that no longer holds."""
        context = self.session.context
        self.applied, self._tried_with = None, 0
        earlier = _decoded(context.recorded(f"{VIEW}.{view.previous}")) if view.previous else None
        while earlier is not None and not self._use(earlier):
            earlier = _decoded(context.recorded(f"{VIEW}.{earlier.previous}")) if earlier.previous else None
        context.record(VIEW, msgspec.to_builtins(earlier) if earlier is not None else {})

    # ---------------------------------------------------------------------------------------------- the request

    def request(self, request: ModelRequest) -> ModelRequest:
        """The request with the view in force."""
        applied = self.applied
        if applied is None:
            return request
        messages = (*applied.messages, *request.messages[applied.view.covers :])
        return msgspec.structs.replace(request, messages=messages)

    def weight(self, request: ModelRequest, applied: Applied | None) -> float:
        """The weight of a request whose messages were followed, under a view."""
        start, weight = (applied.view.covers, applied.weight) if applied else (0, 0.0)
        fixed = self.meter.fixed(request.system, request.tools)
        return fixed + weight + self.meter.between(start, len(request.messages))

    def tokens(self, request: ModelRequest) -> float:
        """The tokens of a request whose messages were followed, under the view in force."""
        return self.meter.tokens(model_of(request), self.weight(request, self.applied), self.number)

    def learn(self, request: ModelRequest, usage: Usage) -> None:
        """Take in what the vendor counted for the request as it was sent under the view in force."""
        weight = self.weight(request, self.applied)
        self.meter.learn(model_of(request), weight, self.number, input=usage.input, output=usage.output)
        if usage.input > self.limit(request) > 0:
            self._limits.pop(model_of(request))  # it was a guess, and too low
            self.session.context.record(_LIMITS, dict(self._limits))
        if self._estimated:
            threshold, next_at = self._next_at
            self._next_at = (threshold, max(next_at, self.tokens(request) + threshold * _GROWTH))
            self._estimated = False

    # ------------------------------------------------------------------------------------------ limits and pauses

    def limit(self, request: ModelRequest) -> int:
        """The context in tokens that this model's vendor named in an error, or 0."""
        return self._limits.get(model_of(request), 0)

    def learn_limit(self, request: ModelRequest, named: int) -> int:
        """Take in that a request was too long; `named` is the limit the vendor gave, 0 for none. Gives the limit.

        Without a usable one nine tenths of the estimate count.
        """
        tokens = self.tokens(request)
        limit = named if named >= _SMALLEST_LIMIT else int(tokens * 0.9)
        if tokens < limit:
            self.meter.at_least(model_of(request), self.weight(request, self.applied), limit)
        self._limits[model_of(request)] = limit
        self.session.context.record(_LIMITS, dict(self._limits))
        return limit

    def may_compact(self, request: ModelRequest, tokens: float, threshold: float) -> bool:
        """Whether the conversation has grown enough since compaction was last tried for this threshold.

        For one request it is tried only once, even where other middleware sends the request again.
        """
        if len(request.messages) == self._tried_with:
            return False
        tried_for, next_at = self._next_at
        if self.applied is not None and not next_at:
            tried_for, next_at = threshold, self.applied.view.tokens_after + threshold * _GROWTH
        return tokens >= threshold and (tried_for != threshold or tokens >= next_at)

    def trying(self, request: ModelRequest) -> None:
        """Note that compaction is tried for a request."""
        self._tried_with = len(request.messages)

    def tried(self, tokens: float, threshold: float) -> None:
        """Note that compaction was tried and left a request of so many tokens."""
        self._next_at = (threshold, tokens + threshold * _GROWTH)
        self._estimated = True

    def first_warning(self) -> bool:
        """Whether the user has not been warned since the last compaction; notes that they are now."""
        context = self.session.context
        if context.recorded(_WARNED).get("view") == self.number:
            return False
        context.record(_WARNED, {"view": self.number})
        return True


def model_of(request: ModelRequest) -> str:
    """`provider:model`."""
    return f"{request.provider}:{request.model}"


def _decoded(data: dict[str, Any]) -> View | None:
    if not data:
        return None
    try:
        return msgspec.convert(data, View)
    except msgspec.ValidationError:
        # Written by another version: the conversation goes on in full and is compacted anew when it must be.
        return None
