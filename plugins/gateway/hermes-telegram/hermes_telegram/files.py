"""Files that go out: their bytes, and as what Telegram shows them."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from hermes_host.errors import DeliveryRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.messages import Media

__all__ = ["File", "Kind", "grouped", "read"]

Kind = Literal["photo", "animation", "video", "audio", "voice", "document"]

_LARGEST_PHOTO = 10_000_000
_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
_VIDEOS = frozenset({"video/mp4", "video/quicktime"})
_AUDIO = frozenset({"audio/mpeg", "audio/mp3", "audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac", "audio/ogg"})
_VOICE = frozenset({"audio/ogg", "audio/opus", "audio/mpeg", "audio/mp3", "audio/mp4", "audio/m4a", "audio/x-m4a"})
_ENDINGS = {"image": ".jpg", "audio": ".ogg", "video": ".mp4", "file": ".bin"}
_TOGETHER = {"photo": "pictures", "video": "pictures", "audio": "audio", "document": "documents"}
"""What can be in one album with each other."""


class File(NamedTuple):
    """A file as it is sent: `data`, or the `url` from which Telegram takes it."""

    kind: Kind
    name: str
    data: bytes = b""
    url: str = ""


async def read(media: Media, largest: int) -> File:
    """The file. Raises `DeliveryRefused` for one that is not there, empty or too large."""
    parts = urlsplit(media.url)
    if parts.scheme in ("http", "https"):
        return File(_kind(media, 0), _name(media), url=media.url)
    data = media.data
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        try:
            size, data = await asyncio.to_thread(_bytes, path, largest)
        except OSError as error:
            raise DeliveryRefused(f"The file {_name(media)!r} cannot be read: {error.strerror}.") from None
    else:
        size = len(data)
    if size > largest:
        raise DeliveryRefused(
            f"The file {_name(media)!r} has {size / 1_000_000:.1f} MB; bots may send {largest / 1_000_000:g} MB."
        )
    if not data:
        raise DeliveryRefused(f"The file {_name(media)!r} is empty.")
    return File(_kind(media, len(data)), _name(media), data)


def grouped(files: Sequence[File]) -> Sequence[Sequence[File]]:
    """The files in order, those that can be one album together."""
    groups: list[list[File]] = []
    for file in files:
        together = _TOGETHER.get(file.kind)
        if groups and together and _TOGETHER.get(groups[-1][0].kind) == together and len(groups[-1]) < 10:
            groups[-1].append(file)
        else:
            groups.append([file])
    return groups


def _kind(media: Media, size: int) -> Kind:
    mime = media.mime.partition(";")[0].strip().lower()
    if mime == "image/gif":
        return "animation"
    if mime in _PHOTOS and media.kind == "image" and size <= _LARGEST_PHOTO:
        return "photo"
    if mime in _VIDEOS and media.kind == "video":
        return "video"
    if media.kind == "audio" and media.meta.get("voice") and mime in _VOICE:
        return "voice"
    return "audio" if media.kind == "audio" and mime in _AUDIO else "document"


def _bytes(path: Path, largest: int) -> tuple[int, bytes]:
    size = path.stat().st_size
    return size, path.read_bytes() if size <= largest else b""


def _name(media: Media) -> str:
    """A name without folders."""
    given = media.name or unquote(urlsplit(media.url).path)
    name = PurePosixPath(given.replace("\\", "/")).name
    return name if name not in ("", "..") else f"file{_ENDINGS[media.kind]}"
