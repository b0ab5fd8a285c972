"""Calls through the middleware to scripted providers, and a reader that holds what comes out to the grammar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from hermes_resilience.middleware import Resilience
from hermes_resilience.settings import Settings
from hermes_resilience.state import State

from hermes_host.errors import HermesError
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import AttemptDiscarded, MessageEnded, ProviderEvent, ProviderNotice
from hermes_host.testing import ScriptedProvider
from hermes_host.testing.providers import check_stream

QUICK = {"backoff": 0.0, "stale_timeout": 0.05, "first_event_timeout": 0.05, "read_timeout": 0.0}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Outcome:
    """What came out of one call."""

    def __init__(self, events: Sequence[ProviderEvent], error: HermesError | None) -> None:
        self.events = events
        self.error = error
        self.notices = [event for event in events if isinstance(event, ProviderNotice)]
        self.codes = [notice.code for notice in self.notices]
        self.discarded = [event.reason for event in events if isinstance(event, AttemptDiscarded)]

    @property
    def valid(self) -> Sequence[ProviderEvent]:
        """The events that count: those after the last `AttemptDiscarded`."""
        places = [place for place, event in enumerate(self.events) if isinstance(event, AttemptDiscarded)]
        return self.events[places[-1] + 1 :] if places else self.events

    async def ended(self) -> MessageEnded:
        """The end of the answer, after holding the events that count to the grammar."""
        if self.error is not None:
            raise self.error
        return await check_stream(_again(self.valid))

    async def text(self) -> str:
        return (await self.ended()).message.text


async def _again(events: Sequence[ProviderEvent]) -> AsyncIterator[ProviderEvent]:
    for event in events:
        yield event


async def read(events: Any) -> Outcome:
    """Read a call to its end; a call that hangs fails the test."""
    came: list[ProviderEvent] = []
    error: HermesError | None = None
    try:
        async with asyncio.timeout(10):
            async for event in events:
                came.append(event)  # noqa: PERF401 - what came before an error counts
    except HermesError as failure:
        error = failure
    return Outcome(came, error)


class Calls:
    """Calls models through one middleware; `providers` are scripted, and made when they are first named."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.providers: dict[str, ScriptedProvider] = {}
        self.configure()

    def configure(self, *, fallback_model: object = (), sections: dict[str, Any] | None = None, **more: Any) -> None:
        """Use these settings from now on."""
        settings = Settings(**{**QUICK, **more})
        self.middleware = Resilience(
            State(settings, fallback_model=fallback_model, clock=self.clock, **(sections or {}))
        )

    def script(self, provider: str, *steps: Any) -> ScriptedProvider:
        self.providers.setdefault(provider, ScriptedProvider()).steps.extend(steps)
        return self.providers[provider]

    def stream(self, **request: Any) -> Any:
        given = {"provider": "one", "model": "big", "messages": (user_message("Hello"),), "session_id": "s", **request}
        return self.middleware(ModelRequest(**given), self._call_next)

    async def ask(self, **request: Any) -> Outcome:
        return await read(self.stream(**request))

    async def _call_next(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        events: Any = self.providers[request.provider].stream(request)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls(clock: Clock) -> Calls:
    return Calls(clock)


@pytest.fixture
def broken() -> Callable[..., Any]:
    """Make a step that plays these events and then raises, or stands still where the error is None."""

    def make(error: BaseException | None, *events: ProviderEvent) -> Any:
        async def play(_: ModelRequest) -> AsyncIterator[ProviderEvent]:
            for event in events:
                yield event
            if error is None:
                await asyncio.Event().wait()
            else:
                raise error

        return play

    return make


@pytest.fixture
def read_call() -> Callable[[Any], Any]:
    """Read any stream of provider events into an outcome."""
    return read
