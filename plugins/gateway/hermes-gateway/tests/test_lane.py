"""Commands act at once, whatever hangs, and only for those who may."""

from __future__ import annotations

import asyncio
import time

import pytest
from hermes_gateway.settings import Access

from hermes_host.messages import ToolCall, assistant_message

GROUP = {"gateway": {"access": {"testing": Access(owners=["u1"], members=["m1"], guests=["g1"])}}}


@pytest.fixture
def hanging():
    """A model that never answers and does not listen when it is cancelled; and the sign that it was asked."""
    begun = asyncio.Event()

    async def hang(request):
        begun.set()
        for _ in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue
        return "never"

    return hang, begun


def words(request):
    return [message.text for message in request.messages if message.role == "user"]


@pytest.mark.parametrize(
    ("command", "said"),
    [("/stop", "Stopped."), ("/status", "at work"), ("/new", "A new conversation."), ("/approve", "Nothing waits")],
)
async def test_a_command_is_answered_within_a_second_while_a_turn_hangs(gateway, platform, hanging, command, said):
    hang, begun = hanging
    await gateway(hang)
    await platform.say("do it")
    await begun.wait()
    before = time.monotonic()
    await platform.say(command)
    await platform.until_said(said)
    assert time.monotonic() - before < 1.0


async def test_stop_ends_the_turn_and_the_next_message_is_answered(gateway, platform, hanging):
    hang, begun = hanging
    running = await gateway(hang, "still here")
    await platform.say("do it")
    await begun.wait()
    await platform.say("/stop")
    await platform.until_said("Stopped.")
    await platform.say("hello")
    await platform.until_said("still here", timeout=5)
    assert running.rows("SELECT state, COUNT(*) FROM turns GROUP BY state") == [("finished", 2)]


async def test_stop_says_what_will_not_be_answered(gateway, platform, hanging):
    hang, begun = hanging
    running = await gateway(hang)
    await platform.say("/busy queue")
    await platform.say("do it")
    await begun.wait()
    await platform.say("and this")
    await platform.until(lambda: len(platform.acknowledged) == 3)
    await platform.say("/stop")
    await platform.until_said("1 message that waited will not be answered")
    assert running.rows("SELECT COUNT(*) FROM updates WHERE state = 'waiting'") == [(0,)]


async def test_a_command_is_never_given_to_the_model(gateway, platform, hanging):
    hang, begun = hanging
    running = await gateway(hang, "next")
    await platform.say("do it")
    await begun.wait()
    for command in ("/status", "/help", "/whoami@mybot", "/usage", "/nonsense"):
        await platform.say(command)
    await platform.until_said("There is no command /nonsense")
    await platform.say("next please")
    await platform.until_said("next")
    assert words(running.model.requests[-1]) == ["do it", "next please"]


async def test_two_slashes_are_a_message(gateway, platform):
    running = await gateway("read")
    await platform.say("//etc is a folder")
    await platform.until_said("read")
    assert words(running.model.requests[0]) == ["/etc is a folder"]


async def test_queue_waits_for_the_turn_whatever_the_mode(gateway, platform):
    go, begun = asyncio.Event(), asyncio.Event()

    async def wait(request):
        begun.set()
        await go.wait()
        return "first done"

    running = await gateway(wait, "second done")
    await platform.say("one")
    await begun.wait()
    await platform.say("/queue /two")
    await platform.until_said("after the running turn")
    go.set()
    await platform.until_said("second done")
    assert words(running.model.requests[1]) == ["one", "/two"]


async def test_new_begins_a_conversation_and_resume_goes_back(gateway, platform):
    running = await gateway("one", "two", "three", "four")
    await platform.say("first")
    await platform.until_said("one")
    [(old,)] = running.rows("SELECT session FROM conversations")
    await platform.say("/new")
    await platform.until_said(f"/resume {old}")
    await platform.say("second")
    await platform.until_said("two")
    assert words(running.model.requests[1]) == ["second"]
    await platform.say(f"/resume {old}")
    await platform.until_said("Going on with **first**")
    await platform.say("third")
    await platform.until_said("three")
    await platform.say("fourth")
    await platform.until_said("four")
    assert words(running.model.requests[3]) == ["first", "third", "fourth"]
    assert running.rows("SELECT session FROM conversations") == [(old,)]


async def test_undo_and_retry(gateway, platform):
    running = await gateway("one", "two", "three")
    await platform.say("first")
    await platform.until_said("one")
    await platform.say("/retry")
    await platform.until_said("two")
    assert words(running.model.requests[1]) == ["first"]
    await platform.say("/undo")
    await platform.until_said("Taken back: “first”")
    await platform.say("other")
    await platform.until_said("three")
    assert words(running.model.requests[2]) == ["other"]


async def test_a_background_task_answers_here_and_leaves_the_conversation_alone(gateway, platform):
    running = await gateway(lambda request: f"did {request.messages[-1].text}", "after")
    await platform.say("/background count the stars")
    await platform.until_said("did count the stars")
    await platform.say("hello")
    await platform.until_said("after")
    assert words(running.model.requests[1]) == ["hello"]


async def test_guests_have_four_commands(gateway, platform):
    await gateway(**GROUP)
    await platform.say("/help", user="g1")
    said = await platform.until_said("/stop")
    listed = [line.split("`")[1] for line in said.text.splitlines() if line.startswith("- ")]
    assert listed == ["/help", "/new", "/status", "/stop"]
    await platform.say("/model x", user="g1")
    await platform.until_said("/model is not for you here")
    await platform.say("/undo", user="g1")
    await platform.until_said("/undo is not for you here")


async def test_members_change_nothing_of_the_owners(gateway, platform):
    await gateway(**GROUP)
    for command in ("sethome", "roles", "model", "platforms", "tools"):
        await platform.say(f"/{command}", user="m1", chat="m")
        await platform.until_said(f"/{command} is not for you here")
    await platform.say("/sethome", chat="home")
    await platform.until_said("is the home of testing")


async def test_a_prefix_does_not_get_around_what_is_allowed(gateway, platform):
    await gateway(**GROUP)
    await platform.say("/mod x", user="m1")
    await platform.until_said("/model is not for you here")


async def test_nobody_goes_on_with_somebody_elses_session(gateway, platform):
    running = await gateway("the owner's secret", "for the member", **GROUP)
    await platform.say("mine", chat="a")
    await platform.until_said("the owner's secret")
    [(session,)] = running.rows("SELECT session FROM conversations")
    running.host.session(session).rename("Plans")
    for reference in (session, session[:-2], "Plans"):
        await platform.say(f"/resume {reference}", user="m1", chat="b")
    await platform.until(lambda: sum("You have no conversation" in text for text in platform.texts("b")) == 3)
    await platform.say("/sessions", user="m1", chat="b")
    await platform.until_said("There are no conversations yet")


async def test_in_a_group_only_its_own_sessions_are_listed(gateway, platform):
    running = await gateway("private words", "group words")
    await platform.say("my secret plan", chat="a")
    await platform.until_said("private words")
    await platform.say("hello all", chat="g", kind="group")
    await platform.until_said("group words")
    await platform.say("/sessions", chat="g", kind="group")
    said = await platform.until_said("/resume ID")
    assert "hello all" in said.text
    assert "secret" not in said.text
    assert running.rows("SELECT COUNT(*) FROM owned_sessions") == [(2,)]


async def test_a_turn_without_a_sign_is_told_by_status(gateway, platform, hanging):
    hang, begun = hanging
    await gateway(hang, gateway={"quiet_seconds": 1e-9})
    await platform.say("do it")
    await begun.wait()
    await platform.say("/status")
    await platform.until_said("without a sign")


async def test_every_command_of_the_host_can_be_used(gateway, platform):
    await gateway("one")
    await platform.say("first")
    await platform.until_said("one")
    await platform.say("/title My talk")
    await platform.until_said("Title: My talk")
    await platform.say("/model")
    await platform.until_said("Model: `scripted:scripted`")
    await platform.say("/fork")
    await platform.until_said("Going on in a copy")
    await platform.say("/history")
    await platform.until_said("**You:** first")
    await platform.say("/reasoning high")
    await platform.until_said("high")
    await platform.say("/quit")
    await platform.until_said("/quit is not for you here")


async def test_a_tool_that_hangs_is_left_behind_within_a_second(gateway, platform):
    begun = asyncio.Event()

    async def stuck() -> str:
        """Hang."""
        begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if done:
                    raise

    done = []
    running = await gateway(assistant_message(ToolCall(id="1", name="stuck", arguments={})), "again", start=False)
    running.host.tool(stuck)
    await running.start()
    await platform.say("go")
    await begun.wait()
    await platform.say("next")
    await platform.until_said("again", timeout=2)
    done.append(True)
