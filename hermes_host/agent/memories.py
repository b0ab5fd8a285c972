"""The memories of one session: asked for what they know, told of what happens. None of them can harm a conversation."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from hermes_host.background import Background
from hermes_host.messages import ATTACHED, Text
from hermes_host.plugins import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_host.context import SessionContext
    from hermes_host.host import Host
    from hermes_host.messages import Message
    from hermes_host.protocols import Exchange, MemoryProvider
    from hermes_host.registry import Contribution
    from hermes_host.specs import MemorySpec

__all__ = ["FlushReason", "Memories", "MemoryUse"]

log = logging.getLogger(__name__)
T = TypeVar("T")

MemoryUse = Literal["full", "read", "none"]
"""`read`: memories are in the prompt but are neither asked nor told of turns."""

FlushReason = Literal["compaction", "reset", "exit"]

ANSWER_LIMIT = 5.0
FLUSH_LIMIT = 30.0
SETTLE_LIMIT = 10.0
"""Seconds for a prompt section or a recall, for a flush, and for what still observes when a session ends."""

FAILURES_BEFORE_MUTE = 3


class Memories:
    """What a session does with every memory that is installed."""

    def __init__(self, host: Host, session: SessionContext, use: MemoryUse) -> None:
        self._host = host
        self._session = session
        self._use = use
        self._observing = Background()

    def _with(self, feature: str, *uses: MemoryUse) -> Sequence[Contribution[MemorySpec]]:
        if self._use not in uses:
            return ()
        return [item for item in self._host.memories if feature in item.spec.features and not _muted(item)]

    async def prompt_sections(self) -> Sequence[tuple[int, str, str]]:
        """Order, name and text of each memory's part of the system prompt."""
        found = []
        for item in self._with("prompt", "full", "read"):
            text = await self._ask(item, lambda memory: memory.prompt_section(self._session), ANSWER_LIMIT, "")
            found.append((item.spec.order, item.name, str(text).strip()))
        return found

    async def recall(self, message: Message) -> Message:
        """The message with what the memories know beside it; the same object where that is nothing."""
        items = self._with("recall", "full")
        if not items:
            return message
        texts = await asyncio.gather(
            *(self._ask(item, lambda memory: memory.recall(message, self._session), ANSWER_LIMIT, "") for item in items)
        )
        added = tuple(
            Text(text=text, meta={ATTACHED: item.name}) for item, text in zip(items, texts, strict=True) if text
        )
        return msgspec.structs.replace(message, parts=(*message.parts, *added)) if added else message

    def observe(self, exchange: Exchange) -> None:
        """Tell of a turn, without waiting."""
        for item in self._with("observe", "full"):
            self._observing.spawn(self._tell(item, exchange), name=f"memory {item.name!r}")

    async def _tell(self, item: Contribution[MemorySpec], exchange: Exchange) -> None:
        await self._ask(item, lambda memory: memory.observe(exchange, self._session), None, None)

    async def flush(self, messages: Sequence[Message], reason: FlushReason) -> None:
        """Let them keep what is worth keeping of `messages`."""
        items = self._with("flush", "full")
        await asyncio.gather(
            *(
                self._ask(item, lambda memory: memory.flush(messages, self._session, reason), FLUSH_LIMIT, None)
                for item in items
            )
        )

    async def aclose(self) -> None:
        """Give what still observes a little time."""
        if not await self._observing.settle(SETTLE_LIMIT):
            await self._observing.aclose()

    async def _ask(
        self,
        item: Contribution[MemorySpec],
        question: Callable[[MemoryProvider], Awaitable[T]],
        limit: float | None,
        default: T,
    ) -> T:
        try:
            memory: MemoryProvider = await self._host.part(item)
            async with asyncio.timeout(limit):
                return await question(memory)
        except Exception as error:
            text = f"it did not answer within {limit:g} s." if isinstance(error, TimeoutError) else describe(error)
            problem = item.record.add_problem(item.title, text)
            log.warning("%s", problem.line(), exc_info=error)
            return default


def _muted(item: Contribution[Any]) -> bool:
    return sum(problem.where == item.title for problem in item.record.problems) >= FAILURES_BEFORE_MUTE
