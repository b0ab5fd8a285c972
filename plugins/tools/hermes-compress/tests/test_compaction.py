"""What the model is shown when a conversation has grown too long, and when it is not."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import msgspec
import pytest

from hermes_host.agent.history import messages_of
from hermes_host.errors import ConnectionLost, ContentRefused
from hermes_host.messages import assistant_message, user_message
from hermes_host.services import ModelFacts
from hermes_host.specs import MiddlewareSpec, ServiceSpec
from hermes_host.stream import MessageEnded, Usage, fold


async def test_a_short_conversation_goes_as_it_is(talk):
    talk.add_turns(3)
    assert await talk.ends("And now?") == ("completed", [])
    assert talk.shown == list(talk.session.messages[:-1])
    assert talk.vendor.asked == []
    assert talk.view == {}


async def test_a_long_one_is_shown_as_its_beginning_a_summary_and_its_end(talk, kit):
    talk.vendor.summaries = [kit.summary(goal="Build the parser, all of it.")]
    talk.add_turns(60, size=600)
    outcome, notices = await talk.ends("And now?")
    assert (outcome, notices) == ("completed", ["compacting", "compacted"])
    first, record, *rest = talk.shown
    assert first is talk.session.messages[0]
    assert "Build the parser, all of it." in record.text
    assert rest == list(talk.session.messages[talk.view["cut"] : -1])
    assert rest[-1].text == "And now?"
    assert kit.unpaired(talk.shown) == []


async def test_the_notice_says_how_much_was_gained(talk):
    talk.add_turns(60, size=600)
    events = await talk.say("And now?")
    (text,) = [event.text for event in events if getattr(event, "code", "") == "compacted"]
    view = talk.view
    assert text.startswith(f"Compacted {view['cut'] - view['head']} messages: ")
    before, after = view["tokens_before"], view["tokens_after"]
    assert f"{before / 1000:.0f}k -> {after / 1000:.1f}k tokens." in text
    assert abs(after - talk.vendor.count(talk.vendor.turns[-1])) < 0.35 * after


async def test_the_originals_stay_in_the_conversation_and_in_its_log(talk):
    talk.add_turns(60, size=600)
    whole = list(talk.session.messages)
    await talk.ends("And now?")
    assert list(talk.session.messages[: len(whole)]) == whole
    assert messages_of(talk.host.sessions.load(talk.session.id))[: len(whole)] == whole
    assert talk.host.sessions.search("part 7")


async def test_requests_after_a_compaction_begin_with_the_same_messages(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    before = talk.shown
    assert (await talk.ends("And then?"))[1] == []
    assert all(new is old for new, old in zip(talk.shown, before, strict=False))
    assert len(talk.shown) == len(before) + 2


async def test_a_resumed_conversation_is_shown_as_it_was_left(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    before = talk.shown
    await talk.restart()
    assert (await talk.ends("And then?"))[1] == []
    assert talk.shown[: len(before)] == before
    assert len(talk.vendor.asked) == 1


async def test_the_next_compaction_updates_the_record(talk, kit):
    talk.vendor.summaries = [kit.summary(goal="FIRST RECORD"), kit.summary(goal="SECOND RECORD")]
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    talk.add_turns(60, size=600, first="A new part.")
    assert (await talk.ends("And then?"))[1] == ["compacting", "compacted"]
    asked = talk.vendor.asked[1].messages[0].text
    assert "FIRST RECORD" in asked
    assert "part 3." not in asked.split("Its marks end with")[1].split("A new part.")[0]
    assert talk.shown[0].text == "Build the parser."
    assert "SECOND RECORD" in talk.shown[1].text
    assert "FIRST RECORD" not in talk.shown[1].text
    assert (talk.view["number"], talk.view["previous"]) == (2, 1)
    assert talk.session.context.recorded("compress.view.1")["summary"].startswith("## Goal\nFIRST RECORD")


async def test_a_long_turn_keeps_the_request_it_works_on(talk, kit):
    talk.add(user_message("Hello."), assistant_message("Hello."), user_message("Please read ALL parts."))
    for index in range(60):
        talk.add(*kit.step(f"c{index}", "read_file", "x y z " * 120))
    talk.add(user_message("steered"))
    talk.session.undo()
    await talk.command()
    messages = talk.session.messages
    await talk.ends("go")
    assert [message.text for message in talk.shown if message.role == "user"][2:] == ["Please read ALL parts.", "go"]
    assert talk.shown[2] is messages[2]
    assert "go on from there" in talk.shown[1].text
    assert kit.unpaired(talk.shown) == []


async def test_few_huge_messages_are_compacted_too(talk):
    talk.add(user_message("Begin."), assistant_message("Yes."))
    talk.add(user_message("Look: " + "word " * 8_000), assistant_message("I see. " * 1_000))
    assert (await talk.ends("What was it?"))[1] == ["compacting", "compacted"]
    assert talk.vendor.count(talk.vendor.turns[-1]) < 4_000
    assert talk.shown[-1].text == "What was it?"


async def test_the_user_is_told_once_before_it_happens(talk):
    talk.add_turns(44, size=600)
    talk.vendor.characters = 4
    told = [await talk.ends("Short.") for _ in range(3)]
    assert [notices for _, notices in told] == [["context_pressure"], [], []]


@pytest.mark.parametrize("settings", [{"compression.context": 20_000, "compression.enabled": False}])
async def test_switched_off_nothing_happens_by_itself(talk):
    talk.add_turns(80, size=600)
    assert await talk.ends("And now?") == ("completed", [])
    assert len(talk.shown) == 80 * 4 + 1


async def test_an_undo_beyond_the_view_goes_back_to_the_one_before(talk, kit):
    talk.vendor.summaries = [kit.summary(goal="FIRST RECORD"), kit.summary(goal="SECOND RECORD")]
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    first = talk.view
    talk.add_turns(60, size=600, first="A new part.")
    await talk.ends("And then?")
    while len(talk.session.messages) > first["covers"] + 8:
        talk.session.undo()
    assert (await talk.ends("Again."))[1] == []
    assert "FIRST RECORD" in talk.shown[1].text
    assert talk.view == first
    await talk.restart()
    await talk.ends("And again.")
    assert "FIRST RECORD" in talk.shown[1].text


async def test_an_undo_beyond_every_view_shows_what_is_left(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    while len(talk.session.messages) > 8:
        talk.session.undo()
    await talk.ends("Again.")
    assert talk.shown == list(talk.session.messages[:-1])
    assert talk.view == {}


async def test_an_undo_after_the_view_keeps_it(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    view = talk.view
    talk.session.undo()
    await talk.ends("Something else.")
    assert talk.view == view
    assert talk.shown[-1].text == "Something else."


FAULTS = {
    "empty": lambda kit: "",
    "only_thoughts": lambda kit: "<think>Hm.</think>",
    "no_sections": lambda kit: "The user wants a parser.",
    "too_long": lambda kit: kit.summary(goal="words and more words " * 800),
    "failing": lambda kit: ConnectionLost("the network is down"),
    "refused": lambda kit: ContentRefused("filtered"),
    "cut_off": lambda kit: MessageEnded(assistant_message(kit.summary(goal="x")), "length", Usage(input=9, output=9)),
    "broken_plugin": lambda kit: RuntimeError("a bug"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_summary_replaces_nothing_and_old_results_are_cut_instead(talk, kit, fault):
    talk.vendor.summaries = [FAULTS[fault](kit)]
    talk.add_turns(60, size=600)
    outcome, notices = await talk.ends("And now?")
    assert (outcome, notices) == ("completed", ["compacting", "pruned"])
    assert len(talk.shown) == 60 * 4 + 1
    said = [(message.role, message.text) for message in talk.shown]
    assert said == [(message.role, message.text) for message in talk.session.messages[:-1]]
    old, new = talk.shown[2].parts[0].content[0].text, talk.shown[-3].parts[0].content[0].text
    assert old.startswith("[Left out to save space: 595 characters of what read_file(path=part0.py) gave.")
    assert f"log of session {talk.session.id}, call c0" in old
    assert new == talk.session.messages[-4].parts[0].content[0].text
    assert kit.unpaired(talk.shown) == []


async def test_a_summary_that_saves_too_little_replaces_nothing(talk, kit):
    talk.add(user_message("Keep this: " + "long words here " * 3_000), assistant_message("Yes."))
    talk.add(user_message("short"), assistant_message("Yes."))
    assert (await talk.ends("Now?"))[1] == ["compacting", "compaction_failed"]
    assert talk.shown == list(talk.session.messages[:-1])
    assert talk.vendor.asked == []


@pytest.mark.parametrize("settings", [{"compression.context": 20_000, "auxiliary": {"compression": {"timeout": 0.05}}}])
async def test_a_slow_summary_is_given_up(talk):
    talk.vendor.summaries = [lambda request: asyncio.sleep(30)]
    talk.add_turns(60, size=600)
    began = time.monotonic()
    assert (await talk.ends("And now?"))[1] == ["compacting", "pruned"]
    assert time.monotonic() - began < 5


async def test_after_a_fruitless_attempt_the_conversation_must_grow_before_the_next(talk):
    talk.vendor.summaries = ["", "", "", ""]
    for index in range(60):
        talk.add(user_message(f"Part {index}: " + "word " * 120), assistant_message("Yes. " * 20))
    tried = [await talk.ends("Next: " + "word " * 60) for _ in range(26)]
    assert tried[0][1] == ["compacting", "compaction_failed"]
    assert [notices for _, notices in tried[1:]].count([]) == 24
    assert all(outcome == "completed" for outcome, _ in tried)
    assert len(talk.vendor.asked) == 2


async def test_an_interrupt_during_the_summary_changes_nothing(talk):
    begun = asyncio.Event()

    async def forever(request):
        begun.set()
        await asyncio.sleep(60)

    talk.vendor.summaries = [forever]
    talk.add_turns(60, size=600)
    running = asyncio.create_task(talk.say("And now?"))
    await begun.wait()
    talk.session.interrupt()
    events = await running
    assert events[-1].outcome == "interrupted"
    assert talk.view == {}
    assert (await talk.ends("Go on."))[1] == ["compacting", "compacted"]


async def test_side_work_passes_untouched(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    request = talk.vendor.asked[0]
    assert len(request.messages) == 1
    assert request.tools == ()


@pytest.mark.parametrize(
    "settings", [{"compression.context": 20_000, "auxiliary": {"compression": {"model": "scripted:small-model"}}}]
)
async def test_another_model_can_write_the_summaries(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    assert talk.vendor.asked[0].model == "small-model"
    assert talk.vendor.turns[0].model == "scripted"
    assert talk.view["model"] == "scripted:small-model"


async def test_a_record_of_other_messages_is_not_used(talk):
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    while len(talk.session.messages) > 100:
        talk.session.undo()
    talk.add_turns(45, size=20, first="Something else.")
    await talk.restart()
    assert (await talk.ends("And then?"))[1] == []
    assert talk.shown == list(talk.session.messages[:-1])


class Redacting:
    """Middleware further out that hides a word, and so makes new messages for every request."""

    def __call__(self, request, call_next):
        hidden = [_hide(message) if message.role == "user" else message for message in request.messages]
        return call_next(msgspec.structs.replace(request, messages=tuple(hidden)))


def _hide(message):
    return user_message(message.text.replace("parser", "******"), provenance=message.provenance)


async def test_what_other_middleware_hides_stays_hidden(talk, kit):
    spec = MiddlewareSpec(name="hide", summary="Hide", target="nowhere:hide", around="model", priority=150)
    talk.host.use_part("middleware", spec, Redacting())
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    await talk.restart()
    assert (await talk.ends("The parser?"))[1] == []
    assert "parser" not in "".join(message.text for message in talk.shown)
    assert talk.shown[0].text == "Build the ******."
    assert kit.unpaired(talk.shown) == []
    assert len(talk.shown) < 60


class Facts:
    """A catalogue that knows one model."""

    def facts(self, provider, model):
        known = (provider, model) == ("scripted", "scripted")
        return ModelFacts(
            provider=provider,
            model=model,
            context=8_000 if known else 0,
            max_output=700 if known else 0,
            source="snapshot",
        )

    def models(self, provider=""):
        return ()


async def test_the_catalogue_says_what_fits(talk):
    spec = ServiceSpec(name="facts", summary="Facts", provides="hermes_host.services:Catalog", target="nowhere:facts")
    talk.host.use_part("services", spec, Facts())
    talk.add_turns(25, size=600)
    assert (await talk.ends("And now?"))[1] == ["compacting", "compacted"]
    assert talk.vendor.asked[0].settings.max_output_tokens == 700


@pytest.mark.parametrize("settings", [{}])
async def test_of_an_unknown_model_128000_tokens_are_assumed(talk):
    talk.add_turns(50, size=4_000)
    assert (await talk.ends("Near the threshold."))[1] == ["context_pressure"]
    talk.add_turns(10, size=4_000)
    assert (await talk.ends("Beyond it."))[1] == ["compacting", "compacted"]


async def test_what_the_vendor_counts_decides(talk):
    talk.vendor.characters = 2
    talk.add_turns(30, size=600)
    assert (await talk.ends("And now?"))[1] == []
    assert (await talk.ends("And then?"))[1] == ["compacting", "compacted"]


async def test_what_the_vendor_counted_is_remembered_with_the_view(talk):
    talk.vendor.characters = 2.5
    talk.add_turns(20, size=600)
    await talk.ends("And now?")
    talk.add_turns(20, size=600)
    assert (await talk.ends("And then?"))[1] == ["compacting", "compacted"]
    await talk.restart()
    talk.add_turns(30, size=600)
    assert (await talk.ends("And now?"))[1] == ["compacting", "compacted"]


class Impatient:
    """Middleware further out that gives up the first attempt during the compaction, and asks again."""

    def __init__(self):
        self.begun = asyncio.Event()

    async def __call__(self, request, call_next):
        if request.purpose == "turn" and not self.begun.is_set():
            attempt = asyncio.ensure_future(fold(call_next(request)))
            await self.begun.wait()
            attempt.cancel()
            await asyncio.wait({attempt})
        async with aclosing(call_next(request)) as events:
            async for event in events:
                yield event


async def test_a_request_that_is_sent_again_is_not_compacted_again(talk):
    impatient = Impatient()

    async def hang(request):
        impatient.begun.set()
        await asyncio.sleep(60)

    spec = MiddlewareSpec(name="impatient", summary="Retry", target="nowhere:retry", around="model", priority=200)
    talk.host.use_part("middleware", spec, impatient)
    talk.vendor.summaries = [hang]
    talk.add_turns(60, size=600)
    assert await talk.ends("And now?") == ("completed", [])
    assert len(talk.vendor.asked) == 1
    assert (await talk.ends("And then?"))[1] == ["compacting", "compacted"]
