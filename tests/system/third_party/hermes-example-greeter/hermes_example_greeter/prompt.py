"""A section of the system prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, SessionContext


async def manners(context: PluginContext, session: SessionContext) -> str:
    """How to address people."""
    return "Address people by their names."
