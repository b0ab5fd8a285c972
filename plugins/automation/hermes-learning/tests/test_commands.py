"""`hermes learning` and `/learning`, through the command line that users have."""

from __future__ import annotations

import json
import os
import time

import pytest
from click.testing import CliRunner
from hermes_learning.commands import learning

from hermes_host.cli.application import Application
from hermes_host.frontends import SlashCall
from hermes_host.slash import find, run


@pytest.fixture
def hermes(world):
    """Use a command in a process of its own, as far as this one can be that."""

    async def use(*arguments: str) -> tuple[int, str]:
        import asyncio

        await world.close()

        def inside():
            host = world.make()
            application = Application(_host=host)
            return CliRunner().invoke(learning, arguments, obj=application)

        outcome = await asyncio.to_thread(inside)
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome.exit_code, outcome.output

    return use


def skill(world, name: str, description: str, age_days: float = 0) -> None:
    path = world.home / "skills" / name / "SKILL.md"
    path.parent.mkdir(parents=True)
    path.write_text(f"---\nname: {name}\ndescription: {description}\n---\nDo it.\n", encoding="utf-8")
    then = time.time() - age_days * 86_400
    os.utime(path, (then, then))


def memory(world, *entries: str) -> None:
    path = world.home / "memories" / "MEMORY.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n§\n".join(entries), encoding="utf-8")


async def slash(world, arguments: str = "") -> str:
    call = SlashCall(name="learning", arguments=arguments, host=world.host, session=world.session)
    return await run(await find(world.host, world.session, "learning"), call)


async def test_status_says_what_is_set_and_what_it_cost(world, kit, hermes):
    await world.open()
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.talk(10)
    code, text = await hermes("status")
    assert code == 0
    assert "Memory is reviewed after 10 of your messages, skills after 10 steps with tools." in text
    assert "Last 30 days: 1 review, 1 change, 30 tokens" in text
    _, text = await hermes("status", "--json")
    assert json.loads(text)["reviews"] == 1


async def test_history_lists_reviews_with_what_they_changed(world, kit, hermes):
    await world.open()
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    await world.talk(10)
    session_id = world.session.id
    _, text = await hermes("history", "--json")
    (review,) = json.loads(text)
    assert review["session"] == session_id
    assert (review["changed"], review["kinds"], review["reason"]) == (["user profile updated"], ["memory"], "interval")
    _, text = await hermes("history")
    assert "user profile updated" in text


async def test_a_conversation_can_be_reviewed_when_asked_for_and_only_once(world, kit, hermes):
    await world.open()
    await world.say("I like tea.")
    await world.close()
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    code, text = await hermes("review")
    assert (code, text) == (0, "Reviewing …\nUser profile updated\n")
    code, text = await hermes("review")
    assert "Nothing was worth saving." in text
    assert len({request.session_id for request in world.model.asked}) == 1


async def test_a_failure_of_an_asked_review_is_told(world, hermes):
    from hermes_host.errors import AuthFailed, HermesError

    await world.open()
    await world.say("I like tea.")
    world.model.reviews = [AuthFailed("the key is wrong")]
    with pytest.raises(HermesError, match="the key is wrong"):
        await hermes("review")


async def test_stale_skills_and_repeated_or_overfull_memories_are_proposed(world, hermes):
    skill(world, "old", "Draw maps of small islands by hand", age_days=200)
    skill(world, "deploy", "Deploy the web service to the staging cluster")
    skill(world, "deployment", "Deploy a web service to the staging cluster", age_days=1)
    skill(world, "tea", "Brew green tea at the right temperature")
    memory(world, "The user prefers tabs over spaces.", "User prefers tabs over spaces!", "x" * 2100)
    await world.open()
    _, text = await hermes("curate", "--json")
    found = [(each["action"], each["subjects"]) for each in json.loads(text)]
    assert found == [
        ("retire", ["old"]),
        ("merge", ["deploy", "deployment"]),
        ("drop", ["memory", "User prefers tabs over spaces!", "The user prefers tabs over spaces."]),
        ("condense", ["memory"]),
    ]
    _, text = await hermes("curate")
    assert "`hermes learning curate --apply NR` does it." in text
    assert (world.home / "skills" / "old" / "SKILL.md").exists()


async def test_a_proposal_is_applied_through_the_tool_and_only_when_asked(world, hermes):
    skill(world, "old", "Draw maps of small islands by hand", age_days=200)
    await world.open()
    await hermes("curate")
    assert world.notebook.entries == []
    _, text = await hermes("curate", "--apply", "1")
    assert "Deleted the skill 'old'." in text
    assert world.notebook.entries == [["skill", "delete", "old", ""]]


async def test_a_proposal_whose_ground_has_changed_is_not_applied(world, hermes):
    from hermes_host.errors import NotFound

    skill(world, "old", "Draw maps of small islands by hand", age_days=200)
    await world.open()
    await hermes("curate")
    path = world.home / "skills" / "old" / "SKILL.md"
    path.write_text(path.read_text(encoding="utf-8") + "More.\n", encoding="utf-8")
    with pytest.raises(NotFound, match="no longer holds"):
        await hermes("curate", "--apply", "1")
    assert world.notebook.entries == []


async def test_a_number_that_was_never_shown_is_refused(world, hermes):
    from hermes_host.errors import NotFound

    await world.open()
    with pytest.raises(NotFound, match="no proposal 7"):
        await hermes("curate", "--apply", "7")


async def test_a_merge_deletes_the_other_skill_only_when_the_model_changed_the_first(world, kit, hermes):
    from hermes_host.errors import HermesError

    skill(world, "deploy", "Deploy the web service to the staging cluster")
    skill(world, "deployment", "Deploy a web service to the staging cluster", age_days=1)
    await world.open()
    await hermes("curate")
    world.model.turns = ["I would rather not."]
    with pytest.raises(HermesError, match="was not deleted"):
        await hermes("curate", "--apply", "1")
    assert world.notebook.entries == []
    world.model.turns = [kit.calling("skill_manage", action="patch", name="deploy", content="both"), "Done."]
    await hermes("curate", "--apply", "1")
    assert [entry[1:3] for entry in world.notebook.entries] == [["patch", "deploy"], ["delete", "deployment"]]


async def test_what_others_bring_is_not_proposed(world, hermes):
    skill(world, "bundled", "Draw maps of small islands by hand", age_days=200)
    skill(world, "hub", "Bake bread in a wood fired oven", age_days=200)
    (world.home / "skills" / ".bundled_manifest").write_text("bundled:abc\n", encoding="utf-8")
    (world.home / "skills" / ".hub").mkdir()
    (world.home / "skills" / ".hub" / "lock.json").write_text('{"installed": {"hub": {}}}', encoding="utf-8")
    await world.open()
    assert "nothing to tidy up" in (await hermes("curate"))[1]


async def test_the_slash_command_shows_the_counters_and_begins_a_review(world, kit):
    await world.open()
    await world.talk(3)
    assert "3 of 10 messages" in await slash(world)
    world.model.reviews = [kit.remembering("Likes tea."), "Done."]
    assert "in the background" in await slash(world, "review")
    await world.settle()
    assert world.told == ["💾 User profile updated"]
    assert "0 of 10 messages" in await slash(world, "status")
    assert "user profile updated" in await slash(world, "history")
    assert "nothing to tidy up" in await slash(world, "curate")
    assert "Use `/learning`" in await slash(world, "sing")


async def test_doctor_tells_of_missing_tools_and_of_failed_reviews(world):
    from hermes_learning.checks import reviews

    from hermes_host.errors import AuthFailed

    await world.open()
    results = await reviews(world.host.context("learning"))
    assert [result.status for result in results] == ["ok", "ok"]
    world.model.reviews = [AuthFailed("the key is wrong")]
    await world.talk(10)
    results = await reviews(world.host.context("learning"))
    assert results[1].status == "warning" and "the key is wrong" in results[1].detail
