"""What memories get to see of a compaction, and what it takes over from them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hermes_host.specs import MemorySpec, MiddlewareSpec


class Diary:
    """A memory that writes down what it is told; `during` is called while it is told of lost messages."""

    def __init__(self) -> None:
        self.flushed: list[Any] = []
        self.text = "Diary: nothing yet."
        self.during: Any = lambda: None

    async def prompt_section(self, session: Any) -> str:
        return self.text

    async def flush(self, messages: Any, session: Any, reason: str) -> None:
        self.flushed.append((len(messages), reason, session.recorded("compress.view")))
        self.text = "Diary: the parser is half done."
        self.during()


@pytest.fixture
def diary(talk):
    diary = Diary()
    spec = MemorySpec(
        name="diary", summary="A diary", target="x.y:z", features=frozenset({"prompt", "flush"}), priority=1
    )
    talk.host.use_part("memories", spec, diary)
    return diary


async def test_memories_are_told_before_anything_is_replaced(talk, diary):
    talk.add_turns(60, size=600)
    count = len(talk.session.messages) + 1
    assert (await talk.ends("And now?"))[1] == ["compacting", "compacted"]
    assert diary.flushed == [(count, "compaction", {})]


async def test_nobody_is_told_of_a_compaction_that_comes_to_nothing(talk, diary):
    talk.add_turns(1, size=20)
    await talk.command()
    assert diary.flushed == []


async def test_a_memory_that_fails_does_not_keep_the_conversation_from_being_compacted(talk, diary):
    def fail():
        raise RuntimeError("the diary is full")

    diary.during = fail
    talk.add_turns(60, size=600)
    assert await talk.ends("And now?") == ("completed", ["compacting", "compacted"])
    assert talk.view["cut"] > talk.view["head"]


async def test_the_prompt_is_new_from_the_request_after_a_compaction_on(talk, diary):
    await talk.ends("Hello.")
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    await talk.ends("And then?")
    first, second, third = (request.system for request in talk.vendor.turns)
    assert "nothing yet" in first
    assert "half done" in second
    assert third == second


async def test_without_a_compaction_the_prompt_stays_as_it_was(talk, diary):
    await talk.ends("Hello.")
    diary.text = "Diary: something else."
    await talk.ends("And now?")
    first, second = (request.system for request in talk.vendor.turns)
    assert second == first


async def test_an_undo_while_memories_are_told_discards_the_summary(talk, diary):
    talk.add_turns(30, size=600)

    def undo():
        for _ in range(28):
            talk.session.undo()

    diary.during = undo
    assert "it changed meanwhile" in await talk.command()
    assert talk.view == {}


async def test_a_request_with_a_prompt_of_somebody_else_keeps_it(talk, diary):
    def pirate(request, call_next):
        return call_next(msgspec.structs.replace(request, system="Speak like a pirate."))

    spec = MiddlewareSpec(name="pirate", summary="Speaks", target="x.y:z", around="model", priority=150)
    talk.host.use_part("middleware", spec, pirate)
    talk.add_turns(60, size=600)
    await talk.ends("And now?")
    assert talk.shown[1].provenance == "external"
    assert talk.vendor.turns[-1].system == "Speak like a pirate."
