"""The arguments of tool calls: read without guessing, and shown to the model where they could not be read."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["parse_arguments", "unparsed"]

_SHOWN = 2000


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The arguments as an object; no text and `null` are an empty one; None for anything else, such as `{}{}`."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def unparsed(raw: str) -> dict[str, Any]:
    """What goes back in place of broken arguments: endpoints parse what they get back, so the text itself cannot."""
    return {"unparsed_arguments": raw[:_SHOWN]}
