"""Message parts as content blocks of a request.

Each function is a pure mapping from the host's parts to JSON values, so that a message always gives the same bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from hermes_compatible.arguments import unparsed
from hermes_compatible.media import bytes_of, note
from hermes_host.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_compatible.preset import Quirks

__all__ = ["META", "THINKING", "Block", "answer_blocks", "call_id", "result_block", "user_blocks"]

Block = dict[str, Any]

META = "anthropic"
"""The key of a reasoning part's `meta`: the model, and the signature or the encrypted data that must come back."""

THINKING = ("thinking", "redacted_thinking")

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"


def answer_blocks(message: Message, model: str, quirks: Quirks) -> list[Block]:
    """The blocks of an answer in their order. The API refuses an answer that ends in a thought, and with it every later
    request of the conversation; so thoughts at the end, where the answer was cut, do not go back."""
    unsigned = quirks.unsigned_thinking and not message.incomplete
    blocks = [block for part in message.parts if (block := _answer_block(part, model, unsigned=unsigned))]
    while blocks and blocks[-1]["type"] in THINKING:
        blocks.pop()
    return blocks


def user_blocks(message: Message, quirks: Quirks) -> list[Block]:
    """The blocks of what a user said, without results of calls."""
    own = message.role == "user" and message.provenance == "owner"
    return _content(message.parts, quirks, own=own)


def result_block(part: ToolResult, quirks: Quirks) -> Block:
    """The block of a call's result."""
    block: Block = {"type": "tool_result", "tool_use_id": call_id(part.call_id)}
    block["content"] = _content(part.content, quirks, own=False) or "(no output)"
    if part.is_error:
        block["is_error"] = True
    return block


def call_id(id: str) -> str:
    """The id where it has only characters the format allows; another vendor's id may have others."""
    if re.fullmatch(r"[a-zA-Z0-9_-]+", id):
        return id
    import hashlib

    return f"call_{hashlib.sha256(id.encode()).hexdigest()[:24]}"


def _answer_block(part: Any, model: str, *, unsigned: bool) -> Block | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, ToolCall):
        arguments = unparsed(part.raw) if part.arguments is None else part.arguments
        return {"type": "tool_use", "id": call_id(part.id), "name": part.name, "input": arguments}
    return _thinking(part, model, unsigned=unsigned) if isinstance(part, Reasoning) else None


def _thinking(part: Reasoning, model: str, *, unsigned: bool) -> Block | None:
    """A thought as it came: a changed one, one of another model, or one without its signature would be refused."""
    kept = part.meta.get(META)
    if not isinstance(kept, dict) or kept.get("model") != model:
        return None
    if kept.get("data"):
        return {"type": "redacted_thinking", "data": kept["data"]}
    signature = kept.get("signature", "")
    if not signature and not (unsigned and part.text):
        return None
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def _content(parts: Iterable[Any], quirks: Quirks, *, own: bool) -> list[Block]:
    return [_block(part, quirks, own=own) for part in parts if isinstance(part, Media) or _has_text(part)]


def _has_text(part: Any) -> bool:
    """Blocks of white space alone are refused."""
    return isinstance(part, Text) and bool(part.text.strip())


def _block(part: Text | Media, quirks: Quirks, *, own: bool) -> Block:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if part.kind == "image" and part.mime in _IMAGES:
        source = _source(part, bytes_of(part, own=own))
        return {"type": "image", "source": source} if source else note(part, "it could not be read")
    if part.mime == _PDF and quirks.documents:
        source = _source(part, bytes_of(part, own=own))
        return _document(part, source) if source else note(part, "it could not be read")
    if part.kind == "file" and part.mime.startswith("text/"):
        text = bytes_of(part, own=own).decode("utf-8", "replace")
        return _text_file(part, text, quirks) if text.strip() else note(part, "it is empty or could not be read")
    return note(part, "this provider does not take it")


def _source(part: Media, data: bytes) -> Block | None:
    if data:
        return {"type": "base64", "media_type": part.mime, "data": b64encode(data).decode()}
    return {"type": "url", "url": part.url} if part.url.startswith("https:") else None


def _text_file(part: Media, text: str, quirks: Quirks) -> Block:
    if quirks.documents:
        return _document(part, {"type": "text", "media_type": "text/plain", "data": text})
    return {"type": "text", "text": f"The file {part.name or 'without a name'}:\n\n{text}"}


def _document(part: Media, source: Block) -> Block:
    return {"type": "document", "source": source, **({"title": part.name} if part.name else {})}
