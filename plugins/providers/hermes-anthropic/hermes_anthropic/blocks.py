"""The host's message parts as content blocks of the Messages API.

Pure mappings from values to JSON values, so that a message always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hermes_host.messages import Media, Reasoning, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["META", "Block", "assistant_blocks", "call_id", "result_block", "user_blocks"]

Block = dict[str, Any]

META = "anthropic"
"""The key of a part's `meta` that holds what the vendor must get back."""

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_LARGEST_FILE = 32 * 1024 * 1024
"""The vendor's limit for a whole request."""
_UNPARSED_SHOWN = 2_000
_VALID_ID = re.compile(r"[a-zA-Z0-9_-]+")


def assistant_blocks(parts: Iterable[Any], model: str) -> list[Block]:
    """The blocks of an answer, in their order. Thoughts of other models, and unsigned ones, cannot go back."""
    blocks = (_assistant_block(part, model) for part in parts)
    return [block for block in blocks if block is not None]


def user_blocks(parts: Iterable[Any], *, own: bool) -> list[Block]:
    """The blocks of a user's message. `own` says that the owner wrote it, whose files may be read."""
    return [_content_block(part, own=own) for part in parts if _has_content(part)]


def result_block(part: ToolResult) -> Block:
    """The block of a call's result."""
    content = [_content_block(item, own=False) for item in part.content if _has_content(item)]
    block: Block = {"type": "tool_result", "tool_use_id": call_id(part.call_id)}
    block["content"] = content or "(no output)"
    if part.is_error:
        block["is_error"] = True
    return block


def call_id(id: str) -> str:
    """The id in the alphabet the API allows; ids of other vendors may have other characters."""
    return id if _VALID_ID.fullmatch(id) else "call_" + hashlib.sha256(id.encode()).hexdigest()[:24]


def _assistant_block(part: Any, model: str) -> Block | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": call_id(part.id), "name": part.name, "input": _input(part)}
    if isinstance(part, Reasoning):
        return _thinking(part, model)
    return None


def _thinking(part: Reasoning, model: str) -> Block | None:
    kept = part.meta.get(META)
    if not isinstance(kept, dict) or kept.get("model") != model:
        return None
    if "data" in kept:
        return {"type": "redacted_thinking", "data": kept["data"]}
    if kept.get("signature"):
        return {"type": "thinking", "thinking": part.text, "signature": kept["signature"]}
    return None


def _input(part: ToolCall) -> dict[str, Any]:
    """The arguments; where they did not parse, an object that shows the model what it wrote."""
    return {"unparsed_arguments": part.raw[:_UNPARSED_SHOWN]} if part.arguments is None else part.arguments


def _has_content(part: Any) -> bool:
    return isinstance(part, Media) or (isinstance(part, Text) and bool(part.text.strip()))


def _content_block(part: Any, *, own: bool) -> Block:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    data = part.data or _file(part.url, own=own)
    if part.kind == "image" and part.mime in _IMAGES:
        source = _source(part, data)
        return {"type": "image", "source": source} if source else _note(part, "it could not be read")
    if part.mime == "application/pdf":
        source = _source(part, data)
        return _document(part, source) if source else _note(part, "it could not be read")
    if part.kind == "file" and part.mime.startswith("text/") and data.strip():
        text = data.decode("utf-8", "replace")
        return _document(part, {"type": "text", "media_type": "text/plain", "data": text})
    return _note(part, "this provider does not take it")


def _source(part: Media, data: bytes) -> Block | None:
    if data:
        return {"type": "base64", "media_type": part.mime, "data": b64encode(data).decode()}
    return {"type": "url", "url": part.url} if part.url.startswith("https:") else None


def _document(part: Media, source: Block) -> Block:
    block: Block = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    return block


def _note(part: Media, reason: str) -> Block:
    return {"type": "text", "text": f"[{part.kind} {part.name or part.mime}: {reason}]"}


def _file(url: str, *, own: bool) -> bytes:
    """A local file that the owner attached. Nobody else's words may make a file of this machine leave it."""
    if not own or not url.startswith("file:"):
        return b""
    path = Path(unquote(urlsplit(url).path))
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST_FILE else b""
    except OSError:
        return b""
