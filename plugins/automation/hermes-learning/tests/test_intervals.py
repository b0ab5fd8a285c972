"""When a conversation is reviewed by itself, and when it is not."""

from __future__ import annotations

import pytest


async def test_after_ten_messages_of_the_user_memory_is_reviewed(world, kit):
    await world.open()
    world.model.reviews = [kit.remembering("Likes short answers."), "Nothing to save."]
    await world.talk(9)
    assert world.model.asked == []
    await world.talk(1)
    assert world.notebook.entries == [["memory", "user", "Likes short answers."]]
    assert world.told == ["💾 User profile updated"]


async def test_after_ten_steps_with_tools_skills_are_reviewed(world, kit):
    await world.open()
    world.model.turns = [*[kit.calling("work") for _ in range(10)], "Done."]
    world.model.reviews = [kit.calling("skill_manage", action="create", name="deploy", content="…")]
    await world.say("Deploy it.")
    assert world.notebook.entries == [["skill", "create", "deploy", "…"]]
    assert world.told == ["💾 Skill created: deploy"]
    assert {tool.name for tool in world.model.asked[0].tools} == {"skill_manage", "skill_view"}


async def test_where_nothing_was_worth_saving_nobody_is_told(world):
    await world.open()
    await world.talk(10)
    assert len(world.model.asked) == 1
    assert world.told == []


async def test_the_next_review_comes_after_the_next_interval_and_sees_only_what_is_new(world):
    await world.open()
    await world.talk(10)
    await world.talk(9)
    assert len(world.model.asked) == 1
    await world.say("The twentieth.")
    first, second = (" ".join(message.text for message in request.messages) for request in world.model.asked)
    assert "Message 0." in first and "The twentieth." in second
    assert len(world.model.asked[1].messages) == len(world.model.asked[0].messages)


async def test_using_memory_begins_the_interval_anew(world, kit):
    await world.open()
    await world.talk(9)
    world.model.turns = [kit.remembering("A fact.")]
    await world.talk(10)
    assert world.model.asked == []
    await world.talk(1)
    assert len(world.model.asked) == 1


async def test_writing_a_skill_begins_the_interval_anew(world, kit):
    await world.open()
    work = [kit.calling("work") for _ in range(9)]
    world.model.turns = [*work, kit.calling("skill_manage", action="create", name="x", content=""), *work, "Done."]
    await world.say("Work.")
    assert world.model.asked == []


async def test_a_restart_and_a_resume_change_nothing(world):
    await world.open()
    await world.talk(5)
    session_id = world.session.id
    await world.die()
    await world.open(resume=session_id)
    await world.talk(4)
    assert world.model.asked == []
    await world.talk(1)
    assert len(world.model.asked) == 1
    await world.die()
    await world.open(resume=session_id)
    await world.talk(9)
    assert len(world.model.asked) == 1


async def test_an_interrupted_or_failed_turn_is_not_followed_by_a_review(world):
    from hermes_host.errors import BadRequest

    await world.open()
    await world.talk(9)
    world.model.turns = [BadRequest("no")]
    assert (await world.say("The tenth.")).outcome == "failed"
    assert world.model.asked == []
    await world.say("The eleventh.")
    assert len(world.model.asked) == 1


@pytest.mark.parametrize(
    "overrides",
    [{"learning.enabled": False}, {"memory.nudge_interval": 0, "skills.creation_nudge_interval": 0}],
)
async def test_what_is_switched_off_does_not_happen(world, kit, overrides):
    world.overrides = overrides
    await world.open()
    world.model.turns = [*[kit.calling("work") for _ in range(12)], "Done."]
    await world.talk(12)
    assert world.model.asked == []


async def test_without_the_tool_nothing_is_reviewed_for_it(world, kit):
    await world.open()
    world.session = await world.host.start(yolo=True, toolsets=["work", "skills"])
    await world.talk(12)
    assert world.model.asked == []


@pytest.mark.parametrize("source", ["learning", "subagent", "batch", "tool"])
async def test_work_behind_other_work_is_never_reviewed(world, source):
    await world.open()
    world.session = await world.host.start(yolo=True, source=source)
    await world.talk(12)
    await world.session.close()
    assert world.model.asked == []


async def test_an_undone_turn_is_not_shown_to_the_review(world):
    await world.open()
    await world.say("A secret I take back.")
    world.session.undo()
    await world.talk(11)
    assert world.model.asked
    assert "take back" not in " ".join(message.text for message in world.model.asked[0].messages)
