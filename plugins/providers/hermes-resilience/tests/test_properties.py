"""Whatever goes wrong, in whatever order: the whole right answer exactly once, or one clear error, and no hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContextTooLong,
    HermesError,
    InvalidResponse,
    Overloaded,
    RateLimited,
)
from hermes_host.messages import Message, Reasoning, Text, ToolCall, assistant_message
from hermes_host.stream import AttemptDiscarded, PartDelta, PartEnded, PartStarted, ProviderEvent, ProviderNotice
from hermes_host.testing.providers import play

ERRORS = (AuthFailed, BadRequest, ConnectionLost, ContextTooLong, InvalidResponse, Overloaded, RateLimited)


def _call(id: str) -> ToolCall:
    return ToolCall(id=id, name="look", arguments={"path": "a/b/c"}, raw='{"path": "a/b/c"}')


ANSWERS = [
    assistant_message("Hello, world."),
    assistant_message("Hello, world. And more."),
    assistant_message("Goodbye."),
    assistant_message(Reasoning(text="Hm, well."), "Hello, world."),
    assistant_message("Hello, world.", _call("c1")),
    assistant_message("Hello, world.", _call("c2")),
    assistant_message(_call("c1"), _call("c2")),
]

answers = st.sampled_from(ANSWERS)
cut = st.integers(0, 20)
faults = st.one_of(
    st.tuples(st.just("error"), answers, cut, st.sampled_from(ERRORS)),
    st.tuples(st.just("stall"), answers, st.integers(0, 4), st.none()),
    st.tuples(st.just("end"), answers, cut, st.none()),
    st.tuples(st.just("restart"), answers, cut, answers),
    st.tuples(st.just("whole"), answers, st.none(), st.none()),
)


def _recut(events: list[ProviderEvent], size: int) -> list[ProviderEvent]:
    """The same answer with its text in deltas of another size."""
    result: list[ProviderEvent] = []
    text = ""
    for event in events:
        if isinstance(event, PartDelta):
            text += event.text
            continue
        if isinstance(event, PartEnded):
            result += [PartDelta(event.index, text[at : at + size]) for at in range(0, len(text), size)]
            text = ""
        result.append(event)
    return result


async def _play(fault: Any, size: int) -> AsyncIterator[ProviderEvent]:
    kind, answer, count, more = fault
    events = _recut(list(play(answer)), size)
    whole = len(events)
    count = whole if count is None else min(count, whole - 1)
    for event in events[:count]:
        yield event
    if kind == "error":
        raise more("It failed.")
    if kind == "stall":
        await asyncio.Event().wait()
    if kind == "restart":
        yield AttemptDiscarded("Inner middleware began anew.")
        for event in _recut(list(play(more)), size):
            yield event


def _complete(fault: Any) -> Message | None:
    """The message a step ends with, where it does."""
    kind, answer, _, more = fault
    ended = list(play(answer if kind == "whole" else more))[-1] if kind in ("whole", "restart") else None
    return ended.message if ended is not None else None  # type: ignore[union-attr]


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(
    st.lists(faults, min_size=1, max_size=8),
    st.lists(faults, min_size=1, max_size=4),
    st.integers(1, 7),
    st.booleans(),
    st.booleans(),
)
def test_the_answer_comes_whole_and_once_or_there_is_one_error(calls, first, second, size, with_other, with_pool):
    calls.providers.clear()
    calls.configure(
        stale_timeout=0.004,
        first_event_timeout=0.004,
        fallback_models=["two:other"] if with_other else [],
        sections={"credential_pools": {"one": ["KEY_A", "KEY_B"]}} if with_pool else {},
    )
    ends: list[Message | None] = []

    def step(fault: Any) -> Any:
        def answer(_: Any) -> Any:
            ends.append(_complete(fault))
            return _play(fault, size + len(ends) % 3)

        return answer

    calls.script("one", *map(step, first))
    calls.script("two", *map(step, second))
    outcome = asyncio.run(calls.ask())

    if outcome.error is None:
        ended = asyncio.run(outcome.ended())
        assert ended.message == ends[-1], "the answer is that of the last request, whole"
        assert all(end is None for end in ends[:-1]), "a complete answer is never asked for again"
    else:
        assert isinstance(outcome.error, HermesError) and str(outcome.error)
        assert all(end is None for end in ends), "a complete answer is never lost"
    assert len(ends) - 1 <= len(outcome.notices), "every further request is told"
    _shown_once(outcome.valid, ends)


def _shown_once(events: Any, ends: Any) -> None:
    """What counts is a beginning of one single answer."""
    parts: list[str] = []
    for event in events:
        if isinstance(event, PartStarted):
            parts.append("")
        elif isinstance(event, PartDelta):
            parts[-1] += event.text
        elif isinstance(event, ProviderNotice):
            continue
    whole = [[part.text if isinstance(part, Text | Reasoning) else part.raw for part in m.parts] for m in _played()]
    assert any(_begins(parts, answer) for answer in whole)


def _played() -> list[Message]:
    return [list(play(answer))[-1].message for answer in ANSWERS]  # type: ignore[union-attr]


def _begins(parts: list[str], answer: list[str]) -> bool:
    if not parts:
        return True
    done, last = parts[:-1], parts[-1]
    return done == answer[: len(done)] and len(parts) <= len(answer) and answer[len(done)].startswith(last)
