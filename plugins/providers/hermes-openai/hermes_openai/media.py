"""Pictures, files and texts of a message as the content parts of Responses input."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from hermes_compatible.media import bytes_of

from hermes_host.messages import Media, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["content"]

Wire = dict[str, Any]


def content(parts: Iterable[Any], *, own: bool) -> str | list[Wire]:
    """Plain text as a string, anything else as a list of typed parts. `own` when the owner wrote it.

    Parts that cannot be sent are named in a line of text; parts of a kind this does not know are left out.
    """
    known = [part for part in parts if isinstance(part, Text | Media)]
    if all(isinstance(part, Text) for part in known):
        return "\n\n".join(part.text for part in known if isinstance(part, Text) and part.text)
    typed = [_text(part.text) if isinstance(part, Text) else _media(part, own=own) for part in known]
    return [part for part in typed if part.get("text") != ""]


def _media(part: Media, *, own: bool) -> Wire:
    data = bytes_of(part, own=own)
    remote = part.url if part.url.startswith("https:") else ""
    if not data and not remote:
        return _note(part, "it could not be read")
    if part.kind == "image":
        return {"type": "input_image", "detail": "auto", "image_url": _data_url(part.mime, data) if data else remote}
    if part.kind != "file":
        return _note(part, "this model interface does not take it")
    if not data:
        return {"type": "input_file", "file_url": remote}
    if part.mime.startswith("text/"):
        return _text(f"The file {part.name or 'without a name'}:\n\n{data.decode(errors='replace')}")
    return {"type": "input_file", "filename": part.name or "file", "file_data": _data_url(part.mime, data)}


def _text(text: str) -> Wire:
    return {"type": "input_text", "text": text}


def _note(part: Media, reason: str) -> Wire:
    return _text(f"[{part.kind} {part.name or part.mime}: {reason}]")


def _data_url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{b64encode(data).decode()}"
