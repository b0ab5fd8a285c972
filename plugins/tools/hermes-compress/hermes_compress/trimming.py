"""Old tool results cut down to a note that says where the whole is, without asking any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Media, Message, Text, ToolCall, ToolResult, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["SHORT", "Trim", "described_call", "trimmed"]

SHORT = 200
"""Characters; a result no longer than this stays as it is."""

_ARGUMENT = 80


class Trim(msgspec.Struct, frozen=True):
    """In messages `start` to `stop`, results keep `keep` characters of their text: most of the beginning, some of the
    end; with 0 only a note stays."""

    start: int
    stop: int
    keep: int


def trimmed(
    messages: Sequence[Message], start: int, stop: int, trims: Sequence[Trim], session_id: str
) -> Iterator[Message]:
    """Messages `start` to `stop`, trimmed; a message in which nothing is cut is the same object."""
    calls: dict[str, ToolCall] = {}
    for index in range(start, stop):
        message = messages[index]
        if message.role == "assistant":
            calls = {call.id: call for call in message.tool_calls}
        keep = next((trim.keep for trim in trims if trim.start <= index < trim.stop), None)
        yield message if keep is None or message.role != "tool" else _trim(message, keep, calls, session_id)


def _trim(message: Message, keep: int, calls: Mapping[str, ToolCall], session_id: str) -> Message:
    parts = tuple(
        _shorter(part, keep, calls.get(part.call_id), session_id) if isinstance(part, ToolResult) else part
        for part in message.parts
    )
    if all(new is old for new, old in zip(parts, message.parts, strict=True)):
        return message
    return msgspec.structs.replace(message, parts=parts)


def _shorter(result: ToolResult, keep: int, call: ToolCall | None, session_id: str) -> ToolResult:
    text = text_of(result.content)
    media = sum(isinstance(part, Media) for part in result.content)
    if len(text) <= max(keep, SHORT) and not media:
        return result
    what = described_call(call) if call is not None else result.name
    gone = [f"{len(text) - keep:,} characters"] if len(text) > max(keep, SHORT) else []
    gone += [f"{media} attached files"] if media else []
    note = (
        f"[Left out to save space: {' and '.join(gone)} of what {what} gave. "
        f"The whole is in the log of session {session_id}, call {result.call_id}; call the tool again if you need it.]"
    )
    shorter = _around(text, keep, note)
    if len(shorter) >= len(text) and not media:
        return result
    return msgspec.structs.replace(result, content=(Text(text=shorter),))


def _around(text: str, keep: int, note: str) -> str:
    if len(text) <= max(keep, SHORT):
        return f"{text}\n\n{note}"
    if not keep:
        return note
    end = keep // 4
    return f"{text[: keep - end]}\n\n{note}\n\n{text[-end:]}"


def described_call(call: ToolCall) -> str:
    """A call in a few words: its name and its first arguments that are short."""
    shown = [f"{name}={_one_line(value)}" for name, value in (call.arguments or {}).items() if _is_short(value)]
    return f"{call.name}({', '.join(shown[:2])})"


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 4 * _ARGUMENT


def _one_line(value: Any) -> str:
    line = " ".join(str(value).split())
    return line if len(line) <= _ARGUMENT else line[: _ARGUMENT - 1] + "…"
