"""A session's log as the messages of a conversation, and what a crash left open made whole."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import Message, Part, Text, ToolCall, ToolResult, tool_message
from hermes_host.records import SessionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_host.stream import MessageEnded

__all__ = [
    "PROMPT",
    "REMOVED",
    "messages_of",
    "numbered_messages",
    "open_calls",
    "past",
    "recorded_state",
    "settle",
    "with_unique_calls",
]


PROMPT = "host.prompt"
"""The state record with the system prompt."""

REMOVED = "host.removed"
"""The state record with the ids of the messages that `/undo` took out of the conversation; the log keeps them."""


def messages_of(records: Sequence[SessionRecord]) -> list[Message]:
    """The messages that count, oldest first."""
    return [message for _, message in numbered_messages(records)]


def numbered_messages(records: Sequence[SessionRecord]) -> list[tuple[str, Message]]:
    """The messages that count with the ids of their records, oldest first."""
    removed = {
        str(identity)
        for record in records
        if record.kind == "state" and record.name == REMOVED
        for identity in record.data.get("records", ())
    }
    return [
        (record.id, record.message)
        for record in records
        if record.kind == "message" and record.message is not None and record.id not in removed
    ]


def past(messages: Sequence[Message], system: str) -> list[SessionRecord]:
    """The records of what a conversation begins with: a system prompt, and messages that were said before."""
    now = time.time()
    said = [SessionRecord(kind="message", id=secrets.token_hex(6), time=now, message=message) for message in messages]
    if not system:
        return said
    data = {"system": system}
    return [SessionRecord(kind="state", id=secrets.token_hex(6), time=now, name=PROMPT, data=data), *said]


def recorded_state(records: Iterable[SessionRecord]) -> dict[str, dict[str, object]]:
    """The last recorded state of each name."""
    return {record.name: record.data for record in records if record.kind == "state"}


def open_calls(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """The calls of the last answer that have no result yet."""
    if not messages or messages[-1].role != "assistant":
        return ()
    return messages[-1].tool_calls


def settle(records: Sequence[SessionRecord]) -> Message | None:
    """The results of calls that a crash cut off; None when nothing is open.

    A result that was stored counts. A call that had begun is not run again: whether it took effect cannot be known,
    and the model is told so. A call that had not begun is reported as not run.
    """
    messages = messages_of(records)
    calls = open_calls(messages)
    if not calls:
        return None
    last_message = max(index for index, record in enumerate(records) if record.message is messages[-1])
    records = records[last_message:]  # ids of calls are the vendor's; some repeat them from turn to turn
    begun = {record.call_id for record in records if record.kind == "tool_started"}
    stored = {
        part.call_id: part
        for record in records
        if record.kind == "tool_finished" and record.message is not None
        for part in record.message.parts
        if isinstance(part, ToolResult)
    }
    return tool_message(*(stored.get(call.id) or _lost(call, call.id in begun) for call in calls))


def with_unique_calls(ended: MessageEnded) -> MessageEnded:
    """The same answer with ids of calls that are present and different; some servers leave them out or repeat them."""
    seen: set[str] = set()
    parts: list[Part] = []
    for part in ended.message.parts:
        if isinstance(part, ToolCall) and (not part.id or part.id in seen):
            part = msgspec.structs.replace(part, id=f"call_{secrets.token_hex(8)}")
        if isinstance(part, ToolCall):
            seen.add(part.id)
        parts.append(part)
    if all(new is old for new, old in zip(parts, ended.message.parts, strict=True)):
        return ended
    return msgspec.structs.replace(ended, message=msgspec.structs.replace(ended.message, parts=tuple(parts)))


def _lost(call: ToolCall, begun: bool) -> ToolResult:
    text = (
        "The program was ended while this call ran. It may or may not have taken effect; check before you repeat it."
        if begun
        else "The program was ended before this call ran. It was not executed."
    )
    return ToolResult(call_id=call.id, name=call.name, content=(Text(text=text),), is_error=True, provenance="owner")
