"""The sentence about past conversations in the system prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext

__all__ = ["section"]

_SENTENCE = "What was said in earlier conversations, find with `session_search` before you ask the user again."


async def section(context: PluginContext, session: Session) -> str:
    """Empty where the conversation does not have the tool."""
    return _SENTENCE if any(tool.name == "session_search" for tool in session.tools()) else ""
