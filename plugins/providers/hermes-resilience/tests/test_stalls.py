"""Answers that stand still are cut, and only those."""

from __future__ import annotations

import asyncio
import gc

import pytest

from hermes_host.errors import ConnectionLost
from hermes_host.stream import PartDelta, PartStarted
from hermes_host.testing.providers import play

HALF = [PartStarted(0, "text"), PartDelta(0, "Hel")]


async def test_an_answer_that_stands_still_is_cut_and_asked_for_again(calls, broken):
    calls.script("one", broken(None, *HALF), "Hello.")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello."
    assert outcome.codes == ["retry"]
    assert outcome.discarded == []


async def test_an_answer_that_never_begins_is_cut_after_the_longer_limit(calls, broken):
    calls.configure(stale_timeout=0.02, first_event_timeout=0.2, retries=0)
    calls.script("one", broken(None))
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = await calls.ask()
    assert 0.2 <= loop.time() - began < 2
    assert type(outcome.error) is ConnectionLost
    assert "sent nothing for 0.2 s" in str(outcome.error) and "first_event_timeout" in str(outcome.error)
    assert not outcome.error.partial


async def test_silence_within_the_read_timeout_is_always_allowed(calls, broken):
    calls.configure(stale_timeout=0.01, first_event_timeout=0.01, read_timeout=0.15, retries=0)
    calls.script("one", broken(None, *HALF))
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert "0.15 s" in str((await calls.ask()).error)
    assert loop.time() - began >= 0.15


async def test_the_whole_call_ends_with_its_total_time(calls):
    calls.configure(total_timeout=0.1, stale_timeout=5, first_event_timeout=5)

    async def endless(_):
        yield PartStarted(0, "text")
        while True:
            await asyncio.sleep(0.01)
            yield PartDelta(0, "more ")

    calls.script("one", endless)
    outcome = await calls.ask()
    assert isinstance(outcome.error, ConnectionLost)
    assert "in time" in str(outcome.error) and outcome.error.partial
    assert outcome.codes == []


async def test_the_requests_own_time_bounds_the_call(calls, broken):
    calls.configure(stale_timeout=5, first_event_timeout=5)
    calls.script("one", broken(None), "too late")
    outcome = await calls.ask(timeout=0.05)
    assert isinstance(outcome.error, ConnectionLost)
    assert "no time left" in str(outcome.error)


async def test_a_slow_consumer_is_no_stall(calls):
    calls.script("one", "Hello, world, how are you?")
    pieces = []
    async for event in calls.stream():
        if isinstance(event, PartDelta):
            pieces.append(event.text)
            await asyncio.sleep(0.08)
    assert "".join(pieces) == "Hello, world, how are you?"


async def test_a_slow_but_living_answer_is_not_cut(calls):
    async def slow(_):
        for event in play("one two three four five six seven eight"):
            await asyncio.sleep(0.06)
            yield event

    calls.configure(stale_timeout=0.3, first_event_timeout=0.3, retries=0)
    calls.script("one", slow)
    assert (await (await calls.ask()).text()).endswith("eight")


async def test_somebody_elses_cancellation_is_passed_on(calls, broken):
    calls.configure(stale_timeout=5, first_event_timeout=5)
    calls.script("one", broken(None, *HALF))
    begun = asyncio.Event()

    async def consume():
        async for event in calls.stream():
            if isinstance(event, PartDelta):
                begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_provider_that_is_cancelled_may_take_its_time_to_clean_up(calls):
    begun, cleaned = asyncio.Event(), []

    async def careful(_):
        yield HALF[0]
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
            cleaned.append(True)

    calls.script("one", careful)
    task = asyncio.create_task(calls.ask())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


async def test_a_deadline_of_the_caller_is_the_callers(calls, broken):
    calls.configure(stale_timeout=5, first_event_timeout=5)
    calls.script("one", broken(None, *HALF))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            async for _ in calls.stream():
                pass
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_a_cut_leaves_the_task_uncancelled(calls, broken):
    calls.configure(retries=0)
    calls.script("one", broken(None, *HALF))
    await calls.ask()
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_provider_that_turns_the_cut_into_its_own_error_is_understood(calls):
    async def stubborn(_):
        yield HALF[0]
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionLost("I was cut.") from None

    calls.script("one", stubborn, "Hello.")
    assert await (await calls.ask()).text() == "Hello."
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_a_consumer_that_leaves_closes_the_answer(calls):
    closed = []

    async def watched(_):
        try:
            yield HALF[0]
            yield HALF[1]
        finally:
            closed.append(True)

    calls.script("one", watched)
    stream = calls.stream()
    await anext(stream)
    await stream.aclose()
    assert closed == [True]
    del stream
    gc.collect()
