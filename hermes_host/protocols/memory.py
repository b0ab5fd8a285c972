"""What outlives a conversation: memories and skills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

from hermes_host.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import SessionContext

__all__ = ["Exchange", "MemoryProvider", "SkillFolder", "SkillSource"]


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn added to a conversation."""

    messages: tuple[Message, ...]
    """From the user's message to the answer, with all tool calls and results."""
    outcome: str
    """One of the outcomes of `TurnFinished`."""
    turn_id: str = ""


class MemoryProvider(Protocol):
    """What remembers across conversations. Only the methods its spec's `features` name are called.

    Made once per process and used by many sessions at once. A method that fails or takes too long costs the
    conversation nothing but what it would have given.
    """

    async def prompt_section(self, session: SessionContext) -> str:
        """Text for the system prompt, which then stays as it is until compaction; empty for none. At most 5 s."""
        ...

    async def recall(self, message: Message, session: SessionContext) -> str:
        """What the model should know beside this message of the user; it is stored and sent with it. At most 5 s."""
        ...

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """A turn is over. Nobody waits for this; at the end of a session what still runs gets 10 s."""
        ...

    async def flush(
        self, messages: Sequence[Message], session: SessionContext, reason: Literal["compaction", "reset", "exit"]
    ) -> None:
        """The model is about to lose sight of `messages`: keep what is worth keeping. At most 30 s."""
        ...


class SkillFolder(msgspec.Struct, frozen=True, kw_only=True):
    """Where a skill lies: an absolute path to a folder that holds `SKILL.md`."""

    path: str
    category: str = ""


@runtime_checkable
class SkillSource(Protocol):
    """Skills in the format of agentskills.io, on this machine's file system."""

    def folders(self) -> Sequence[SkillFolder]:
        """The skills, without reading them. Empty where there are none; never raises for a missing folder."""
        ...
