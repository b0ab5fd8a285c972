"""Trivial messages go to the cheaper model, where that is wanted and costs no cache."""

from __future__ import annotations

import pytest
from hermes_resilience.settings import SmartModelRouting

from hermes_host.errors import ContentRefused, NotFound, RateLimited
from hermes_host.messages import Media, Text, ToolCall, ToolResult, assistant_message, tool_message, user_message

ROUTING = {"routing": SmartModelRouting(enabled=True, cheap_model={"provider": "cheap", "model": "small"})}


@pytest.fixture
def routed(calls):
    calls.configure(sections=ROUTING)
    calls.script("one", "From the big one.")
    calls.script("cheap", "From the cheap one.")
    return calls


@pytest.mark.parametrize(
    "text", ["Hello!", "Wie geht es dir heute?", "你好,今天怎么样?", "Спасибо большое", "What is\nthe capital of Peru?"]
)
async def test_a_trivial_message_goes_to_the_cheaper_model(routed, text):
    outcome = await routed.ask(messages=(user_message(text),))
    assert await outcome.text() == "From the cheap one."
    assert outcome.codes == ["routed"]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 161,
        "a " * 29,
        "人" * 60,
        "one\ntwo\nthree",
        "Explain `sorted`",
        "See https://example.org",
        "Look at www.example.org",
        "open /etc/hosts",
        "fix main.py",
        "what does foo(x) do",
        "17 * 23456",
        "if a == b",
        "",
    ],
)
async def test_other_messages_stay(routed, text):
    assert await (await routed.ask(messages=(user_message(text),))).text() == "From the big one."


CALL = ToolCall(id="1", name="look", arguments={}, raw="{}")
RESULT = tool_message(ToolResult(call_id="1", name="look", content=(Text(text="x"),)))
HELLO = user_message("Hello!")


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param((user_message("Hello!", Media(kind="image", mime="image/png", data=b"x")),), id="attachment"),
        pytest.param((HELLO, assistant_message(CALL), RESULT), id="within a turn"),
        pytest.param((HELLO, assistant_message(CALL), RESULT, assistant_message("y"), HELLO), id="after tools"),
        pytest.param((HELLO, assistant_message("Hi.")) * 3 + (HELLO,), id="long conversation"),
    ],
)
async def test_only_the_first_answers_of_a_young_conversation_are_routed(routed, messages):
    assert await (await routed.ask(messages=messages)).text() == "From the big one."


async def test_side_work_and_chosen_keys_are_not_routed(routed):
    routed.script("one", "Again.")
    assert await (await routed.ask(purpose="title")).text() == "From the big one."
    assert await (await routed.ask(credential="MINE")).text() == "Again."


async def test_nothing_is_routed_unless_it_is_switched_on(calls):
    calls.configure(sections={"routing": SmartModelRouting(cheap_model="cheap:small")})
    calls.script("one", "From the big one.")
    assert await (await calls.ask()).text() == "From the big one."


@pytest.mark.parametrize("error", [RateLimited("slow"), ContentRefused("no"), NotFound("There is none.")])
async def test_a_cheaper_model_that_fails_is_replaced_by_the_real_one(calls, error):
    calls.configure(sections=ROUTING)
    calls.script("cheap", error)
    calls.script("one", "From the big one.", "Again.")
    outcome = await calls.ask()
    assert await outcome.text() == "From the big one."
    assert outcome.codes[0] == "routed" and len(outcome.codes) == 2
    if isinstance(error, RateLimited):
        assert (await calls.ask()).codes == [], "it is left alone, and the real model was never away"
