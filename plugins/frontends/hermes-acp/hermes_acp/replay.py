"""A conversation's past, told to an editor as if it happened now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_acp.prompt import content_of
from hermes_host.messages import ATTACHED, Media, Reasoning, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_acp.toolcalls import ToolCalls
    from hermes_host.messages import Message

__all__ = ["chunk", "past"]


def chunk(who: str, text: str) -> dict[str, Any]:
    """More of a message. `who` is `user`, or what the agent gives: `agent`; `thought` for what it thinks."""
    return {"sessionUpdate": _KINDS[who], "content": {"type": "text", "text": text}}


_KINDS = {"user": "user_message_chunk", "agent": "agent_message_chunk", "thought": "agent_thought_chunk"}


def past(messages: Sequence[Message], calls: ToolCalls) -> Iterator[dict[str, Any]]:
    """The updates of all messages, in order, without what was attached to what a person wrote."""
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                settled = calls.settled(part)
                if settled is not None:
                    yield settled
            elif isinstance(part, ToolCall):
                yield calls.announced(part)
            elif ATTACHED not in part.meta:
                yield from _said("user" if message.role == "user" else "agent", part)


def _said(who: str, part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, Reasoning) and part.text:
        yield chunk("thought", part.text)
    elif isinstance(part, Text) and part.text:
        yield chunk(who, part.text)
    elif isinstance(part, Media):
        yield {"sessionUpdate": _KINDS[who], "content": content_of(part)}
