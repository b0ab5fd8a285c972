"""Approvals and questions in chats: the right person, in the right chat, once, in time."""

from __future__ import annotations

import re

import pytest
from hermes_gateway.settings import Access

from hermes_host.context import ToolContext
from hermes_host.messages import ToolCall, assistant_message

PEOPLE = {"access": {"testing": Access(owners=["u1", "u9"], members=["m1", "m2"])}, "member_tools": ["all"]}
CALL = assistant_message(ToolCall(id="1", name="act", arguments={}))


@pytest.fixture
def acting(gateway):
    """A gateway with a tool that needs consent; `ran` tells of its calls."""

    async def make(*script, **options):
        running = await gateway(*script, start=False, **options)
        running.ran = []

        async def act() -> str:
            """Act."""
            running.ran.append(True)
            return "acted"

        async def clarify(call: ToolContext) -> str:
            """Ask."""
            return f"they said {await call.ask('Which one?', ('red', 'blue'))}"

        async def secret(call: ToolContext) -> str:
            """Ask for a password."""
            return f"they said {await call.ask('The password?', secret=True)}"

        running.host.tool(act, effects=("process",))
        running.host.tool(clarify, effects=("ask",))
        running.host.tool(secret, effects=("ask",))
        return await running.start()

    return make


async def asked(platform):
    message = await platform.until_said("May I?")
    return message, re.search(r"/approve (\w+)", message.text)[1]


def result_of(running):
    return running.model.requests[-1].messages[-1].parts[0].content[0].text


async def test_the_owner_approves_by_command_and_the_result_reaches_the_model(acting, platform):
    running = await acting(CALL, "finished")
    await platform.say("do it")
    _, identity = await asked(platform)
    await platform.say(f"/approve {identity}")
    await platform.until_said("Allowed once.")
    await platform.until_said("finished")
    assert running.ran == [True]
    assert result_of(running) == "acted"


async def test_a_button_answers_and_a_second_press_is_refused(acting, platform):
    running = await acting(CALL, "finished")
    await platform.say("do it")
    message, identity = await asked(platform)
    values = [button.value for row in message.message.buttons for button in row]
    assert values == [f"ap:{identity}:{word}" for word in ("once", "session", "always", "deny")]
    await platform.say("", action=values[0], message=message.id)
    await platform.until_said("finished")
    await platform.say("", action=values[0], message=message.id)
    await platform.until_said("Nothing waits for that answer any more")
    assert running.ran == [True]


async def test_denying_tells_the_model(acting, platform):
    running = await acting(CALL, "I see")
    await platform.say("do it")
    await asked(platform)
    await platform.say("/deny")
    await platform.until_said("I see")
    assert running.ran == []
    assert "The user denied this call" in result_of(running)


async def test_silence_is_no_and_a_late_answer_is_refused(acting, platform):
    running = await acting(CALL, "I see", gateway={**PEOPLE, "approval_seconds": 0.2})
    await platform.say("do it")
    _, identity = await asked(platform)
    await platform.until_said("Nobody answered in time")
    await platform.until_said("I see")
    await platform.say(f"/approve {identity}")
    await platform.until_said("Nothing waits for that answer any more")
    assert running.ran == []


@pytest.mark.parametrize("word", ["yes", "Yes!", "ok", "no"])
async def test_a_bare_word_is_no_answer(acting, platform, word):
    running = await acting(CALL, "finished")
    await platform.say("do it")
    _, identity = await asked(platform)
    await platform.say(word)
    await platform.until_said("press a button or write")
    assert running.ran == []
    await platform.say(f"/approve {identity}")
    await platform.until_said("finished")
    assert running.ran == [True]


async def test_another_member_of_the_group_cannot_answer(acting, platform):
    running = await acting(CALL, "finished", gateway=PEOPLE)
    await platform.say("do it", user="m1", kind="group", chat="g")
    message, identity = await asked(platform)
    for user in ("m1", "m2"):
        await platform.say(f"/approve {identity}", user=user, kind="group", chat="g")
        await platform.say("", action=f"ap:{identity}:once", message=message.id, user=user, kind="group", chat="g")
    await platform.until(lambda: sum("Only the owner" in text for text in platform.texts()) == 4)
    await platform.say(f"/approve {identity}", user="nobody", kind="group", chat="g")
    assert running.ran == []
    await platform.say(f"/approve {identity}", user="u9", kind="group", chat="g")
    await platform.until_said("finished")
    assert running.ran == [True]


async def test_a_request_is_answered_only_in_the_chat_where_it_was_made(acting, platform):
    running = await acting(CALL, "finished", gateway=PEOPLE)
    await platform.say("do it", chat="a")
    _, identity = await asked(platform)
    await platform.say(f"/approve {identity}", chat="b")
    await platform.until_said("made in another chat")
    await platform.say("/approve", chat="b")
    await platform.until_said("Nothing waits for an answer here")
    assert running.ran == []
    await platform.say("/approve", chat="a")
    await platform.until_said("finished")


async def test_always_is_not_among_the_choices_of_a_member(acting, platform):
    running = await acting(CALL, "finished", gateway={**PEOPLE, "members_approve": True})
    await platform.say("do it", user="m1", chat="d")
    message, identity = await asked(platform)
    assert not any(button.value.endswith("always") for row in message.message.buttons for button in row)
    await platform.say(f"/approve {identity} always", user="m1", chat="d")
    await platform.until_said("It can be answered with")
    await platform.say(f"/approve {identity}", user="m1", chat="d")
    await platform.until_said("finished")
    assert running.ran == [True]


async def test_where_no_owner_is_it_is_denied_at_once(acting, platform):
    running = await acting(CALL, "I see", gateway=PEOPLE)
    await platform.say("do it", user="m1", chat="d")
    await platform.until_said("I see")
    assert running.ran == []
    assert not [text for text in platform.texts() if "May I" in text]


async def test_two_requests_are_told_apart(acting, platform):
    both = assistant_message(ToolCall(id="1", name="act", arguments={}))
    running = await acting(both, CALL, "finished", "finished", gateway=PEOPLE)
    await platform.say("do it", chat="g", kind="group", user="u1")
    await platform.say("do it", chat="g", kind="group", user="u9")
    await platform.until(lambda: sum("May I?" in text for text in platform.texts()) == 2)
    await platform.say("/approve", chat="g", kind="group")
    await platform.until_said("Several requests wait")
    assert running.ran == []
    for text in platform.texts():
        found = re.search(r"/approve (\w+)", text)
        if found and "May I?" in text:
            await platform.say(f"/approve {found[1]}", chat="g", kind="group")
    await platform.until(lambda: platform.texts().count("finished") == 2)
    assert running.ran == [True, True]


async def test_what_is_allowed_for_the_conversation_is_not_asked_again(acting, platform):
    running = await acting(CALL, CALL, "finished")
    await platform.say("do it")
    await asked(platform)
    await platform.say("/approve session")
    await platform.until_said("finished")
    assert running.ran == [True, True]


async def test_the_next_message_answers_a_question(acting, platform):
    running = await acting(assistant_message(ToolCall(id="1", name="clarify", arguments={})), "finished")
    await platform.say("paint it")
    message = await platform.until_said("Which one?")
    assert [button.label for row in message.message.buttons for button in row] == ["red", "blue"]
    await platform.say("green", user="u1")
    await platform.until_said("finished")
    assert result_of(running) == "they said green"
    assert running.rows("SELECT COUNT(*) FROM turns") == [(1,)]


async def test_a_button_or_a_number_picks_a_choice(acting, platform):
    clarify = assistant_message(ToolCall(id="1", name="clarify", arguments={}))
    running = await acting(clarify, "first", clarify, "second")
    await platform.say("paint it")
    message = await platform.until_said("Which one?")
    await platform.say("", action=message.message.buttons[1][0].value, message=message.id)
    await platform.until_said("first")
    assert result_of(running) == "they said blue"
    await platform.say("and again")
    await platform.until(lambda: sum("Which one?" in text for text in platform.texts()) == 2)
    await platform.say("1")
    await platform.until_said("second")
    assert result_of(running) == "they said red"


async def test_a_secret_is_not_asked_for_in_a_chat(acting, platform):
    running = await acting(assistant_message(ToolCall(id="1", name="secret", arguments={})), "finished")
    await platform.say("log in")
    await platform.until_said("finished")
    assert result_of(running) == "they said None"
    assert platform.texts() == ["finished"]
