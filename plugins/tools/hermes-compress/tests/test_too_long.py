"""What happens when a vendor says that a request does not fit."""

from __future__ import annotations

import pytest

from hermes_host.events import AnswerRestarted
from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message, tool_message, user_message
from hermes_host.stream import PartDelta, PartStarted
from hermes_host.testing import finished


async def test_it_is_compacted_and_asked_once_more(talk):
    talk.vendor.limit = 8_000
    talk.add_turns(45, size=600)
    outcome, notices = await talk.ends("And now?")
    assert outcome == "completed"
    assert notices[-2:] == ["compacting", "compacted"]
    assert len(talk.vendor.turns) == 2
    assert len(talk.vendor.asked) == 1


async def test_the_learnt_limit_counts_from_then_on_and_after_a_restart(talk):
    talk.vendor.limit = 8_000
    talk.add_turns(45, size=600)
    await talk.ends("And now?")
    assert talk.session.context.recorded("compress.limits") == {"scripted:scripted": 8_000}
    await talk.restart()
    talk.add_turns(20, size=600)
    assert (await talk.ends("And then?"))[1][-1] == "compacted"
    assert len(talk.vendor.turns) == 3


async def test_a_vendor_that_names_no_limit_is_believed_all_the_same(talk):
    talk.vendor.limit, talk.vendor.named_limit = 8_000, 0
    talk.add_turns(45, size=600)
    assert (await talk.ends("And now?"))[0] == "completed"
    assert 7_000 < talk.session.context.recorded("compress.limits")["scripted:scripted"] < 10_000


async def test_a_limit_that_was_only_guessed_is_given_up_when_more_fits(talk):
    talk.vendor.limit, talk.vendor.named_limit = 4_000, 0
    talk.add(user_message("word " * 4_000), assistant_message("Yes."))
    assert (await talk.ends("And now?"))[0] == "failed"
    assert talk.session.context.recorded("compress.limits")["scripted:scripted"] < 5_000
    talk.vendor.limit = 20_000
    assert (await talk.ends("And then?"))[0] == "completed"
    assert talk.session.context.recorded("compress.limits") == {}


async def test_when_the_summary_fails_old_results_are_cut(talk, kit):
    talk.vendor.limit, talk.vendor.summaries = 8_000, [""]
    talk.add_turns(45, size=600)
    outcome, notices = await talk.ends("And now?")
    assert (outcome, notices[-1]) == ("completed", "pruned")
    assert len(talk.vendor.turns) == 2
    assert kit.unpaired(talk.shown) == []


async def test_after_a_fresh_compaction_no_second_summary_is_asked_for(talk):
    talk.vendor.limit = 1_100
    talk.add_turns(60, size=600)
    outcome, notices = await talk.ends("And now?")
    assert notices[:3] == ["compacting", "compacted", "compacting"]
    assert len(talk.vendor.asked) == 1
    assert len(talk.vendor.turns) == 2
    assert outcome in ("completed", "failed")


async def test_what_cannot_be_made_to_fit_fails_with_advice(talk):
    talk.vendor.limit = 2_000
    talk.add(user_message("word " * 5_000), assistant_message("Yes."))
    events = await talk.say("And now?")
    end = finished(events)
    assert (end.outcome, end.error_kind) == ("failed", "ContextTooLong")
    assert "/compress" in end.error and "/new" in end.error and "too many tokens" in end.error
    assert len(talk.vendor.turns) == 1
    assert talk.view == {}


async def test_it_is_asked_again_only_once(talk):
    talk.vendor.limit = 1
    talk.add_turns(45, size=600)
    events = await talk.say("And now?")
    assert finished(events).error_kind == "ContextTooLong"
    assert len(talk.vendor.turns) == 2


@pytest.mark.parametrize("settings", [{"compression.context": 20_000, "compression.enabled": False}])
async def test_switched_off_the_error_is_passed_on_with_advice(talk):
    talk.vendor.limit = 8_000
    talk.add_turns(45, size=600)
    end = finished(await talk.say("And now?"))
    assert (end.error_kind, len(talk.vendor.turns)) == ("ContextTooLong", 1)
    assert "/compress" in end.error
    await talk.command()
    assert finished(await talk.say("And now?")).outcome == "completed"


async def test_one_step_that_is_larger_than_the_model_is_cut_to_fit(talk, kit):
    talk.host.tool(read_part)
    talk.add_turns(2)
    await talk.restart()
    calls = [ToolCall(id=f"r{index}", name="read_part", arguments={"part": index}) for index in range(5)]
    talk.vendor.limit = 20_000
    talk.vendor.answers = [assistant_message(*calls), "It says one."]
    outcome, notices = await talk.ends("Read all five.")
    assert (outcome, notices[-1]) == ("completed", "pruned")
    results = [part.content[0].text for part in talk.shown[-1].parts]
    assert all(text.startswith("begin 1") and text.endswith("end") for text in results)
    assert all("characters of what read_part(part=" in text for text in results)
    assert kit.unpaired(talk.shown) == []
    assert all(len(part.content[0].text) > 39_000 for part in talk.session.messages[-2].parts)


def read_part(part: int) -> str:
    """Read a part."""
    return "begin 1" + "x y z " * 6_600 + "end"


async def test_what_was_cut_stays_cut_until_it_is_summarised(talk, kit):
    big = tool_message(
        *(ToolResult(call_id=f"b{i}", name="read", content=(Text(text="x y " * 9_000),)) for i in (1, 2, 3))
    )
    talk.add_turns(2)
    talk.add(assistant_message(*(ToolCall(id=f"b{i}", name="read", arguments={}) for i in (1, 2, 3))), big)
    talk.vendor.limit = 20_000
    talk.vendor.summaries = ["", kit.summary(goal="SECOND")]
    await talk.ends("Read.")
    before = talk.shown
    assert talk.vendor.count(talk.vendor.turns[-1]) < 20_000
    await talk.ends("And then?")
    assert all(new is old for new, old in zip(talk.shown, before, strict=False))


@pytest.mark.parametrize("settings", [{"compression.context": 18_000}])
async def test_what_was_cut_stays_cut_beside_a_new_summary(talk, kit):
    talk.host.tool(read_part)
    talk.add_turns(33, size=800)
    await talk.restart()
    calls = [ToolCall(id=f"r{index}", name="read_part", arguments={"part": index}) for index in range(2)]
    talk.vendor.limit = 20_000
    talk.vendor.answers = [assistant_message(*calls), "It says one."]
    assert (await talk.ends("Read both."))[1][-1] == "compacted"
    assert talk.view["summary"] and talk.view["trims"]
    cut = talk.shown[-1]
    assert kit.length(cut) < 60_000 < kit.length(talk.session.messages[-2])
    assert (await talk.ends("And then?"))[1] == []
    assert cut in talk.shown
    assert kit.unpaired(talk.shown) == []


async def test_what_was_said_before_the_error_does_not_count(talk):
    from hermes_host.errors import ContextTooLong

    async def half(request):
        yield PartStarted(0, "text")
        yield PartDelta(0, "Half a")
        raise ContextTooLong("too long after all", limit=8_000)

    talk.vendor.answers = [half]
    talk.add_turns(45, size=600)
    talk.host.providers.get("scripted")
    events = await talk.say("And now?")
    assert any(isinstance(event, AnswerRestarted) for event in events)
    assert finished(events).text == "All right."


async def test_a_tokenizer_that_needs_more_is_learnt_from_the_error(talk):
    talk.vendor.characters, talk.vendor.limit = 1.5, 20_000
    talk.add_turns(44, size=600)
    assert (await talk.ends("And now?"))[0] == "completed"
    assert len(talk.vendor.turns) == 2
