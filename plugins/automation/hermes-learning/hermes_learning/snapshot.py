"""What a review is shown of a conversation: everything that was said, results cut to what matters, up to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import ATTACHED, Media, Message, Text, ToolCall, ToolResult, text_of, user_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_learning.experience import Entry

__all__ = ["Snapshot", "snapshot"]

_LEVELS = (1.0, 0.4, 0.15)
"""How much of each piece is kept, the first that makes all of them fit."""

_SAID, _ANSWERED, _FAILED, _RESULT, _ARGUMENT, _ATTACHMENT = 6_000, 4_000, 1_600, 800, 800, 300
"""Characters of each kind of piece."""


class Snapshot(msgspec.Struct, frozen=True):
    """The messages, and the id of the last record they stand for; no messages where there is nothing to show."""

    messages: tuple[Message, ...]
    through: str


def snapshot(entries: Sequence[Entry], limit: int) -> Snapshot:
    """The entries up to the last whole step, in at most `limit` characters; what is older is left out first."""
    steps = _steps(entries)
    if not steps:
        return Snapshot((), "")
    through = steps[-1][-1].id
    for level in _LEVELS:
        cut = [[_cut(entry.message, level) for entry in step] for step in steps]
        if sum(map(_size, cut)) <= limit:
            return Snapshot(tuple(message for step in cut for message in step), through)
    return Snapshot(tuple(_newest(cut, limit)), through)


def _steps(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Messages with the results of their calls; an open call or an unanswered question at the end is left out."""
    steps: list[list[Entry]] = []
    for entry in entries:
        if entry.message.role == "tool":
            if steps and steps[-1][-1].message.tool_calls:
                steps[-1].append(entry)
        else:
            steps.append([entry])
    while steps and (steps[-1][-1].message.role == "user" or steps[-1][-1].message.tool_calls):
        steps.pop()
    return steps


def _newest(steps: Sequence[list[Message]], limit: int) -> list[Message]:
    kept: list[list[Message]] = []
    room = limit
    for step in reversed(steps):
        room -= _size(step)
        if room < 0 and kept:
            break
        kept.append(step)
    left_out = len(steps) - len(kept)
    note = user_message(f"[The first {left_out} steps of this conversation are left out here.]", provenance="external")
    return [note, *(message for step in reversed(kept) for message in step)]


def _size(step: Sequence[Message]) -> int:
    return sum(_length(part) for message in step for part in message.parts)


def _length(part: Any) -> int:
    if isinstance(part, ToolResult):
        return len(text_of(part.content))
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.raw)
    return len(part.text) if isinstance(part, Text) else 0


def _cut(message: Message, level: float) -> Message:
    said = _SAID if message.role == "user" else _ANSWERED
    parts: list[Any] = []
    for part in message.parts:
        if isinstance(part, Text):
            cap = _ATTACHMENT if ATTACHED in part.meta else said
            parts.append(Text(text=_shorten(part.text, int(cap * level))))
        elif isinstance(part, ToolCall):
            parts.append(_cut_call(part, int(_ARGUMENT * level)))
        elif isinstance(part, ToolResult):
            parts.append(_cut_result(part, int((_FAILED if part.is_error else _RESULT) * level)))
        elif isinstance(part, Media):
            parts.append(Text(text=f"[{part.kind} {part.name}]"))
    return Message(role=message.role, parts=tuple(parts) or (Text(text="[…]"),), provenance=message.provenance)


def _cut_call(call: ToolCall, cap: int) -> ToolCall:
    arguments = {
        name: _shorten(value, cap) if isinstance(value, str) else value
        for name, value in (call.arguments or {}).items()
    }
    raw = msgspec.json.encode(arguments).decode()
    if len(raw) > 4 * cap:
        arguments = {"shortened": _shorten(raw, cap)}
        raw = msgspec.json.encode(arguments).decode()
    return ToolCall(id=call.id, name=call.name, arguments=arguments, raw=raw)


def _cut_result(result: ToolResult, cap: int) -> ToolResult:
    return ToolResult(
        call_id=result.call_id,
        name=result.name,
        content=(Text(text=_shorten(text_of(result.content), cap)),),
        is_error=result.is_error,
        provenance=result.provenance,
    )


def _shorten(text: str, cap: int) -> str:
    if len(text) <= cap:
        return text
    end = cap // 4
    return f"{text[: cap - end]}\n[… {len(text) - cap:,} characters …]\n{text[-end:] if end else ''}"
