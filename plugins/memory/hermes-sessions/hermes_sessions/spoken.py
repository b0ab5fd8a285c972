"""What of a record can be searched: what was said, the arguments of calls, and what they gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import ATTACHED, Media, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from hermes_host.messages import Message

__all__ = ["searchable"]

_LONGEST = 1_000_000
"""Characters of one message that are taken in."""


def searchable(message: Message) -> str:
    """The message's text. What memories and files attached to it is not its own and stays out; so does thinking."""
    pieces: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            if ATTACHED not in part.meta:
                pieces.append(part.text)
        elif isinstance(part, ToolCall):
            pieces.append(f"{part.name} {_arguments(part)}")
        elif isinstance(part, ToolResult):
            pieces.extend(inner.text for inner in part.content if isinstance(inner, Text))
        elif isinstance(part, Media):
            pieces.append(part.name)
    return "\n".join(piece for piece in pieces if piece)[:_LONGEST]


def _arguments(call: ToolCall) -> str:
    if call.arguments is None:
        return call.raw
    # Values as they are, not as JSON writes them: `C:\\new` holds no line break.
    return " ".join(_values(call.arguments))


def _values(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (str(key), *_values(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in _values(inner)]
    return [value if isinstance(value, str) else msgspec.json.encode(value).decode()]
