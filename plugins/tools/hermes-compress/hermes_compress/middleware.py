"""Middleware around model calls: shows the view in force, and compacts when the conversation has grown too long."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compress.compaction import short
from hermes_compress.compactor import Compactor
from hermes_compress.conversation import Conversation
from hermes_host.errors import ContextTooLong
from hermes_host.services import Conversations
from hermes_host.stream import AttemptDiscarded, MessageEnded, ProviderNotice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hermes_compress.compaction import Outcome
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelRequest
    from hermes_host.specs import MiddlewareSpec
    from hermes_host.stream import ProviderEvent

__all__ = ["Middleware", "connect"]

_WARN_AT = 0.85
"""Of the threshold."""


async def connect(context: PluginContext, spec: MiddlewareSpec) -> Middleware:
    """The middleware of one host."""
    conversations = await context.services.get(Conversations)
    return Middleware(conversations, await Compactor.connect(context))


class Middleware:
    """One for all conversations of a host; what belongs to one is in its session."""

    def __init__(self, conversations: Conversations, compactor: Compactor) -> None:
        self._conversations = conversations
        self._compactor = compactor

    def __call__(
        self, request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        """Answer a request of a turn under the view of its conversation; all others pass as they are."""
        session = self._conversations.session(request.session_id) if request.purpose == "turn" else None
        if session is None or not _belongs(request, session):
            return call_next(request)
        return self._turn(Conversation.of(session), request, call_next)

    async def _turn(
        self,
        conversation: Conversation,
        request: ModelRequest,
        call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]],
    ) -> AsyncIterator[ProviderEvent]:
        began = time.monotonic()
        conversation.follow(request.messages)
        tokens = conversation.tokens(request)
        context = self._compactor.context(conversation, request)
        threshold = context * self._compactor.settings.threshold
        compacted = False
        if self._compactor.settings.enabled and tokens >= _WARN_AT * threshold:
            if conversation.may_compact(request, tokens, threshold):
                conversation.trying(request)
                yield _compacting(tokens)
                prompt = conversation.session.system
                yield _told(await self._compactor.compact(conversation, request))
                request = _renewed(request, prompt, conversation.session)
                compacted = True
            elif tokens < threshold and conversation.first_warning():
                yield _warning(tokens, threshold, context)
        events: Any
        for last in (False, True):
            spoken = False
            events = call_next(conversation.request(_later(request, began)))
            try:
                async with aclosing(events):
                    async for event in events:
                        spoken = True
                        if type(event) is MessageEnded:
                            conversation.learn(request, event.usage)
                        yield event
                return
            except ContextTooLong as error:
                too_long = error
            conversation.learn_limit(request, too_long.limit)
            if last or not self._compactor.settings.enabled:
                break
            if spoken:
                yield AttemptDiscarded("The request did not fit the model's context.")
            yield _compacting(conversation.tokens(request))
            prompt = conversation.session.system
            outcome = await self._compactor.compact(conversation, _later(request, began), summarise=not compacted)
            yield _told(outcome)
            if not outcome.changed:
                break
            request = _renewed(request, prompt, conversation.session)
        raise _passed_on(too_long) from too_long


def _belongs(request: ModelRequest, session: Session) -> bool:
    """Whether the request holds the session's messages, with nothing put between them."""
    stored = session.messages
    count = len(stored)
    return 0 < count <= len(request.messages) and request.messages[count - 1].role == stored[-1].role


def _renewed(request: ModelRequest, prompt: str, session: Session) -> ModelRequest:
    """The request with the session's prompt as it is after compaction, where it had the one before, `prompt`.

    The requests that follow have it too, so that they begin with the bytes of this one.
    """
    if request.system != prompt or session.system == prompt:
        return request
    return msgspec.structs.replace(request, system=session.system)


def _later(request: ModelRequest, began: float) -> ModelRequest:
    """The request with the time that is left of it."""
    if request.timeout is None:
        return request
    return msgspec.structs.replace(request, timeout=max(0.0, request.timeout - (time.monotonic() - began)))


def _compacting(tokens: float) -> ProviderNotice:
    return ProviderNotice(f"Compacting the conversation ({short(tokens)} tokens) …", "compacting")


def _told(outcome: Outcome) -> ProviderNotice:
    return ProviderNotice(outcome.text, outcome.code)


def _warning(tokens: float, threshold: float, context: int) -> ProviderNotice:
    return ProviderNotice(
        f"The conversation has {short(tokens)} of the {short(context)} tokens that fit the model; "
        f"at {short(threshold)} it will be compacted. `/compress` does it now.",
        "context_pressure",
    )


def _passed_on(error: ContextTooLong) -> ContextTooLong:
    limit = f" of {short(error.limit)} tokens" if error.limit else ""
    return ContextTooLong(
        f"The conversation does not fit the model's context{limit}: {error.message.rstrip('.')}.",
        remedy="Shorten it with `/compress`, begin anew with `/new`, or choose a model with a larger context.",
        status=error.status,
        limit=error.limit,
    )
