"""Where a conversation stands, worked out from its messages alone, so that a resumed one goes on as if never left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Message, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Standing", "failed", "stand", "text_of_result"]

_FILE_TOOLS = frozenset({"read_file", "write_file", "patch"})


class Standing(msgspec.Struct, frozen=True):
    """The last user message, and what has come of it."""

    text: str
    """What the user asks for."""
    call_prefix: str
    """Calls made for this message have ids that begin so; no other call in the conversation has one."""
    results: Mapping[str, ToolResult]
    """By the id of the call."""
    last_file: str
    """The file spoken of before this message."""
    first: bool
    """Whether nothing was answered in this conversation yet."""


def stand(messages: Sequence[Message]) -> Standing:
    """Look at a conversation."""
    asked = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    earlier, later = messages[: max(asked, 0)], messages[asked + 1 :]
    calls = [call for message in earlier for call in message.tool_calls]
    return Standing(
        text=messages[asked].text if asked >= 0 else "",
        call_prefix=_unused_prefix(sum(message.role == "user" for message in earlier) + 1, calls),
        results={part.call_id: part for message in later for part in message.parts if isinstance(part, ToolResult)},
        last_file=_last_file(calls),
        first=not any(message.role == "assistant" for message in messages),
    )


def _unused_prefix(number: int, calls: Sequence[ToolCall]) -> str:
    # A shortened conversation counts fewer messages than the calls it kept.
    while any(call.id.startswith(f"offline_{number}_") for call in calls):
        number += 1
    return f"offline_{number}_"


def _last_file(calls: Sequence[ToolCall]) -> str:
    for call in reversed(calls):
        path = (call.arguments or {}).get("path")
        if call.name in _FILE_TOOLS and isinstance(path, str):
            return path
    return ""


def failed(result: ToolResult) -> bool:
    """Whether the call went wrong: an error, or a command that ended with a code other than 0."""
    if result.is_error:
        return True
    text = "".join(part.text for part in result.content if isinstance(part, Text))
    if result.name != "terminal":
        return False
    if re.search(r"^\[exit [1-9][^\n]*\]\s*\Z", text, re.MULTILINE):
        return True
    data = _json_object(text)
    return bool(data.get("exit_code") or data.get("error"))


def text_of_result(result: ToolResult) -> str:
    """What a tool said; of a JSON object the part that is output."""
    text = "".join(part.text for part in result.content if isinstance(part, Text))
    data = _json_object(text)
    for name in ("output", "content", "text", "error"):
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name])
    return text


def _json_object(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        data = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return data if isinstance(data, dict) else {}
