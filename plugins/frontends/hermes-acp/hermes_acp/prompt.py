"""What a person sends from an editor, as a message; and parts of messages as the protocol's content."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hermes_host.errors import HermesError
from hermes_host.messages import ATTACHED, Media, Message, Text, user_message
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.messages import Part

__all__ = ["content_of", "message_of"]

LARGEST_MEDIA = 20_000_000
"""Bytes of one image or document."""
LARGEST_TEXT = 1_000_000
"""Characters of one embedded file."""


def message_of(blocks: Sequence[Any]) -> Message:
    """The message in the blocks of a prompt. Files it carries are parts of their own behind what was written.

    Raises `HermesError` for what cannot be sent; nothing is dropped in silence.
    """
    said: list[Part] = []
    attached: list[Part] = []
    for block in blocks:
        if block.type == "text":
            said.append(Text(text=_clean(block.text)))
        elif block.type == "image":
            said.append(_image(block))
        elif block.type == "resource_link":
            said.append(Text(text=_link(block.title or block.name, block.uri)))
        elif block.type == "resource":
            said.append(Text(text=_link(_name_of(block.resource.uri), block.resource.uri)))
            attached.append(_embedded(block.resource))
        else:
            raise HermesError(f"A prompt with {block.type} cannot be sent.", remedy="Send text, images or files.")
    if not said:
        raise HermesError("The prompt is empty.")
    return user_message(*_joined(said), *attached)


def _joined(parts: Sequence[Part]) -> Sequence[Part]:
    """Text and links between them as one text: that is how they were written."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and found and isinstance(found[-1], Text):
            found[-1] = Text(text=found[-1].text + part.text)
        else:
            found.append(part)
    return found


def _clean(text: str) -> str:
    """Text without lone halves of surrogate pairs, which some editors send and UTF-8 does not have."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _image(block: Any) -> Media:
    if not block.mime_type.startswith("image/"):
        raise HermesError(f"An image cannot be of type {block.mime_type!r}.")
    return Media(kind="image", mime=block.mime_type, data=_decoded(block.data, "image"), name=_name_of(block.uri or ""))


def _decoded(data: str, what: str) -> bytes:
    try:
        found = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise HermesError(f"The {what} is not encoded as base64.") from None
    if not found:
        raise HermesError(f"The {what} is empty.")
    if len(found) > LARGEST_MEDIA:
        raise HermesError(f"The {what} has {len(found):,} bytes; {LARGEST_MEDIA:,} are the most.")
    return found


def _embedded(resource: Any) -> Part:
    name = _name_of(resource.uri)
    mime = resource.mime_type or ""
    meta = {ATTACHED: "editor"}
    if not hasattr(resource, "text"):
        kind: Any = "image" if mime.startswith("image/") else "file"
        data = _decoded(resource.blob, "file")
        return Media(kind=kind, mime=mime or "application/octet-stream", data=data, name=name, meta=meta)
    text = _clean(resource.text)
    if len(text) > LARGEST_TEXT:
        raise HermesError(
            f"{name} has {len(text):,} characters; {LARGEST_TEXT:,} are the most that can be embedded.",
            remedy="Link to it instead, and the agent reads what it needs.",
        )
    return Text(text=_fenced(_clean(resource.uri), text), meta=meta)


def _fenced(uri: str, text: str) -> str:
    """The text of a file between markers that it cannot forge."""
    mark = secrets.token_hex(6)
    where = one_line(uri, 400).translate(str.maketrans('"<>', "'‹›"))
    return f'\n\n<attached-{mark} uri="{where}">\n{text}\n</attached-{mark}>'


def _link(name: str, uri: str) -> str:
    shown = one_line(_clean(name), 200).replace("[", "(").replace("]", ")")
    return f"[{shown}]({one_line(_clean(uri), 2000).replace(')', '%29')})"


def _name_of(uri: str) -> str:
    try:
        return unquote(urlsplit(uri).path).rstrip("/").rpartition("/")[2] or uri
    except ValueError:
        return uri


def content_of(part: object) -> dict[str, Any] | None:
    """A text, image or sound as content; None for what editors cannot show."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if not isinstance(part, Media):
        return None
    if part.kind in ("image", "audio") and part.data:
        return {"type": part.kind, "mimeType": part.mime, "data": base64.b64encode(part.data).decode()}
    name = part.name or part.url or part.kind
    return (
        {"type": "resource_link", "name": name, "uri": part.url} if part.url else {"type": "text", "text": f"[{name}]"}
    )
