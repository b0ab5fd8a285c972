"""What was attached to a message, on its way into a request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from hermes_host.messages import Media

__all__ = ["bytes_of", "note"]

_LARGEST_FILE = 32 * 1024 * 1024


def bytes_of(part: Media, *, own: bool) -> bytes:
    """The attachment's bytes, empty where it cannot be read. `own` says that the owner attached it."""
    return part.data or _file(part.url, own=own)


def note(part: Media, reason: str) -> dict[str, str]:
    """The text that stands in place of an attachment which cannot be sent."""
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
