"""Reports of background subagents ride on the user's next message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_delegate.background import reports_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message
    from hermes_host.specs import MemorySpec

__all__ = ["Reports", "connect"]


def connect(context: PluginContext, spec: MemorySpec) -> Reports:
    """The part."""
    return Reports()


class Reports:
    """Implements `recall` of `hermes_host.protocols.MemoryProvider`; its spec declares nothing else."""

    async def recall(self, message: Message, session: SessionContext) -> str:
        """What ended since the last message."""
        texts = reports_of(session)
        return "\n\n" + "\n\n".join(texts) if texts else ""
