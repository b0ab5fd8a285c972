"""What servers answer, as the host's parts: text, pictures, sound, files, links and structured content, all bounded."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
from typing import TYPE_CHECKING, Any

from hermes_host.messages import Media, Text
from hermes_host.protocols import ToolOutput
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import ToolContext

__all__ = ["prompt_text", "resource_output", "tool_output"]

MEDIA_LIMIT = 5_000_000
"""Bytes of all pictures and sounds of one answer that go to the model; the rest is kept in files."""


class _Collector:
    def __init__(self, call: ToolContext) -> None:
        self.parts: list[Text | Media] = []
        self._call = call
        self._media = 0
        self._kept = 0

    def text(self, text: str) -> None:
        if text:
            between = "\n\n" if self.parts else ""
            self.parts.append(Text(text=between + text))

    def media(self, mime: str, encoded: str, name: str = "") -> None:
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            self.text(f"[{one_line(mime, 60)}: its data is not valid base64]")
            return
        family = mime.partition("/")[0]
        if family in ("image", "audio", "video") and self._media + len(data) <= MEDIA_LIMIT:
            self._media += len(data)
            self.parts.append(Media(kind=family, mime=mime, data=data, name=name))  # type: ignore[arg-type]
            return
        self._kept += 1
        path = self._call.keep(f"{self._kept}{mimetypes.guess_extension(mime) or '.bin'}", data)
        self.text(f"[{one_line(mime, 60)}, {len(data)} bytes, is in the file {path}]")

    def block(self, block: Any) -> None:
        if block.type == "text":
            self.text(block.text)
        elif block.type in ("image", "audio"):
            self.media(block.mime_type, block.data)
        elif block.type == "resource_link":
            about = ", ".join(filter(None, [block.title or block.name, block.mime_type, block.description]))
            self.text(f"[resource {block.uri}: {about}]")
        elif block.type == "resource":
            self.resource(block.resource)

    def resource(self, resource: Any) -> None:
        text = getattr(resource, "text", None)
        if text is not None:
            self.text(f"[resource {resource.uri}]\n{text}")
        else:
            self.media(resource.mime_type or "application/octet-stream", resource.blob, str(resource.uri))

    def content(self) -> tuple[Text | Media, ...]:
        return tuple(self.parts)


def tool_output(result: Any, call: ToolContext) -> ToolOutput:
    """The answer to a tool call. Structured content is shown unless a text part says the same."""
    collector = _Collector(call)
    for block in result.content:
        collector.block(block)
    structured = result.structured_content
    if structured is not None and not _says(result.content, structured):
        collector.text(json.dumps(structured, ensure_ascii=False, default=str))
    if not collector.parts:
        collector.text("The tool failed and said nothing." if result.is_error else "Done; the tool said nothing.")
    return ToolOutput(content=collector.content(), is_error=bool(result.is_error), provenance="external")


def _says(content: Iterable[Any], structured: Any) -> bool:
    texts = [block.text for block in content if block.type == "text"]
    wrapped = next(iter(structured.values())) if isinstance(structured, dict) and len(structured) == 1 else None
    if isinstance(wrapped, str) and wrapped in texts:
        return True
    if isinstance(wrapped, list) and [str(item) for item in wrapped] == texts:
        return True
    for text in texts:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if said == structured or (wrapped is not None and said == wrapped):
            return True
    return False


def resource_output(result: Any, call: ToolContext) -> ToolOutput:
    """The contents of a resource."""
    collector = _Collector(call)
    for resource in result.contents:
        collector.resource(resource)
    if not collector.parts:
        collector.text("The resource is empty.")
    return ToolOutput(content=collector.content(), provenance="external")


def prompt_text(result: Any) -> str:
    """The messages of a prompt as one text; what is not text is only named."""
    texts = []
    for message in result.messages:
        block = message.content
        if block.type == "text":
            text = block.text
        elif block.type == "resource" and getattr(block.resource, "text", None) is not None:
            text = f"[resource {block.resource.uri}]\n{block.resource.text}"
        else:
            text = f"[{block.type}, left out]"
        texts.append(text if message.role == "user" else f"[assistant]\n{text}")
    return "\n\n".join(texts)
