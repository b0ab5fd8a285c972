"""A review that fails, hangs or loops, and what the conversation notices of it: nothing."""

from __future__ import annotations

import asyncio

from hermes_host.errors import AuthFailed
from hermes_host.testing import events_of, finished


async def test_a_failing_review_is_noted_once_and_disturbs_nobody(world):
    await world.open()
    world.model.reviews = [AuthFailed("the key is wrong")] * 3
    await world.talk(10)
    assert world.told == []
    assert (await world.say("Go on.")).outcome == "completed"
    problems = world.host.plugins.record("learning").problems
    assert len(problems) == 1
    assert "the key is wrong" in problems[0].line()
    assert len(world.model.asked) == 1


async def test_what_failed_is_tried_again_later_and_not_at_once(world, kit):
    await world.open()
    world.model.reviews = [AuthFailed("the key is wrong")]
    await world.talk(14)
    assert len(world.model.asked) == 1
    learner = await world.learner()
    debt = learner.debts.get(world.session.id)
    assert debt.error and debt.attempts == 1
    import msgspec

    learner.debts.put(world.session.id, msgspec.structs.replace(debt, not_before=0.0))
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.say("Go on.")
    assert world.notebook.entries == [["memory", "user", "Likes tea."]]
    assert learner.debts.get(world.session.id) is None


async def test_after_five_failures_it_is_given_up(world):
    import msgspec

    await world.open()
    world.model.reviews = [AuthFailed("the key is wrong")] * 9
    await world.talk(9)
    learner = await world.learner()
    for _ in range(8):
        await world.say("Go on.")
        debt = learner.debts.get(world.session.id)
        if debt is not None:
            learner.debts.put(world.session.id, msgspec.structs.replace(debt, not_before=0.0))
    assert len(world.model.asked) == 5
    assert learner.debts.get(world.session.id) is None


async def test_a_review_under_way_does_not_keep_the_next_turn_waiting_and_there_is_only_one(world, kit):
    await world.open()
    hold, asked, release = kit.held("Nothing to save.")
    world.model.reviews = [hold]
    await world.talk(9)
    await events_of(world.session.run("The tenth."))
    await asyncio.wait_for(asked.wait(), 5)
    for text in ("The eleventh.", "The twelfth."):
        events = await asyncio.wait_for(events_of(world.session.run(text)), 5)
        assert finished(events).outcome == "completed"
    assert len(world.model.asked) == 1
    release.set()
    await world.settle()
    await world.say("The thirteenth.")
    assert len(world.model.asked) == 1


async def test_a_review_that_never_ends_ends_at_its_limit_of_steps(world, kit):
    await world.open()
    world.overrides = {}
    world.model.reviews = [kit.calling("memory", action="add", content=f"Fact {n}.") for n in range(30)]
    await world.talk(10)
    assert len(world.model.asked) <= 9
    assert world.told == ["💾 Memory updated"]


async def test_the_conversation_itself_is_left_as_it_was(world, kit):
    await world.open()
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.talk(10)
    texts = [message.text for message in world.session.messages]
    assert len(texts) == 20
    assert not any("[Review]" in text for text in texts)
    prefix = [request.messages for request in world.model.requests if request not in world.model.asked]
    assert all(list(after[: len(before)]) == list(before) for before, after in zip(prefix, prefix[1:], strict=False))


async def test_the_review_is_a_conversation_of_its_own_below_the_other_one(world, kit):
    await world.open()
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.talk(10)
    (review,) = world.reviews()
    assert (review.parent, review.source) == (world.session.id, "learning")
    assert {request.session_id for request in world.model.asked} == {review.id}


async def test_the_model_for_reviews_can_be_another_one(world):
    world.overrides = {"auxiliary": {"review": {"model": "small"}}}
    await world.open()
    await world.talk(10)
    assert {request.model for request in world.model.asked} == {"small"}
    assert {request.model for request in world.model.requests if request not in world.model.asked} == {"scripted"}


async def test_without_a_setting_it_is_the_conversations_own(world):
    await world.open()
    await world.session.use_model("scripted:large")
    await world.talk(10)
    assert {request.model for request in world.model.asked} == {"large"}


async def test_its_cost_is_its_own_in_the_ledger(world, kit):
    from hermes_host.services import Accounts

    await world.open("accounting")
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.talk(10)
    (review,) = world.reviews()
    accounts = await world.host.services.get(Accounts)
    assert accounts.of_session(review.id).calls == 2
    assert accounts.of_session(world.session.id).calls == 10


async def test_a_reference_in_a_quoted_correction_attaches_nothing(world, kit):
    (world.home / "plan.txt").write_text("THE PLAN", encoding="utf-8")
    await world.open("context")
    world.model.turns = [kit.calling("skill_view", name="deploy"), "Done."]
    await world.say("Deploy it.")
    await world.say(f"No, that's wrong, see @file:{world.home / 'plan.txt'}")
    prompt = world.model.asked[0].messages[-1]
    assert "that's wrong, see (at)file:" in prompt.text
    assert "THE PLAN" not in prompt.text
