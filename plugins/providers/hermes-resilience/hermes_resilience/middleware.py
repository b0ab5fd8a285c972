"""The middleware: asks, watches, and asks again, while what was delivered stays delivered once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from hermes_host.errors import ConnectionLost, ContentRefused, HermesError, InvalidResponse
from hermes_host.messages import Text
from hermes_host.stream import MessageEnded, PartDelta, ProviderEvent, ProviderNotice
from hermes_resilience import notices
from hermes_resilience.course import Course
from hermes_resilience.replay import Replay, Shown, shown_by
from hermes_resilience.retries import EmptyAnswer
from hermes_resilience.settings import Settings, SmartModelRouting
from hermes_resilience.stalls import Watch
from hermes_resilience.state import State

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
    from types import AsyncGeneratorType

    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelRequest
    from hermes_host.specs import MiddlewareSpec

__all__ = ["Resilience", "connect"]


def connect(context: PluginContext, spec: MiddlewareSpec) -> Resilience:
    """The middleware under the settings as they are now."""
    return Resilience(
        State(
            context.section(Settings, "resilience"),
            fallback_model=context.section(object, "fallback_model"),
            auxiliary_fallbacks=context.section(dict, "auxiliary_fallbacks"),
            credential_pools=context.section(dict, "credential_pools"),
            routing=context.section(SmartModelRouting, "smart_model_routing"),
        )
    )


class Resilience:
    """Model middleware; implements `hermes_host.protocols.ModelMiddleware`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __call__(
        self, request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        """The answer to `request`, whole and once, or one error."""
        call = _Call(self._state, request, call_next)
        call.stream = cast("AsyncGeneratorType[ProviderEvent, None]", call.run())
        return call.stream


class _Call:
    """One call of a model."""

    stream: AsyncGeneratorType[ProviderEvent, None]

    def __init__(
        self,
        state: State,
        request: ModelRequest,
        call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]],
    ) -> None:
        self._state = state
        self._request = request
        self._call_next = call_next
        self._shown: Sequence[Shown] = ()
        self._reason = ""

    async def run(self) -> AsyncGenerator[ProviderEvent, None]:
        course = Course(self._state, self._request)
        for notice in course.opening():
            yield notice
        while True:
            came: list[ProviderEvent | str] = []
            complete = False
            keep = came.append
            replay = Replay(self._shown, self._reason) if self._shown else None
            events: Any = self._call_next(course.request())
            watch = Watch(self.stream, came, course.limits)
            try:
                async for event in events:
                    # The way of every delta: what is added here is paid for with each word of an answer.
                    if type(event) is PartDelta and replay is None:
                        keep(event.text)
                        yield event
                        continue
                    keep(event)
                    if type(event) is MessageEnded:
                        _check(event, course)
                        course.succeeded()
                        complete = True
                    if replay is None:
                        yield event
                    else:
                        for delivered in replay.feed(event):
                            yield delivered
                        replay = None if replay.over else replay
                # Read to its very end, not left at the last event: inner middleware may still have something to do.
                if complete:
                    return
                raise InvalidResponse("The model's stream ended without an end-of-message event.")
            except asyncio.CancelledError:
                if not watch.absorb():
                    raise
                if complete:
                    return
                failure: HermesError = watch.failure(course.who)
            except HermesError as error:
                if complete:
                    raise
                failure = watch.failure(course.who) if watch.absorb() else error
            finally:
                watch.stop()
                await events.aclose()
            if replay is None:
                self._shown = shown_by(came)
            wait, notice = self._after(course, failure)
            yield notice
            if wait:
                await asyncio.sleep(wait)

    def _after(self, course: Course, failure: HermesError) -> tuple[float, ProviderNotice]:
        self._reason = notices.differs(failure, course.who)
        if isinstance(failure, ConnectionLost) and self._shown:
            failure.partial = True
        return course.after(failure)


def _check(ended: MessageEnded, course: Course) -> None:
    """Raise for an answer that is complete and yet none."""
    if ended.stop_reason == "refused" and course.takes_refusals:
        raise ContentRefused(f"{course.who} refused to answer.")
    parts = ended.message.parts
    if ended.stop_reason == "end" and all(isinstance(part, Text) and not part.text.strip() for part in parts):
        raise EmptyAnswer(f"{course.who} gave an empty answer.", remedy="Ask again, or try another model.")
