# ruff: noqa: D102  (the names of the tests are their documentation)
"""The conformance kit for memories.

Subclass it, name the features of the spec, and say how the memory is made; what it needs from the outside world (a
server, a model) is the fixture's to provide::

    class TestMyMemory(MemoryContract):
        features = frozenset({"prompt", "observe"})

        @pytest.fixture
        def memory(self, tmp_path):
            return connect(PluginContext("mine", home=tmp_path), spec)

Only what `features` names is called. A memory that knows something when its test begins may override the fixture
`known`: words that its prompt section must then hold.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

import pytest

from hermes_host.context import SessionContext
from hermes_host.messages import (
    Media,
    Message,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    tool_message,
    user_message,
)
from hermes_host.protocols import Exchange, MemoryProvider
from hermes_host.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["MEMORY_FEATURES", "MemoryContract"]

MEMORY_FEATURES = frozenset({"prompt", "recall", "observe", "flush"})

_ANSWER_SECONDS = 5.0
_FLUSH_SECONDS = 30.0
_CANCEL_SECONDS = 1.0
"""What the protocol gives a section and a recall, and a flush; and an interrupt."""

_METHODS = {"prompt": "prompt_section", "recall": "recall", "observe": "observe", "flush": "flush"}


class MemoryContract(Contract):
    """What every memory keeps to. Override the fixture `memory`, and set `features`."""

    @pytest.fixture
    def session(self, tmp_path: Any) -> SessionContext:
        """The conversation it is asked in."""
        return SessionContext("20260101_120000_abcdef", directory=str(tmp_path))

    @pytest.fixture
    def known(self) -> str:
        """Words the prompt section holds; empty where the memory begins with nothing."""
        return ""

    @pytest.fixture
    def exchange(self) -> Exchange:
        """A turn with a tool call."""
        return Exchange(messages=tuple(_conversation()), outcome="completed", turn_id="t1")

    def _needs(self, feature: str) -> None:
        if feature not in self.features:
            pytest.skip(f"it does not declare {feature!r}")

    # ------------------------------------------------------------------------------------------------- what it is

    def test_its_features_are_known_ones(self) -> None:
        assert self.features, "a memory without features is never called"
        assert self.features <= MEMORY_FEATURES, self.features - MEMORY_FEATURES

    async def test_it_has_a_coroutine_method_for_every_feature(self, memory: MemoryProvider) -> None:
        for feature in self.features:
            method = getattr(memory, _METHODS[feature], None)
            assert inspect.iscoroutinefunction(method), f"{_METHODS[feature]} must be `async def`"

    # ----------------------------------------------------------------------------------------------------- prompt

    async def test_the_prompt_section_is_text(
        self, memory: MemoryProvider, session: SessionContext, known: str
    ) -> None:
        self._needs("prompt")
        section = await _within(_ANSWER_SECONDS, memory.prompt_section(session))
        assert isinstance(section, str)
        assert known in section
        assert section.encode("utf-8").decode("utf-8") == section, "a prompt must be sendable"

    async def test_the_prompt_section_is_the_same_while_nothing_changes(
        self, memory: MemoryProvider, session: SessionContext
    ) -> None:
        self._needs("prompt")
        first = await memory.prompt_section(session)
        assert await memory.prompt_section(session) == first

    async def test_two_conversations_can_begin_at_once(self, memory: MemoryProvider, tmp_path: Any) -> None:
        self._needs("prompt")
        sessions = [SessionContext(f"20260101_12000{i}_abcdef", directory=str(tmp_path)) for i in range(4)]
        sections = await asyncio.gather(*(memory.prompt_section(each) for each in sessions))
        assert all(isinstance(section, str) for section in sections)

    # ----------------------------------------------------------------------------------------------------- recall

    @pytest.mark.parametrize("kind", ["words", "nothing", "an image", "a member's words", "very long"])
    async def test_it_is_asked_beside_any_message(
        self, memory: MemoryProvider, session: SessionContext, kind: str
    ) -> None:
        self._needs("recall")
        recalled = await _within(_ANSWER_SECONDS, memory.recall(_MESSAGES[kind](), session))
        assert isinstance(recalled, str)

    async def test_a_recall_can_be_interrupted(self, memory: MemoryProvider, session: SessionContext) -> None:
        self._needs("recall")
        await _interrupted(memory.recall(user_message("What do I like?"), session))

    async def test_recalls_of_several_conversations_do_not_wait_for_each_other(
        self, memory: MemoryProvider, tmp_path: Any
    ) -> None:
        self._needs("recall")
        sessions = [SessionContext(f"20260101_12000{i}_abcdef", directory=str(tmp_path)) for i in range(4)]
        recalls = (memory.recall(user_message("What do I like?"), each) for each in sessions)
        answers = await _within(_ANSWER_SECONDS, asyncio.gather(*recalls))
        assert all(isinstance(answer, str) for answer in answers)

    # ---------------------------------------------------------------------------------------------------- observe

    @pytest.mark.parametrize("outcome", ["completed", "truncated", "interrupted", "budget", "failed"])
    async def test_it_is_told_of_turns_however_they_ended(
        self, memory: MemoryProvider, session: SessionContext, exchange: Exchange, outcome: str
    ) -> None:
        self._needs("observe")
        messages = exchange.messages if outcome == "completed" else exchange.messages[:2]
        told = Exchange(messages=messages, outcome=outcome, turn_id=exchange.turn_id)
        assert await _within(_FLUSH_SECONDS, memory.observe(told, session)) is None

    async def test_it_is_told_of_turns_without_words(self, memory: MemoryProvider, session: SessionContext) -> None:
        self._needs("observe")
        await memory.observe(Exchange(messages=(), outcome="interrupted"), session)
        await memory.observe(Exchange(messages=(user_message(),), outcome="failed"), session)

    async def test_observing_can_be_interrupted(
        self, memory: MemoryProvider, session: SessionContext, exchange: Exchange
    ) -> None:
        self._needs("observe")
        await _interrupted(memory.observe(exchange, session))

    # ------------------------------------------------------------------------------------------------------ flush

    @pytest.mark.parametrize("reason", ["compaction", "reset", "exit"])
    async def test_it_may_keep_what_is_about_to_be_lost(
        self, memory: MemoryProvider, session: SessionContext, reason: Any
    ) -> None:
        self._needs("flush")
        assert await _within(_FLUSH_SECONDS, memory.flush(_conversation(), session, reason)) is None

    async def test_an_empty_conversation_is_nothing_to_keep(
        self, memory: MemoryProvider, session: SessionContext
    ) -> None:
        self._needs("flush")
        await memory.flush((), session, "exit")

    async def test_a_flush_can_be_interrupted(self, memory: MemoryProvider, session: SessionContext) -> None:
        self._needs("flush")
        await _interrupted(memory.flush(_conversation(), session, "reset"))

    # ------------------------------------------------------------------------------------------------ manners

    async def test_it_prints_nothing_and_changes_no_message(
        self, memory: MemoryProvider, session: SessionContext, exchange: Exchange, capfd: pytest.CaptureFixture[str]
    ) -> None:
        before = repr(exchange)
        for call in self._calls(memory, session, exchange):
            await call()
        assert capfd.readouterr() == ("", "")
        assert repr(exchange) == before

    async def test_it_never_holds_up_other_conversations(
        self, memory: MemoryProvider, session: SessionContext, exchange: Exchange
    ) -> None:
        for call in self._calls(memory, session, exchange):
            await call()  # the first call may import
        longest = 0.0

        async def beat() -> None:
            nonlocal longest
            while True:
                began = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - began)

        heart = asyncio.create_task(beat())
        for call in self._calls(memory, session, exchange):
            await call()
        heart.cancel()
        assert longest < 1.0, f"it held the event loop for {longest:.1f} s: use asyncio.to_thread for what blocks"

    def _calls(
        self, memory: MemoryProvider, session: SessionContext, exchange: Exchange
    ) -> Sequence[Callable[[], Awaitable[Any]]]:
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "prompt": lambda: memory.prompt_section(session),
            "recall": lambda: memory.recall(exchange.messages[0], session),
            "observe": lambda: memory.observe(exchange, session),
            "flush": lambda: memory.flush(exchange.messages, session, "exit"),
        }
        return [call for feature, call in calls.items() if feature in self.features]


_MESSAGES: dict[str, Callable[[], Message]] = {
    "words": lambda: user_message("Which editor do I like?"),
    "nothing": user_message,
    "an image": lambda: user_message(Media(kind="image", mime="image/png", data=b"\x89PNG")),
    "a member's words": lambda: user_message("What did we say?", provenance="member"),
    "very long": lambda: user_message("word " * 50_000),
}


def _conversation() -> Sequence[Message]:
    call = ToolCall(id="c1", name="read_file", arguments={"path": "notes.txt"})
    result = ToolResult(call_id="c1", name="read_file", content=(Text(text="1|tea"),))
    return (
        user_message("I like tea. What do my notes say?"),
        assistant_message("Let me look.", call),
        tool_message(result),
        assistant_message("They say tea, too."),
    )


async def _within(seconds: float, work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(seconds):
        return await work


async def _interrupted(work: Any) -> None:
    """Cancel it as it begins; it ends soon, cancelled or done, and never with another failure."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=_CANCEL_SECONDS)
    assert done, f"it went on for {_CANCEL_SECONDS:g} s after it was cancelled"
    if not task.cancelled():
        task.result()
