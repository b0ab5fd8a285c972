"""Messages in the request's wire format.

Each function is a pure mapping from the host's messages to JSON values, so that a message always gives the same bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.arguments import unparsed
from hermes_compatible.media import bytes_of, note
from hermes_host.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_compatible.preset import Quirks

__all__ = ["wire_messages"]

Wire = dict[str, Any]

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def wire_messages(message: Message, quirks: Quirks, provider: str) -> list[Wire]:
    """The wire messages one message becomes: none when nothing of it can be sent, several for several tool results."""
    if message.role == "assistant":
        return _assistant(message, quirks, provider)
    if message.role == "tool":
        return _results(message, quirks)
    content = _content(message.parts, own=message.provenance == "owner")
    return [{"role": "user", "content": content}] if content else []


def _assistant(message: Message, quirks: Quirks, provider: str) -> list[Wire]:
    thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
    calls = [_call(part, quirks) for part in message.parts if isinstance(part, ToolCall)]
    text = message.text
    if quirks.echo == "think" and thoughts:
        text = f"<think>\n{_thought(thoughts)}\n</think>\n\n{text}"
    if not text and not calls:
        return []
    wire: Wire = {"role": "assistant", "content": text or None}
    wire.update(_echoed(thoughts, quirks, provider, with_calls=bool(calls)))
    if calls:
        wire["tool_calls"] = calls
    return [wire]


def _echoed(thoughts: list[Reasoning], quirks: Quirks, provider: str, *, with_calls: bool) -> Wire:
    if quirks.echo == "reasoning_content":
        # DeepSeek refuses a turn with calls when the field is missing, even where there were no thoughts.
        thought = _thought(thoughts)
        return {"reasoning_content": thought} if thought or with_calls else {}
    if quirks.echo == "reasoning_details":
        details = [
            detail
            for part in thoughts
            if part.meta.get("provider") == provider
            for detail in part.meta.get("reasoning_details", ())
        ]
        return {"reasoning_details": details} if details else {}
    return {}


def _thought(thoughts: Iterable[Reasoning]) -> str:
    return "".join(part.text for part in thoughts)


def _call(part: ToolCall, quirks: Quirks) -> Wire:
    if part.arguments is None:
        text = msgspec.json.encode(unparsed(part.raw)).decode()
    else:
        text = part.raw.strip() or msgspec.json.encode(part.arguments).decode()
        text = "{}" if text == "null" else text
    wire: Wire = {
        "id": _call_id(part.id, quirks),
        "type": "function",
        "function": {"name": part.name, "arguments": text},
    }
    if "extra_content" in part.meta:
        wire["extra_content"] = part.meta["extra_content"]
    return wire


def _call_id(id: str, quirks: Quirks) -> str:
    if not quirks.short_call_ids or re.fullmatch(r"[A-Za-z0-9]{9}", id):
        return id
    import hashlib

    return hashlib.sha256(id.encode()).hexdigest()[:9]


def _results(message: Message, quirks: Quirks) -> list[Wire]:
    """A wire message for each result; what is not text follows in a user message, as tool messages take only text."""
    wire: list[Wire] = []
    shown: list[Wire] = []
    for part in message.parts:
        if not isinstance(part, ToolResult):
            continue
        content = text_of(part.content)
        media = [item for item in part.content if isinstance(item, Media)]
        if media:
            shown.append({"type": "text", "text": f"What the call of {part.name} returned beside its text:"})
            shown.extend(_media(item, own=False) for item in media)
            content = content or "(see the next message)"
        wire.append(
            {"role": "tool", "tool_call_id": _call_id(part.call_id, quirks), "content": content or "(no output)"}
        )
    if shown:
        wire.append({"role": "user", "content": shown})
    return wire


def _content(parts: Iterable[Any], *, own: bool) -> str | list[Wire]:
    """Plain text as a string, which every server takes; with media a list of typed parts."""
    known = [part for part in parts if isinstance(part, Text | Media)]
    if all(isinstance(part, Text) for part in known):
        return "\n\n".join(part.text for part in known if isinstance(part, Text) and part.text)
    return [_typed(part, own=own) for part in known]


def _typed(part: Text | Media, *, own: bool) -> Wire:
    return {"type": "text", "text": part.text} if isinstance(part, Text) else _media(part, own=own)


def _media(part: Media, *, own: bool) -> Wire:
    data = bytes_of(part, own=own)
    if not data and not part.url.startswith("https:"):
        return note(part, "it could not be read")
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": _data_url(part.mime, data) if data else part.url}}
    if not data:
        return note(part, f"it is at {part.url}")
    if part.kind == "audio" and part.mime in _AUDIO_FORMATS:
        encoded = b64encode(data).decode()
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": _AUDIO_FORMATS[part.mime]}}
    if part.kind == "file" and part.mime.startswith("text/"):
        return {"type": "text", "text": f"The file {part.name or 'without a name'}:\n\n{data.decode(errors='replace')}"}
    if part.kind == "file":
        return {
            "type": "file",
            "file": {"filename": part.name or "file", "file_data": _data_url(part.mime, data)},
        }
    return note(part, "this provider does not take it")


def _data_url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{b64encode(data).decode()}"
