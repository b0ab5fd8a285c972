"""What a session does with memories, and what a memory cannot do to a session."""

from __future__ import annotations

import asyncio
from typing import Any

from hermes_host.events import Notice
from hermes_host.messages import ATTACHED, Text, as_written, user_message
from hermes_host.protocols import Exchange
from hermes_host.records import BACKGROUND_SOURCES
from hermes_host.services import Conversations
from hermes_host.specs import MemorySpec, PromptSectionSpec
from hermes_host.testing import StandInHost, events_of, finished

ALL = frozenset({"prompt", "recall", "observe", "flush"})


class Diary:
    """Keeps what it is told, and says what it is given to say."""

    def __init__(self, *, knows: str = "", recalls: str = "", fails: bool = False) -> None:
        self.knows, self.recalls, self.fails = knows, recalls, fails
        self.told: list[tuple[str, Any]] = []
        self.observed = asyncio.Event()

    async def prompt_section(self, session: Any) -> str:
        if self.fails:
            raise ValueError("the diary is wet")
        return self.knows

    async def recall(self, message: Any, session: Any) -> str:
        if self.fails:
            raise ValueError("the diary is wet")
        return self.recalls

    async def observe(self, exchange: Exchange, session: Any) -> None:
        self.told.append(("observe", [message.text for message in exchange.messages]))
        self.observed.set()

    async def flush(self, messages: Any, session: Any, reason: str) -> None:
        self.told.append((reason, [message.text for message in messages]))


def remember(host: StandInHost, diary: Diary, *, name: str = "diary", features: frozenset[str] = ALL) -> Diary:
    host.use_part("memories", MemorySpec(name=name, summary="s", target="a:b", features=features), diary)
    return diary


async def test_hermes_memories_are_in_the_prompt_at_their_place(host: StandInHost) -> None:
    remember(host, Diary(knows="The user likes tea."))
    for name, order in (("before", 299), ("behind", 301)):
        host.add_plugin(name, _Section(name, order))
        host._parts["target", name, "zz:write"] = _writer(name)
    provider = host.script("ok", "ok")
    session = await host.start()
    await events_of(session.run("hello"))
    system = provider.requests[0].system
    assert system.index("section before") < system.index("The user likes tea.") < system.index("section behind")
    assert system.count("likes tea") == 1


def _writer(name: str) -> Any:
    async def write(context: Any, session: Any) -> str:
        return f"section {name}"

    return write


class _Section:
    def __init__(self, name: str, order: int) -> None:
        self.spec = PromptSectionSpec(name=name, summary="s", target="zz:write", order=order)
        from hermes_host import hookimpl

        self.hermes_prompt_sections = hookimpl(lambda: [self.spec])


async def test_what_is_recalled_rides_on_the_message_and_stays_there(host: StandInHost) -> None:
    diary = remember(host, Diary(recalls="Last time it was about Lisbon."))
    provider = host.script("one", "two")
    session = await host.start()
    await events_of(session.run("hello"))
    diary.recalls = "Now it is about Porto."
    await events_of(session.run("again"))
    first, later = provider.requests[1].messages[0], provider.requests[1].messages[2]
    assert first is provider.requests[0].messages[0]
    assert first.said == "hello"
    assert [part.meta for part in first.parts] == [{}, {ATTACHED: "diary"}]
    assert "Lisbon" in first.text
    assert "Porto" in later.text
    assert as_written(first).parts == (Text(text="hello"),)


async def test_a_memory_is_told_of_a_turn_and_of_the_end(host: StandInHost) -> None:
    diary = remember(host, Diary())
    host.script("one")
    session = await host.start()
    await events_of(session.run("hello"))
    await asyncio.wait_for(diary.observed.wait(), 5)
    await session.close("new_session")
    assert diary.told == [("observe", ["hello", "one"]), ("reset", ["hello", "one"])]


async def test_only_what_a_memory_declares_is_asked_of_it(host: StandInHost) -> None:
    diary = remember(host, Diary(knows="secret", recalls="secret"), features=frozenset({"flush"}))
    provider = host.script("one")
    session = await host.start()
    await events_of(session.run("hello"))
    await session.close()
    assert "secret" not in provider.requests[0].system + provider.requests[0].messages[0].text
    assert diary.told == [("exit", ["hello", "one"])]


async def test_a_conversation_can_read_memories_without_telling_them(host: StandInHost) -> None:
    diary = remember(host, Diary(knows="The user likes tea.", recalls="Lisbon"))
    provider = host.script("one", "two")
    for memory in ("read", "none"):
        session = await host.start(memory=memory)
        await events_of(session.run("hello"))
        await session.close()
    assert diary.told == []
    assert ["likes tea" in request.system for request in provider.requests] == [True, False]
    assert [len(request.messages[0].parts) for request in provider.requests] == [1, 1]


async def test_a_memory_that_fails_costs_nothing_but_itself(host: StandInHost) -> None:
    remember(host, Diary(fails=True))
    remember(host, Diary(knows="The other one knows."), name="other")
    provider = host.script(*["ok"] * 5)
    session = await host.start()
    for _ in range(5):
        assert finished(await events_of(session.run("hello"))).text == "ok"
    assert "The other one knows." in provider.requests[0].system
    problems = [problem.message for problem in host.plugins.problems]
    assert problems == ["ValueError: the diary is wet"] * 3, "after three failures it is not asked again"


async def test_the_prompt_is_assembled_anew_when_asked(host: StandInHost) -> None:
    diary = remember(host, Diary(knows="old"))
    provider = host.script("one", "two", "three")
    session = await host.start()
    await events_of(session.run("a"))
    diary.knows = "new"
    await events_of(session.run("b"))
    await session.renew_prompt()
    await events_of(session.run("c"))
    assert ["old" in request.system for request in provider.requests] == [True, True, False]
    again = await host.resume(await _left(session))
    assert "new" in again.system


async def _left(session: Any) -> str:
    await session.close()
    return str(session.id)


async def test_a_plugin_begins_a_conversation_with_a_past_of_its_own(host: StandInHost) -> None:
    provider = host.script("fine", "never asked")
    conversations = await host.services.get(Conversations)
    source = sorted(BACKGROUND_SOURCES)[0]
    session = await conversations.start(source=source, messages=[user_message("earlier")], toolsets=[], max_turns=1)
    await events_of(session.run("now"))
    assert [message.text for message in provider.requests[0].messages] == ["earlier", "now"]
    identity = await _left(session)
    assert [info.id for info in host.sessions.list(source=source)] == [identity]
    assert [message.text for message in (await host.resume(identity)).messages] == ["earlier", "now", "fine"]


async def test_what_is_announced_between_turns_is_told_at_once_or_at_the_next_turn(host: StandInHost) -> None:
    host.script("one", "two")
    session = await host.start()
    session.context.announce("first")
    events = await events_of(session.run("hello"))
    assert [event.text for event in events if isinstance(event, Notice)] == ["first"]
    session.context.announce("second", level="warning")
    told: list[Notice] = []
    session.listen(told.append)
    session.context.announce("third")
    events = await events_of(session.run("again"))
    assert [(notice.text, notice.level) for notice in told] == [("second", "warning"), ("third", "info")]
    assert not any(isinstance(event, Notice) for event in events)


async def test_what_is_announced_during_a_turn_is_among_its_events(host: StandInHost) -> None:
    @host.tool
    async def speak() -> str:
        """Speak."""
        session.context.announce("while it runs")
        return "done"

    from hermes_host.messages import ToolCall, assistant_message

    host.script(assistant_message(ToolCall(id="1", name="speak", arguments={})), "ok")
    session = await host.start()
    session.listen(lambda notice: told.append(notice))
    told: list[Notice] = []
    events = await events_of(session.run("hello"))
    assert [event.text for event in events if isinstance(event, Notice)] == ["while it runs"]
    assert told == []
