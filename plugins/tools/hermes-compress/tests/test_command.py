"""`/compress`."""

from __future__ import annotations

import pytest

from hermes_host.messages import assistant_message, user_message


async def test_it_compacts_at_any_size_and_says_what_it_gained(talk):
    talk.add_turns(30, size=600)
    answer = await talk.command()
    before, after = talk.view["tokens_before"], talk.view["tokens_after"]
    assert answer.startswith("Compacted ")
    assert f"{before / 1000:.1f}k -> {after / 1000:.1f}k tokens." in answer
    await talk.ends("Go on.")
    assert len(talk.shown) < 40


async def test_the_focus_is_asked_for(talk):
    talk.add_turns(30, size=600)
    await talk.command("the parser's error messages")
    assert "the parser's error messages" in talk.vendor.asked[0].messages[0].text


async def test_fewer_than_four_messages_are_left_alone(talk):
    talk.add(user_message("a"), assistant_message("b"), user_message("c"))
    assert "at least 4" in await talk.command()
    assert talk.vendor.asked == []


async def test_where_nothing_can_be_gained_it_says_so_and_changes_nothing(talk):
    talk.add_turns(1, size=20)
    talk.add(user_message("a"), assistant_message("b"))
    answer = await talk.command()
    assert "could not be compacted" in answer and "Nothing was changed" in answer
    assert talk.view == {}


async def test_it_does_not_run_beside_a_turn(talk):
    talk.add_turns(5)
    answers = []

    async def during(request):
        answers.append(await talk.command())
        return "Done."

    talk.vendor.answers = [during]
    await talk.ends("Go.")
    assert answers == ["A turn is running. Use `/compress` when it is done."]


async def test_again_and_again_it_comes_to_an_end(talk):
    talk.add_turns(30, size=600)
    answers = [await talk.command() for _ in range(5)]
    assert answers[0].startswith("Compacted ")
    assert all("Nothing was changed" in answer for answer in answers[-2:])


async def test_an_undo_while_the_summary_is_written_discards_it(talk, kit):
    talk.add_turns(30, size=600)

    def undo(request):
        for _ in range(28):
            talk.session.undo()
        return kit.summary(goal="Of what is gone.")

    talk.vendor.summaries = [undo]
    assert "it changed meanwhile" in await talk.command()
    assert talk.view == {}


@pytest.mark.parametrize("settings", [{"compression.context": 20_000, "compression.enabled": False}])
async def test_it_works_when_compaction_is_switched_off(talk):
    talk.add_turns(30, size=600)
    assert (await talk.command()).startswith("Compacted ")
