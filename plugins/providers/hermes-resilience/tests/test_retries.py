"""Failures that pass are repeated, within limits, and every repetition is told."""

from __future__ import annotations

import asyncio

import pytest
from hermes_resilience.retries import Retries
from hermes_resilience.settings import Settings

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    Overloaded,
    RateLimited,
)
from hermes_host.messages import Message, Text, assistant_message
from hermes_host.stream import MessageEnded, PartDelta, PartStarted, Usage

EMPTY = MessageEnded(Message(role="assistant"), "end", Usage())


@pytest.mark.parametrize("error", [ConnectionLost("cut"), Overloaded("busy", status=529), RateLimited("slow")])
async def test_a_failure_that_passes_is_repeated_and_told(calls, error):
    calls.script("one", error, "Hello.")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello."
    assert outcome.codes == ["retry"]
    assert "one:big" in outcome.notices[0].text and "(2 of 3) at once." in outcome.notices[0].text


async def test_after_the_last_retry_the_error_says_how_often_was_asked(calls):
    provider = calls.script("one", *[Overloaded("one is busy.", status=503)] * 3)
    outcome = await calls.ask()
    assert isinstance(outcome.error, Overloaded)
    assert "It was asked 3 times." in str(outcome.error)
    assert len(provider.requests) == 3
    assert outcome.codes == ["retry", "retry"]


async def test_the_error_is_that_of_the_last_attempt(calls):
    calls.script("one", Overloaded("first"), RateLimited("second"), ConnectionLost("third"))
    outcome = await calls.ask()
    assert isinstance(outcome.error, ConnectionLost) and outcome.error.message == "third"


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("bad"),
        ContextTooLong("long"),
        AuthFailed("no"),
        ContentRefused("filtered"),
        RateLimited("no credit", status=402),
        BudgetExceeded("spent"),
    ],
)
async def test_a_failure_that_stays_is_raised_at_once(calls, error):
    provider = calls.script("one", error)
    outcome = await calls.ask()
    assert outcome.error is error
    assert len(provider.requests) == 1
    assert outcome.codes == []


async def test_a_garbled_stream_is_asked_for_in_one_piece(calls):
    provider = calls.script("one", *[InvalidResponse("what")] * 3)
    outcome = await calls.ask()
    assert isinstance(outcome.error, InvalidResponse)
    assert [request.stream for request in provider.requests] == [True, False, False]


async def test_other_failures_are_asked_for_as_streams_again(calls):
    provider = calls.script("one", ConnectionLost("x"), Overloaded("y"), "Here.")
    await calls.ask()
    assert [request.stream for request in provider.requests] == [True, True, True]


@pytest.mark.parametrize("empty", [EMPTY, MessageEnded(assistant_message(" \n"), "end", Usage())])
async def test_an_empty_answer_is_asked_for_again(calls, empty):
    calls.script("one", empty, empty, "Here.")
    outcome = await calls.ask()
    assert await outcome.text() == "Here."
    assert outcome.codes == ["retry", "retry"]


async def test_answers_that_stay_empty_are_one_clear_error(calls):
    calls.script("one", EMPTY, EMPTY, EMPTY)
    outcome = await calls.ask()
    assert type(outcome.error) is InvalidResponse
    assert "empty answer" in str(outcome.error)


async def test_an_empty_answer_at_the_output_limit_is_no_failure(calls):
    calls.script("one", MessageEnded(Message(role="assistant"), "length", Usage()))
    assert (await (await calls.ask()).ended()).stop_reason == "length"


async def test_a_stream_without_an_end_is_a_failure(calls, broken):
    async def unfinished(_):
        yield PartStarted(0, "text")
        yield PartDelta(0, "Hel")

    calls.script("one", unfinished, "Hello.")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello."


async def test_without_retries_nothing_is_repeated(calls):
    calls.configure(retries=0)
    provider = calls.script("one", ConnectionLost("cut"))
    assert isinstance((await calls.ask()).error, ConnectionLost)
    assert len(provider.requests) == 1


async def test_a_wait_beyond_the_time_left_fails_at_once_with_the_reason(calls):
    provider = calls.script("one", RateLimited("one limits requests.", retry_after=60.0), "too late")
    outcome = await calls.ask(timeout=30.0)
    assert isinstance(outcome.error, RateLimited)
    assert "wait 60 s" in str(outcome.error) and "30 s are left" in str(outcome.error)
    assert len(provider.requests) == 1


async def test_a_wait_beyond_the_users_patience_fails_at_once(calls):
    calls.script("one", Overloaded("busy", retry_after=600.0), "too late")
    outcome = await calls.ask()
    assert "600 s" in str(outcome.error) and "resilience.longest_wait" in str(outcome.error)


async def test_what_the_vendor_asks_for_is_waited(calls):
    calls.script("one", RateLimited("slow", retry_after=0.05), "Hello.")
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = await calls.ask()
    assert await outcome.text() == "Hello."
    assert loop.time() - began >= 0.05


def test_waits_grow_and_differ_within_their_bounds():
    policy = Retries(Settings(backoff=2.0, backoff_limit=10.0))
    for attempt, longest in ((1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (9, 10.0)):
        waits = {policy.wait(attempt, None) for _ in range(50)}
        assert len(waits) > 1
        assert all(longest / 2 <= wait <= longest for wait in waits)
    assert policy.wait(1, 7.0) == 7.0


async def test_each_request_is_told_the_time_that_is_left(calls):
    calls.configure(total_timeout=100.0)
    provider = calls.script("one", ConnectionLost("cut"), "x", "y")
    await calls.ask()
    await calls.ask(timeout=7.0)
    first, second, third = (request.timeout for request in provider.requests)
    assert 99 < second <= first <= 100
    assert 6 < third <= 7


async def test_cancelling_while_waiting_takes_effect_at_once(calls):
    calls.configure(backoff=50.0)
    calls.script("one", ConnectionLost("cut"), "never")
    waiting = asyncio.Event()

    async def consume():
        async for _ in calls.stream():
            waiting.set()

    task = asyncio.create_task(consume())
    await waiting.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)


async def test_a_fault_of_the_program_is_not_repeated(calls):
    provider = calls.script("one", ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        await calls.ask()
    assert len(provider.requests) == 1


async def test_inner_middleware_reads_each_stream_to_its_end(calls):
    finished = []

    async def call_next(request):
        yield PartStarted(0, "text")
        async for event in calls.providers["one"].stream(request):
            if not isinstance(event, PartStarted):
                yield event
        finished.append(request.model)

    calls.script("one", assistant_message(Text(text="Hello.")))
    calls._call_next = call_next
    await calls.ask()
    assert finished == ["big"]
