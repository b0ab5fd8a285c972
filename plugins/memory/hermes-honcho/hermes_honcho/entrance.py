"""The memory as the host asks for it: where Honcho is not configured, nothing more than this is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hermes_honcho.configuration import configuration_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message
    from hermes_host.protocols import Exchange, MemoryProvider
    from hermes_host.specs import MemorySpec

__all__ = ["connect"]


async def connect(context: PluginContext, spec: MemorySpec) -> MemoryProvider:
    """Make the memory; the configuration counts for the life of the process."""
    if not configuration_of(context).active:
        return _Nothing()
    from hermes_honcho.memory import connect as connect_memory

    return await connect_memory(context, spec)


class _Nothing:
    """A memory that knows nothing and is told in vain."""

    async def prompt_section(self, session: SessionContext) -> str:
        return ""

    async def recall(self, message: Message, session: SessionContext) -> str:
        return ""

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        pass

    async def flush(
        self, messages: Sequence[Message], session: SessionContext, reason: Literal["compaction", "reset", "exit"]
    ) -> None:
        pass
