"""The parts of a client's messages: text and images, as chat completions and as responses write them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hermes_api.errors import refused
from hermes_host.messages import Media, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parts_of", "text_only"]

_DATA = re.compile(r"data:(image/[a-z0-9.+-]{1,40})(?:;[^,;]{1,100})*;base64,", re.IGNORECASE)
_TEXT = frozenset({"text", "input_text", "output_text"})
_IMAGE = frozenset({"image_url", "input_image"})
_KINDS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "gif": "gif", "webp": "webp"}


def parts_of(content: Any, where: str) -> tuple[Text | Media, ...]:
    """What a message consists of. Raises `ApiError` for what is not understood."""
    if isinstance(content, str):
        return (Text(text=content),) if content else ()
    if not isinstance(content, list):
        raise refused(f"{where} must be a string or a list of parts.", where)
    parts: list[Text | Media] = []
    for number, part in enumerate(content):
        place = f"{where}[{number}]"
        if isinstance(part, str):
            parts.append(Text(text=part))
            continue
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in _TEXT:
            parts.append(Text(text=_string(part.get("text"), f"{place}.text")))
        elif kind == "refusal":
            parts.append(Text(text=_string(part.get("refusal"), f"{place}.refusal")))
        elif kind in _IMAGE:
            parts.append(_image(part.get("image_url"), f"{place}.image_url"))
        else:
            raise refused(f"{place}: parts of type {kind!r} are not served; text and images are.", place)
    return tuple(parts)


def text_only(content: Any, where: str) -> str:
    """The text of a message that can have nothing else. Raises `ApiError`."""
    parts: Sequence[Text | Media] = parts_of(content, where)
    if any(isinstance(part, Media) for part in parts):
        raise refused(f"{where} can only be text.", where)
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise refused(f"{where} must be a string.", where)
    return value


def _image(value: Any, where: str) -> Media:
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise refused(f"{where} must be an address; uploaded files are not served.", where)
    if url[:5].lower() == "data:":
        return _inline(url, where)
    parts = urlsplit(url)
    if parts.scheme.lower() != "https" or not parts.hostname or parts.username or len(url) > 4096:
        raise refused(f"{where}: an image is a data: or an https: URL.", where)
    suffix = parts.path.rpartition(".")[2].lower()
    # It is handed to the model's vendor as an address; nothing here fetches it.
    return Media(kind="image", mime=f"image/{_KINDS.get(suffix, 'jpeg')}", url=url)


def _inline(url: str, where: str) -> Media:
    head = _DATA.match(url[:300])
    if head is None:
        raise refused(f"{where}: a data URL must be `data:image/TYPE;base64,…`.", where)
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise refused(f"{where}: that is not base64.", where) from None
    if not data:
        raise refused(f"{where}: the image is empty.", where)
    return Media(kind="image", mime=head[1].lower(), data=data)
