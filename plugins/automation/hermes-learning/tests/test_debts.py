"""Debts: reviews that no process has made yet."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from hermes_host.testing import events_of


@pytest.fixture
async def owing(world):
    """A home in which a conversation of eight messages was killed; gives its id."""
    await world.open()
    await world.talk(8)
    session_id = world.session.id
    await world.die()
    return session_id


async def test_a_killed_conversation_is_reviewed_at_the_next_start(world, kit, owing):
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.open()
    await world.say("Hello.")
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    assert world.told == ["💾 From an earlier conversation: user profile updated"]
    (review,) = world.reviews()
    assert review.parent == owing
    await world.close()
    await world.open()
    await world.say("Hello.")
    assert len(world.reviews()) == 1


async def test_nothing_is_paid_before_a_turn_was_held(world, owing):
    await world.open()
    await world.settle()
    assert world.model.asked == []


async def test_a_conversation_of_a_few_messages_is_no_debt(world):
    await world.open()
    await world.talk(5)
    await world.die()
    await world.open()
    await world.say("Hello.")
    assert world.model.asked == []


async def test_one_that_was_deleted_is_forgotten(world, owing):
    await world.open()
    world.host.forget(owing)
    await world.say("Hello.")
    assert world.model.asked == []
    assert (await world.learner()).debts.ids() == []


async def test_one_that_another_process_holds_is_left_alone(world, owing):
    code = (
        "import sys, pathlib, signal; from hermes_host.host import Host\n"
        "host = Host(home=pathlib.Path(sys.argv[1]), plugins=[])\n"
        "writer = host.sessions.open(sys.argv[2]); print('open', flush=True); signal.pause()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(world.home), owing, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await process.stdout.readline() == b"open\n"
        await world.open()
        await world.say("Hello.")
        assert world.model.asked == []
        assert (await world.learner()).debts.ids() == [owing]
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_what_is_reviewed_while_another_process_opens_the_conversation_is_not_reviewed_again(world, kit, owing):
    hold, asked, release = kit.held(kit.remembering("Likes tea."))
    world.model.reviews = [hold, "Done."]
    await world.open()
    await events_of(world.session.run("Hello."))
    await asyncio.wait_for(asked.wait(), 5)
    other = kit.World(world.home)
    await other.open(resume=owing)
    release.set()
    await world.settle()
    await world.close()
    await other.say("The ninth.")
    await other.say("The tenth.")
    assert other.model.asked == []
    await other.close()
    await world.open()
    await world.say("Hello.")
    assert (await world.learner()).debts.ids() == []
    assert len(world.reviews()) == 1


async def test_a_damaged_debt_harms_nobody(world, owing):
    await world.open()
    learner = await world.learner()
    learner.debts._file(owing).write_bytes(b"{torn")
    assert (await world.say("Hello.")).outcome == "completed"
    assert world.model.asked == []


async def test_no_more_than_three_are_paid_at_once(world):
    await world.open()
    for _ in range(5):
        world.session = await world.host.start(yolo=True)
        await world.talk(7)
    await world.die()
    await world.open()
    await world.say("Hello.")
    assert len(world.model.asked) == 3
    await world.die()
    await world.open()
    await world.say("Hello.")
    assert len(world.model.asked) == 5


async def test_a_conversation_whose_model_is_gone_is_reviewed_by_the_one_of_now(world, kit):
    await world.open()
    world.host.use_provider(world.host._parts["providers", "program", "scripted"], name="old")
    await world.session.use_model("old:model")
    await world.talk(7)
    await world.die()
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.open()
    await world.say("Hello.")
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]


async def test_a_review_that_was_noted_is_not_taken_for_one_that_was_cut_off(world, kit):
    world.overrides = {"memory.nudge_interval": 1}
    await world.open()
    world.model.turns = [kit.calling("skill_view", name="deploy"), "Deployed."]
    await world.say("Deploy it.")
    hold, asked, _ = kit.held("Nothing to save.")
    world.model.reviews = [hold]
    await events_of(world.session.run("No, you should have run the tests first."))
    await asyncio.wait_for(asked.wait(), 5)
    await world.die()
    world.model.reviews = [kit.calling("skill_manage", action="patch", name="deploy", content="tests"), "Done."]
    world.overrides = {}
    await world.open()
    await world.say("Hello.")
    assert ["skill", "patch", "deploy", "tests"] in world.notebook.entries
    assert "The skill 'deploy' was in use here" in world.model.asked[-1].messages[-3].text
