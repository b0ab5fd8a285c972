"""What tools give back, as MCP has it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import mcp_types as types

from hermes_host.messages import Media, Text

if TYPE_CHECKING:
    from hermes_host.messages import ToolResult

__all__ = ["content_block", "failure", "tool_result"]

_TEXTUAL = ("application/json", "application/xml", "application/yaml", "image/svg+xml")


def tool_result(result: ToolResult) -> types.CallToolResult:
    """The result of a call."""
    blocks = [content_block(part) for part in result.content]
    return types.CallToolResult(content=[block for block in blocks if block is not None], is_error=result.is_error)


def failure(text: str) -> types.CallToolResult:
    """A failure the client's model can read and act on."""
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def content_block(part: Any) -> types.ContentBlock | None:
    """A text, picture, sound or file; None for a part of a kind this host does not know."""
    if isinstance(part, Text):
        return types.TextContent(text=part.text)
    if not isinstance(part, Media):
        return None
    if not part.data and part.url:
        return types.ResourceLink(name=part.name or part.url, uri=part.url, mime_type=part.mime)
    if part.kind == "image":
        return types.ImageContent(data=_encoded(part.data), mime_type=part.mime)
    if part.kind == "audio":
        return types.AudioContent(data=_encoded(part.data), mime_type=part.mime)
    return types.EmbeddedResource(resource=_resource(part))


def _resource(part: Media) -> types.TextResourceContents | types.BlobResourceContents:
    uri = part.url or (part.name if "://" in part.name else f"hermes://attachment/{part.name or 'file'}")
    if part.mime.startswith("text/") or part.mime in _TEXTUAL:
        try:
            return types.TextResourceContents(uri=uri, mime_type=part.mime, text=part.data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return types.BlobResourceContents(uri=uri, mime_type=part.mime, blob=_encoded(part.data))


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
