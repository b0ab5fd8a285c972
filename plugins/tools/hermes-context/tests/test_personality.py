"""Personalities: in the prompt from the start, as a note on a message afterwards."""

import pytest
from hermes_context.personalities import BUILT_IN

from hermes_host.testing import StandInHost

NAMES = [
    *("helpful", "concise", "technical", "creative", "teacher", "kawaii", "catgirl", "pirate", "shakespeare"),
    *("surfer", "noir", "uwu", "philosopher", "hype"),
]


def test_the_names_people_know_are_there():
    assert list(BUILT_IN) == NAMES
    assert len({manner.text for manner in BUILT_IN.values()}) == len(NAMES)


async def test_the_list_marks_the_present_one(talk):
    await talk.slash("/personality pirate")
    shown = await talk.slash("/personality")
    assert "**pirate** (now)" in shown
    assert all(name in shown for name in NAMES)


async def test_a_choice_before_the_first_message_is_in_the_prompt(talk, model):
    await talk.slash("/personality pirate")
    model.steps.append("arr")
    await talk.say("hi")
    [request] = model.requests
    assert "Personality: pirate" in request.system
    assert request.messages[0].text == "hi"


async def test_a_switch_rides_on_the_next_message_and_the_prefix_keeps_its_bytes(talk, model):
    model.steps += ["one", "two", "three", "four"]
    await talk.say("a")
    await talk.slash("/personality pirate")
    await talk.say("b")
    await talk.say("c")
    await talk.slash("/personality none")
    await talk.say("d")
    first, second, third, fourth = model.requests
    assert first.system == second.system == third.system == fourth.system
    for before, after in ((first, second), (second, third), (third, fourth)):
        assert after.messages[: len(before.messages)] == before.messages
    assert BUILT_IN["pirate"].text in second.messages[-1].text
    assert second.messages[-1].text.startswith("b\n\n[")
    assert third.messages[-1].text == "c"
    assert "switched the personality off" in fourth.messages[-1].text


async def test_a_switch_that_was_taken_back_by_undo_is_said_again(talk, model):
    model.steps += ["one", "two"]
    await talk.say("a")
    await talk.slash("/personality noir")
    await talk.say("b")
    talk.session.undo()
    assert "noir" in (await talk.expand("c")).text


async def test_there_and_back_again_says_nothing(talk, model):
    model.steps.append("one")
    await talk.say("a")
    await talk.slash("/personality noir")
    await talk.slash("/personality none")
    assert (await talk.expand("b")).text == "b"


async def test_a_switch_survives_a_restart_and_belongs_to_one_conversation(talk, begin, host, model):
    model.steps += ["one", "two"]
    await talk.say("a")
    await talk.slash("/personality noir")
    await talk.session.close()
    talk.session = await host.resume(talk.session.id)
    assert "**noir** (now)" in await talk.slash("/personality")
    await talk.say("b")
    assert "noir" in model.requests[-1].messages[-1].text
    other = await begin()
    await other.session.prepare()
    assert "noir" not in other.session.system


async def test_the_system_prompt_setting_is_left_alone(home, project):
    (home / ".hermes").mkdir()
    config = home / ".hermes/config.yaml"
    config.write_text("agent:\n  system_prompt: Be exact.\n", encoding="utf-8")
    async with StandInHost(home / ".hermes", plugins=["context"]) as host:
        host.script()
        session = await host.start(toolsets=[], directory=str(project))
        from hermes_context import personality

        personality.switch(host.context("context"), session.context, "pirate")
        await session.prepare()
        assert "Be exact." in session.system
        assert "pirate" in session.system
    assert config.read_text(encoding="utf-8") == "agent:\n  system_prompt: Be exact.\n"


async def test_the_users_own_personalities_count_and_win(home, project):
    (home / ".hermes").mkdir()
    (home / ".hermes/config.yaml").write_text(
        "agent:\n  personalities:\n    butler: Speak as a butler.\n    pirate:\n      system_prompt: My own pirate.\n"
        "      tone: dry\n      style: brief\n      description: Mine\ncontext:\n  personality: pirate\n",
        encoding="utf-8",
    )
    async with StandInHost(home / ".hermes", plugins=["context"]) as host:
        host.script()
        assert not host.plugins.records[0].problems
        session = await host.start(toolsets=[], directory=str(project))
        await session.prepare()
        assert "My own pirate.\nTone: dry\nStyle: brief" in session.system
        assert not [problem for problem in host.config.problems if problem.level == "error"]
        assert "agent.personalities" not in [problem.path for problem in host.config.unclaimed]


async def test_an_unknown_name_changes_nothing(talk):
    await talk.slash("/personality noir")
    assert "There is no personality 'nori'" in await talk.slash("/personality nori")
    assert "**noir** (now)" in await talk.slash("/personality")


@pytest.mark.parametrize("word", ["none", "default", "neutral", "NONE"])
async def test_several_words_clear_it(talk, word):
    await talk.slash("/personality Pirate")
    assert "No personality" in await talk.slash(f"/personality {word}")


async def test_a_configured_name_that_does_not_exist_is_reported(home, project):
    from hermes_context.checks import personality

    async with StandInHost(home / ".hermes", plugins=["context"], overrides={"context.personality": "x"}) as host:
        host.script()
        session = await host.start(toolsets=[], directory=str(project))
        await session.prepare()
        [result] = await personality(host.context("context"))
        assert result.status == "warning"
