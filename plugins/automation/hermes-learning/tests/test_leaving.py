"""What happens when a conversation is left, begun anew or compacted with things unreviewed."""

from __future__ import annotations

import asyncio
import time

import pytest


async def test_leaving_after_six_messages_waits_for_a_review_and_says_so_before(world, kit):
    await world.open()
    world.model.reviews = [kit.remembering("Likes tea."), "Nothing to save."]
    await world.talk(6)
    await world.session.close()
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    assert world.told == ["💾 Keeping what was learnt (at most 25 s) …", "💾 User profile updated"]


async def test_leaving_earlier_costs_nothing(world):
    await world.open()
    await world.talk(5)
    began = time.monotonic()
    await world.session.close()
    assert time.monotonic() - began < 1
    assert world.model.asked == [] and world.told == []


async def test_leaving_what_was_reviewed_costs_nothing(world):
    await world.open()
    await world.talk(10)
    assert len(world.model.asked) == 1
    await world.talk(5)
    await world.session.close()
    assert len(world.model.asked) == 1


async def test_a_conversation_that_was_only_looked_at_is_left_without_a_review(world, kit):
    await world.open()
    await world.talk(7)
    session_id = world.session.id
    await world.die()
    await world.open(resume=session_id)
    await world.session.close()
    assert world.model.asked == []


async def test_leaving_waits_no_longer_than_it_says_and_leaves_the_rest_to_the_next_start(world, kit):
    world.overrides = {"learning.exit_wait": 0.3}
    await world.open()
    hold, asked, _ = kit.held("Nothing to save.")
    world.model.reviews = [hold]
    await world.talk(6)
    began = time.monotonic()
    await world.close()
    assert asked.is_set()
    assert time.monotonic() - began < 3
    world.model.reviews = [kit.remembering("Likes tea."), "Nothing to save."]
    await world.open()
    await world.say("Hello again.")
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    assert world.told[-1] == "💾 From an earlier conversation: user profile updated"
    await world.say("And again.")
    assert len(world.notebook.entries) == 1


async def test_with_no_time_allowed_leaving_does_not_wait_and_the_next_start_pays(world, kit):
    world.overrides = {"learning.exit_wait": 0}
    await world.open()
    await world.talk(6)
    await world.close()
    assert world.model.asked == [] and world.told == []
    world.model.reviews = [kit.remembering("Likes tea."), "Nothing to save."]
    await world.open()
    await world.say("Hello again.")
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]


async def test_a_new_conversation_lets_the_review_of_the_old_one_run_on(world, kit):
    world.overrides = {"learning.exit_wait": 0.2}
    await world.open()
    hold, asked, release = kit.held(kit.remembering("Likes tea."))
    world.model.reviews = [hold, "Nothing to save."]
    await world.talk(6)
    old = world.session
    await old.close("new_session")
    assert asked.is_set()
    release.set()
    await world.host.background.settle(5)
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    info = world.host.sessions.find(old.id)
    assert info.ended == "new_session"
    records = world.host.sessions.load(old.id)
    assert [record.name for record in records if record.name.startswith("learning.")] == ["learning.reviewed"]
    assert (await world.learner()).debts.ids() == []


async def test_marking_a_conversation_that_is_over_changes_neither_its_time_nor_its_end(world, kit):
    world.overrides = {"learning.exit_wait": 0}
    await world.open()
    await world.talk(6)
    old = world.session.id
    await world.session.close("new_session")
    before = world.host.sessions.find(old)
    world.session = await world.host.start(yolo=True)
    await world.say("Hello.")
    after = world.host.sessions.find(old)
    assert len(world.model.asked) == 1
    assert (after.updated, after.ended) == (before.updated, before.ended)


async def test_many_conversations_left_at_once_share_one_wait(world, kit):
    world.overrides = {"learning.exit_wait": 0.4}
    await world.open()
    sessions = [await world.host.start(yolo=True) for _ in range(4)]
    holds = [kit.held("Nothing to save.") for _ in sessions]
    world.model.reviews = [hold for hold, _, _ in holds]
    for world.session in sessions:
        await world.talk(6)
    began = time.monotonic()
    await world.close()
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("setting", [{"memory.flush_min_turns": 0}, {"learning.enabled": False}])
async def test_where_it_is_switched_off_leaving_never_waits(world, setting):
    world.overrides = setting
    await world.open()
    await world.talk(8)
    await world.session.close()
    assert world.model.asked == []


async def test_before_a_compaction_the_review_runs_beside_the_conversation(world, kit):
    await world.open()
    hold, asked, release = kit.held(kit.remembering("Likes tea."))
    world.model.reviews = [hold, "Nothing to save."]
    await world.say("One.")
    began = time.monotonic()
    await world.session.flush(tuple(world.session.messages), "compaction")
    assert time.monotonic() - began < 1
    await asyncio.wait_for(asked.wait(), 5)
    release.set()
    await world.settle()
    assert world.told == ["💾 User profile updated"]
    await world.session.flush(tuple(world.session.messages), "compaction")
    await world.settle()
    assert len({request.session_id for request in world.model.asked}) == 1


async def test_leaving_waits_for_a_review_that_is_under_way_and_makes_no_second_one(world, kit):
    await world.open()
    hold, asked, release = kit.held(kit.remembering("Likes tea."))
    world.model.reviews = [hold, "Nothing to save."]
    await world.talk(9)
    from hermes_host.testing import events_of

    await events_of(world.session.run("The tenth."))
    await asyncio.wait_for(asked.wait(), 5)
    asyncio.get_running_loop().call_later(0.2, release.set)
    await world.session.close()
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    assert len({request.session_id for request in world.model.asked}) == 1


async def test_compressing_has_the_conversation_reviewed_and_the_prompt_made_anew(world, kit):
    from hermes_host.frontends import SlashCall
    from hermes_host.messages import Text, ToolResult, assistant_message, tool_message, user_message
    from hermes_host.slash import find, run

    await world.open("compress")
    await world.say("Hello.")
    for number in range(20):
        call = kit.call("work")
        result = ToolResult(call_id=call.id, name="work", content=(Text(text="long " * 400),))
        for message in (user_message(f"Part {number}."), assistant_message(call), tool_message(result)):
            world.session.append(message, "before")
        world.session.append(assistant_message("Fine."), "before")
    world.model.reviews = [kit.remembering("Likes tea."), "Nothing to save."]
    command = await find(world.host, world.session, "compress")
    arguments = SlashCall(name="compress", arguments="", host=world.host, session=world.session)
    assert "tokens" in await run(command, arguments)
    await world.settle()
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    assert world.told == ["💾 User profile updated"]
    assert len(world.session.messages) == 82
