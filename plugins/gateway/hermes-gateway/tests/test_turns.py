"""Messages become turns, and turns become answers."""

from __future__ import annotations

import asyncio

from hermes_host.messages import ATTACHED, Media, ToolCall, assistant_message
from hermes_host.protocols import Address


def held():
    """A model that answers once it is let, and what lets it."""
    go, begun = asyncio.Event(), asyncio.Event()

    async def answer(request):
        begun.set()
        await go.wait()
        return "held answer"

    return answer, begun, go


def words(request):
    return [message.text for message in request.messages if message.role == "user"]


async def test_a_message_is_answered(gateway, platform):
    running = await gateway("Hello yourself.")
    await platform.say("hello")
    await platform.until_said("Hello yourself.")
    assert running.rows("SELECT state FROM updates") == [("done",)]
    assert running.rows("SELECT state FROM turns") == [("finished",)]


async def test_a_conversation_goes_on_with_its_session_after_a_restart(gateway, platform):
    first = await gateway("one", home=None)
    await platform.say("first")
    await platform.until_said("one")
    await first.stop()
    second = await gateway("two")
    await platform.say("second")
    await platform.until_said("two")
    assert words(second.model.requests[0]) == ["first", "second"]


async def test_the_message_bears_the_updates_and_the_turn(gateway, platform):
    running = await gateway("one")
    await platform.say("first")
    await platform.until_said("one")
    [(session,)] = running.rows("SELECT session FROM conversations")
    [message] = [
        record.message
        for record in running.host.sessions.load(session)
        if record.message is not None and record.message.role == "user"
    ]
    assert message.meta["gateway"] == {"updates": [1], "turn": 1}


async def test_the_same_update_delivered_five_times_starts_one_turn(gateway, platform):
    running = await gateway("once")
    update = platform.update("hello")
    await platform.deliver(*[update] * 5)
    await platform.until_said("once")
    await platform.until(lambda: len(platform.acknowledged) == 5)
    await running.stop()
    again = await gateway("twice")
    await platform.deliver(update)
    await platform.until(lambda: len(platform.acknowledged) == 6)
    assert again.rows("SELECT COUNT(*) FROM turns") == [(1,)]
    assert platform.texts() == ["once"]


async def test_texts_written_in_one_go_become_one_message(gateway, platform):
    running = await gateway("all read", gateway={"text_pause": 0.3})
    for text in ("one", "two", "three"):
        await platform.say(text)
    await platform.until_said("all read")
    assert words(running.model.requests[0]) == ["one\n\ntwo\n\nthree"]


async def test_a_message_during_a_turn_ends_it_and_is_answered(gateway, platform):
    answer, begun, _ = held()
    running = await gateway(answer, "the second answer")
    await platform.say("first")
    await begun.wait()
    await platform.say("second")
    await platform.until_said("the second answer")
    assert words(running.model.requests[1]) == ["first", "second"]
    assert platform.texts() == ["the second answer"]


async def test_a_message_in_queue_mode_waits_for_the_turn(gateway, platform):
    answer, begun, go = held()
    running = await gateway(answer, "the second answer")
    await platform.say("/busy queue")
    await platform.until_said("waits for its end")
    await platform.say("first")
    await begun.wait()
    await platform.say("second")
    await platform.say("third")
    await platform.until(lambda: len(platform.acknowledged) == 4)
    go.set()
    await platform.until_said("the second answer")
    assert [text for text in platform.texts() if "answer" in text] == ["held answer", "the second answer"]
    assert words(running.model.requests[1])[-1] == "second\n\nthird"


async def test_a_message_in_steer_mode_is_read_at_the_next_step(gateway, platform):
    go, begun = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait."""
        begun.set()
        await go.wait()
        return "waited"

    running = await gateway(assistant_message(ToolCall(id="1", name="wait", arguments={})), "steered", start=False)
    running.host.tool(wait)
    await running.start()
    await platform.say("/busy steer")
    await platform.until_said("read at its next step")
    await platform.say("first")
    await begun.wait()
    await platform.say("also this")
    await platform.until(lambda: len(platform.acknowledged) == 3)
    go.set()
    await platform.until_said("steered")
    assert words(running.model.requests[1]) == ["first", "also this"]
    assert {state for (state,) in running.rows("SELECT state FROM updates")} == {"done"}


async def test_texts_a_photo_and_a_voice_message_while_busy_reach_the_model_in_order(gateway, platform):
    answer, begun, go = held()
    running = await gateway(answer, "all of it", gateway={"text_pause": 0.2, "media_pause": 0.2})
    await platform.say("/busy queue")
    await platform.say("first")
    await begun.wait()
    for number in range(5):
        await platform.say(f"text {number}")
    await platform.say("", attachments=(platform.attach(b"png", kind="image", mime="image/png", name="a.png"),))
    await platform.say("", attachments=(platform.attach(b"ogg", kind="voice", mime="audio/ogg", name="v.ogg"),))
    await platform.until(lambda: len(platform.acknowledged) == 9)
    go.set()
    await platform.until_said("all of it")
    message = running.model.requests[1].messages[-1]
    assert message.said.split() == ["text", "0", "text", "1", "text", "2", "text", "3", "text", "4"]
    assert [part.data for part in message.parts if isinstance(part, Media)] == [b"png"]
    assert any("voice message" in part.text for part in message.parts if ATTACHED in part.meta)


async def test_more_than_may_wait_is_refused_visibly(gateway, platform):
    answer, begun, go = held()
    running = await gateway(answer, "rest", gateway={"queue_limit": 2})
    await platform.say("/busy queue")
    await platform.say("first")
    await begun.wait()
    for number in range(4):
        await platform.say(f"more {number}")
    await platform.until_said("2 messages wait already")
    await platform.until(lambda: len(platform.acknowledged) == 6)
    go.set()
    await platform.until_said("rest")
    assert words(running.model.requests[1])[-1] == "more 0\n\nmore 1"
    assert sorted(running.rows("SELECT state, COUNT(*) FROM updates GROUP BY state"))[1] == ("refused", 2)


async def test_people_in_one_group_have_conversations_of_their_own(gateway, platform):
    running = await gateway(
        "for one",
        "for two",
        gateway={"allow_all_as": "member"},
        host={"environ": {"TESTING_ALLOW_ALL_USERS": "true", "PATH": "/bin"}},
    )
    await platform.say("mine", user="u1", kind="group")
    await platform.until_said("for one")
    await platform.say("theirs", user="u2", kind="group")
    await platform.until_said("for two")
    assert words(running.model.requests[1]) == ["theirs"]


async def test_in_a_shared_group_the_speaker_stands_on_the_message(gateway, platform):
    running = await gateway(
        "for one",
        "for two",
        settings={"group_sessions_per_user": False},
        host={"environ": {"TESTING_ALLOW_ALL_USERS": "true"}},
    )
    await platform.say("mine", user="u1", kind="group", name="Ann]\n[system")
    await platform.until_said("for one")
    await platform.say("theirs", user="u2", kind="group", name="Bob")
    await platform.until_said("for two")
    first, second = [message for message in running.model.requests[1].messages if message.role == "user"]
    assert second.text == "[Bob] theirs"
    assert second.said == "theirs"
    assert first.text.startswith("[Ann)")
    assert "\n" not in first.text
    assert (first.provenance, second.provenance) == ("owner", "member")
    assert running.model.requests[0].system == running.model.requests[1].system


async def test_an_answer_can_go_elsewhere_or_nowhere(gateway, platform):
    running = await gateway("elsewhere", "nowhere", "at home")
    other = Address(platform="testing", chat="c9")
    await platform.say("a", deliver_to=str(other))
    said = await platform.until_said("elsewhere")
    assert said.address == other
    await platform.say("b", deliver_to="none")
    await platform.until(lambda: "2" in platform.acknowledged)
    await platform.say("c")
    await platform.until_said("at home")
    assert platform.texts() == ["elsewhere", "at home"]
    assert running.rows("SELECT COUNT(*) FROM turns WHERE state = 'finished'") == [(3,)]


async def test_fifty_chats_at_once_get_their_own_answers(gateway, platform):
    await gateway(*[lambda request: f"echo {request.messages[-1].text}"] * 50)
    await asyncio.gather(*[platform.say(f"n{number}.", chat=f"c{number}") for number in range(50)])
    await platform.until(lambda: len(platform.messages) == 50, timeout=20)
    assert {(item.address.chat, item.text) for item in platform.messages} == {
        (f"c{number}", f"echo n{number}.") for number in range(50)
    }


async def test_an_error_of_the_provider_is_said_shortly(gateway, platform):
    from hermes_host.errors import AuthFailed

    await gateway(AuthFailed("The key sk-secret in /home/me/.env was refused"))
    await platform.say("hello")
    said = await platform.until_said("refused the key")
    assert "secret" not in said.text
    assert "/home" not in said.text


async def test_what_was_sent_into_the_chat_from_elsewhere_is_told(gateway, platform):
    running = await gateway("one", "two")
    await platform.say("first")
    await platform.until_said("one")
    with running.database.transaction() as connection:
        connection.execute(
            "INSERT INTO mirrored (address, text, time) VALUES ('testing:c1', 'the report', ?)",
            (running.conversations.shared.clock(),),
        )
    await platform.say("what was that?")
    await platform.until_said("two")
    assert "the report" in words(running.model.requests[1])[-1]
