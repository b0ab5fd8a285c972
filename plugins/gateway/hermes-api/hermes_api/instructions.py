"""What a client says as system or developer: a part of the system prompt, kept with the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext

__all__ = ["STATE", "instruct", "section"]

STATE = "api.instructions"
"""The state record with them."""


async def section(context: PluginContext, session: Session) -> str:
    """The instructions of the conversation's client."""
    return str(session.context.recorded(STATE).get("text", ""))


async def instruct(session: Session, text: str | None) -> None:
    """Have these instructions from the next request on; None leaves those that are there."""
    if text is None or text == session.context.recorded(STATE).get("text", ""):
        return
    session.context.record(STATE, {"text": text})
    if session.system:
        await session.renew_prompt()
