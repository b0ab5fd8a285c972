"""What was delivered before a stream broke is never shown twice."""

from __future__ import annotations

import msgspec
import pytest

from hermes_host.errors import ConnectionLost
from hermes_host.messages import Reasoning, Text, ToolCall, assistant_message
from hermes_host.stream import AttemptDiscarded, PartDelta, PartEnded, PartStarted, ProviderNotice, UsageReported
from hermes_host.testing.providers import play

LOST = ConnectionLost("cut")


def _call(id="call_1", **arguments):
    return ToolCall(id=id, name="look", arguments=arguments, raw=msgspec.json.encode(arguments).decode())


def _begin(answer, count):
    return list(play(answer))[:count]


def _deltas(outcome):
    return [event.text for event in outcome.events if isinstance(event, PartDelta)]


ANSWERS = {
    "text": assistant_message("The quick brown fox jumps over the lazy dog."),
    "reasoning": assistant_message(Reasoning(text="Let me think about it."), "The answer is 42."),
    "call": assistant_message("Let me see.", _call(path="a/long/path"), _call("call_2", path="b")),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_repeats_its_beginning_goes_on_where_it_broke(calls, broken, name):
    whole = list(play(ANSWERS[name]))
    for count in range(len(whole)):
        calls.script("one", broken(LOST, *whole[:count]), ANSWERS[name])
        outcome = await calls.ask()
        assert outcome.discarded == []
        assert (await outcome.ended()).message == whole[-1].message
        assert [event for event in outcome.events if not isinstance(event, ProviderNotice | UsageReported)] == [
            event for event in whole if not isinstance(event, UsageReported)
        ]


async def test_other_cuts_between_deltas_make_no_difference(calls, broken):
    async def again(_):
        yield PartStarted(0, "text")
        for piece in ("Hel", "", "lo, w", "orld", "!"):
            yield PartDelta(0, piece)
        part = Text(text="Hello, world!")
        yield PartEnded(0, part)
        for event in list(play("Hello, world!"))[-2:]:
            yield event

    calls.script("one", broken(LOST, PartStarted(0, "text"), PartDelta(0, "Hello, "), PartDelta(0, "wo")), again)
    outcome = await calls.ask()
    assert await outcome.text() == "Hello, world!"
    assert _deltas(outcome) == ["Hello, ", "wo", "rld", "!"]


async def test_another_answer_is_given_whole_after_the_first_is_discarded(calls, broken):
    calls.script("one", broken(LOST, *_begin("Hello, world", 3)), "Hello there, whoever you are")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello there, whoever you are"
    assert len(outcome.discarded) == 1
    assert outcome.discarded[0] == "The connection to one:big broke, and the new answer differs."


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(assistant_message("Hel"), id="a shorter text"),
        pytest.param(assistant_message(Reasoning(text="Hm"), "Hello, world"), id="another kind of part"),
        pytest.param(assistant_message(_call()), id="a call in place of text"),
    ],
)
async def test_every_kind_of_difference_discards(calls, broken, second):
    calls.script("one", broken(LOST, *_begin("Hello, world", 3)), second)
    outcome = await calls.ask()
    assert (await outcome.ended()).message.parts == list(play(second))[-1].message.parts
    assert len(outcome.discarded) == 1


async def test_a_text_that_had_ended_and_now_goes_on_differs(calls, broken):
    calls.script("one", broken(LOST, *_begin("Hello", 99)[:-2]), "Hello, world")
    outcome = await calls.ask()
    assert await outcome.text() == "Hello, world"
    assert len(outcome.discarded) == 1


async def test_an_answer_with_fewer_parts_differs(calls, broken):
    thought = Reasoning(text="Hm, well.")
    calls.script("one", broken(LOST, *_begin(assistant_message(thought, "Hello"), 8)), assistant_message(thought))
    outcome = await calls.ask()
    assert (await outcome.ended()).message.parts == (thought,)
    assert len(outcome.discarded) == 1


async def test_a_call_whose_id_changed_differs(calls, broken):
    first, second = assistant_message(_call("call_1", a=1)), assistant_message(_call("call_9", a=1))
    calls.script("one", broken(LOST, *list(play(first))[:-2]), second)
    outcome = await calls.ask()
    assert [call.id for call in (await outcome.ended()).message.tool_calls] == ["call_9"]
    assert len(outcome.discarded) == 1


async def test_a_half_delivered_call_of_another_tool_is_discarded(calls, broken):
    half = [PartStarted(0, "tool_call", "remove"), PartDelta(0, '{"path": "/')]
    calls.script("one", broken(LOST, *half), assistant_message(_call(path="a")))
    outcome = await calls.ask()
    assert [call.name for call in (await outcome.ended()).message.tool_calls] == ["look"]
    assert len(outcome.discarded) == 1


async def test_an_attempt_that_breaks_earlier_than_the_first_shows_nothing(calls, broken):
    answer = "one two three four five six"
    calls.script("one", broken(LOST, *_begin(answer, 4)), broken(LOST, *_begin(answer, 2)), answer)
    outcome = await calls.ask()
    assert await outcome.text() == answer
    assert outcome.discarded == []


async def test_each_new_answer_is_compared_with_what_counts(calls, broken):
    calls.script(
        "one",
        broken(LOST, *_begin("first answer", 4)),
        broken(LOST, *_begin("second answer", 4)),
        "second answer",
    )
    outcome = await calls.ask()
    assert await outcome.text() == "second answer"
    assert len(outcome.discarded) == 1


async def test_a_restart_further_inside_is_understood(calls, broken):
    async def restarted(_):
        for event in _begin("quite another", 3):
            yield event
        yield AttemptDiscarded("inner")
        for event in play("Hello, world"):
            yield event

    calls.script("one", broken(LOST, *_begin("Hello, world", 3)), restarted)
    outcome = await calls.ask()
    assert await outcome.text() == "Hello, world"


async def test_after_the_last_failure_the_error_says_that_something_had_arrived(calls, broken):
    calls.script("one", *[broken(ConnectionLost("cut"), *_begin("Hello", 3)), LOST, ConnectionLost("cut again")])
    outcome = await calls.ask()
    assert isinstance(outcome.error, ConnectionLost)
    assert outcome.error.partial
    assert _deltas(outcome) == ["He", "ll"]
