"""Messages and their parts: values, with no identity of their own (ids and times belong to the session's records).

Everything here is frozen. `meta` on a part or a message carries what a provider must get back (signatures, encrypted
reasoning) and nobody else reads it. `Unknown` keeps parts written by a newer host, so that nothing is lost on the way
through this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ATTACHED",
    "Media",
    "Message",
    "Part",
    "Provenance",
    "Reasoning",
    "Role",
    "Text",
    "ToolCall",
    "ToolResult",
    "Unknown",
    "as_written",
    "assistant_message",
    "decode_message",
    "encode_message",
    "text_of",
    "tool_message",
    "user_message",
]

Role = Literal["user", "assistant", "tool"]

Provenance = Literal["owner", "member", "external"]
"""Whose words these are: the owner's, another authorised person's, or the outside world's (web page, file, output)."""


ATTACHED = "hermes.attached"
"""The key of a part's `meta` that says who added the part to what the person wrote, such as `memory` or `file`."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    meta: dict[str, Any] = {}


class Text(_Part, frozen=True, tag="text"):
    """Plain text or Markdown."""

    text: str


class Reasoning(_Part, frozen=True, tag="reasoning"):
    """What the model thought. `redacted` when the vendor gave only an encrypted form, kept in `meta`."""

    text: str = ""
    redacted: bool = False


class ToolCall(_Part, frozen=True, tag="tool_call"):
    """A call the model wants made.

    `arguments` is the parsed JSON object, or None where it did not parse; such a call is never executed. `raw` is the
    text as the model wrote it.
    """

    id: str
    name: str
    arguments: dict[str, Any] | None = None
    raw: str = ""


class Media(_Part, frozen=True, tag="media"):
    """An image, sound, video or document: bytes, or the `url` where it lies (`file:` and `https:`)."""

    kind: Literal["image", "audio", "video", "file"]
    mime: str
    data: bytes = b""
    url: str = ""
    name: str = ""


class Unknown(_Part, frozen=True, tag="unknown"):
    """A part of a kind this host does not know, read from disk and written back as it was."""

    data: dict[str, Any] = {}


class ToolResult(_Part, frozen=True, tag="tool_result"):
    """What a call gave. `content` is for the model; `provenance` says whose words they are."""

    call_id: str
    name: str
    content: tuple[Text | Media | Unknown, ...] = ()
    is_error: bool = False
    provenance: Provenance = "external"


Part = Text | Reasoning | ToolCall | ToolResult | Media | Unknown


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a conversation. `meta` as on parts; `incomplete` marks an answer that was cut short."""

    role: Role
    parts: tuple[Part, ...] = ()
    provenance: Provenance = "owner"
    incomplete: bool = False
    meta: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return text_of(self.parts)

    @property
    def said(self) -> str:
        """The text that was written by whoever sent the message, without what was attached to it."""
        return text_of(part for part in self.parts if ATTACHED not in part.meta)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def text_of(parts: Iterable[Any]) -> str:
    """The text of all text parts, joined with nothing between."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def as_written(message: Message) -> Message:
    """The message without what was attached to it."""
    return Message(
        role=message.role,
        parts=tuple(part for part in message.parts if ATTACHED not in part.meta),
        provenance=message.provenance,
    )


def user_message(*parts: str | Part, provenance: Provenance = "owner") -> Message:
    """A user message of strings and parts."""
    return Message(role="user", parts=_as_parts(parts), provenance=provenance)


def assistant_message(*parts: str | Part) -> Message:
    """An assistant message of strings and parts."""
    return Message(role="assistant", parts=_as_parts(parts))


def tool_message(*results: ToolResult) -> Message:
    """The results of one step's calls, in call order."""
    return Message(role="tool", parts=results, provenance="external")


def _as_parts(parts: Iterable[str | Part]) -> tuple[Part, ...]:
    return tuple(Text(text=part) if isinstance(part, str) else part for part in parts)


_KINDS: dict[str, type[Any]] = {
    "text": Text,
    "reasoning": Reasoning,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "media": Media,
}


def encode_message(message: Message) -> dict[str, Any]:
    """The message as plain JSON values, with unknown parts and keys put back as they were read."""
    data: dict[str, Any] = msgspec.to_builtins(message)
    if message.parts:
        data["parts"] = [_encode_part(part) for part in message.parts]
    return _restore(data)


def decode_message(data: dict[str, Any]) -> Message:
    """The message in `data`. Parts of unknown kind become `Unknown`; unknown keys are kept in `meta`.

    Raises `msgspec.ValidationError` where a known field has a wrong type.
    """
    known = _keep_unknown(data, Message)
    parts = tuple(_decode_part(part) for part in known.pop("parts", ()))
    message = msgspec.convert(known, Message)
    return msgspec.structs.replace(message, parts=parts)


_EXTRA = "hermes.unknown_keys"


def _keep_unknown(data: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    names = {*kind.__struct_fields__, "type"}
    extra = {key: value for key, value in data.items() if key not in names}
    if not extra:
        return dict(data)
    kept = {key: value for key, value in data.items() if key in names}
    kept["meta"] = {**kept.get("meta", {}), _EXTRA: extra}
    return kept


def _restore(data: dict[str, Any]) -> dict[str, Any]:
    extra = data.get("meta", {}).pop(_EXTRA, None)
    if extra is None:
        return data
    if not data["meta"]:
        del data["meta"]
    return {**data, **extra}


def _decode_part(data: dict[str, Any]) -> Any:
    kind = _KINDS.get(data.get("type", ""))
    if kind is None:
        return Unknown(data=data)
    known = _keep_unknown(data, kind)
    if kind is ToolResult:
        content = tuple(_decode_part(part) for part in known.pop("content", ()))
        return msgspec.structs.replace(msgspec.convert(known, ToolResult), content=content)
    return msgspec.convert(known, kind)


def _encode_part(part: Any) -> dict[str, Any]:
    if isinstance(part, Unknown):
        return dict(part.data)
    data: dict[str, Any] = msgspec.to_builtins(part)
    if isinstance(part, ToolResult) and part.content:
        data["content"] = [_encode_part(inner) for inner in part.content]
    return _restore(data)
