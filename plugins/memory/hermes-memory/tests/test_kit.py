"""The conformance kit itself, run on a memory with every feature and on ones that break its rules."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from hermes_host.context import SessionContext
from hermes_host.messages import user_message
from hermes_host.protocols import Exchange
from hermes_host.testing.memories import MEMORY_FEATURES, MemoryContract


class Diary:
    """Keeps what was said, and gives it back."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def prompt_section(self, session: Any) -> str:
        return "A diary."

    async def recall(self, message: Any, session: Any) -> str:
        await asyncio.sleep(0)
        return "\n".join(self.lines)

    async def observe(self, exchange: Any, session: Any) -> None:
        self.lines += [message.text for message in exchange.messages]

    async def flush(self, messages: Any, session: Any, reason: str) -> None:
        self.lines += [message.text for message in messages]


class TestDiary(MemoryContract):
    features = MEMORY_FEATURES

    @pytest.fixture
    def memory(self) -> Diary:
        return Diary()

    @pytest.fixture
    def known(self) -> str:
        return "diary"


class Kit(MemoryContract):
    __test__ = False
    features = MEMORY_FEATURES


SESSION = SessionContext("20260101_120000_abcdef", directory="/")
EXCHANGE = Exchange(messages=(user_message("Hi"),), outcome="completed")


async def test_a_memory_that_ignores_an_interrupt_fails() -> None:
    class Stubborn(Diary):
        async def recall(self, message: Any, session: Any) -> str:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                await asyncio.sleep(1.5)
            return ""

    with pytest.raises(AssertionError, match="cancelled"):
        await Kit().test_a_recall_can_be_interrupted(Stubborn(), SESSION)


async def test_a_memory_that_blocks_fails() -> None:
    class Blocking(Diary):
        async def observe(self, exchange: Any, session: Any) -> None:
            await asyncio.sleep(0.02)
            time.sleep(1.2)  # noqa: ASYNC251 - this is the fault to be found
            await asyncio.sleep(0.02)

    with pytest.raises(AssertionError, match="event loop"):
        await Kit().test_it_never_holds_up_other_conversations(Blocking(), SESSION, EXCHANGE)


async def test_a_memory_that_is_not_awaited_or_gives_no_text_fails() -> None:
    class Wrong(Diary):
        def recall(self, message: Any, session: Any) -> str:  # type: ignore[override]
            return ""

        async def prompt_section(self, session: Any) -> str:
            return None  # type: ignore[return-value]

    with pytest.raises(AssertionError, match="async def"):
        await Kit().test_it_has_a_coroutine_method_for_every_feature(Wrong())
    with pytest.raises(AssertionError):
        await Kit().test_the_prompt_section_is_text(Wrong(), SESSION, "")


async def test_a_prompt_section_that_changes_by_itself_fails() -> None:
    class Clock(Diary):
        async def prompt_section(self, session: Any) -> str:
            return str(time.perf_counter_ns())

    with pytest.raises(AssertionError):
        await Kit().test_the_prompt_section_is_the_same_while_nothing_changes(Clock(), SESSION)
