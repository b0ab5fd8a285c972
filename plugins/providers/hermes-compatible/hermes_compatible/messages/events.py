"""The answer's wire format: what of it is read. Unknown keys are ignored, null counts as absent.

Field names are the vendor's; see https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hermes_host.stream import Usage

__all__ = ["Delta", "Event", "StopDetails", "UsageCount", "WholeMessage", "WireUsage", "decode_event", "decode_whole"]


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Token counts. `input_tokens` are those that neither came from the cache nor went into it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class StopDetails(msgspec.Struct):
    """Why the model refused."""

    category: str | None = None
    explanation: str | None = None


class Delta(msgspec.Struct):
    """What an event adds: to a block (which of the texts follows from `type`), or to the message."""

    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class WholeMessage(msgspec.Struct):
    """A message: without content at the beginning of a stream, with all of it in an answer in one piece."""

    type: str | None = None
    content: list[dict[str, Any]] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None
    error: Any = None


class Event(msgspec.Struct):
    """An event of a stream."""

    type: str | None = None
    index: int | None = None
    delta: Delta | None = None
    content_block: dict[str, Any] | None = None
    usage: WireUsage | None = None
    message: WholeMessage | None = None
    error: Any = None


_events = msgspec.json.Decoder(Event, strict=False)


def decode_event(data: bytes) -> Event:
    """One event. Raises `msgspec.DecodeError` or `UnicodeDecodeError`."""
    if not data.isascii():
        data.decode()  # msgspec does not look at the names of keys it passes over: a broken `name` would be missing
    return _events.decode(data)


_messages = msgspec.json.Decoder(WholeMessage, strict=False)


def decode_whole(data: bytes) -> WholeMessage:
    """A whole answer. Raises `msgspec.DecodeError` or `UnicodeDecodeError`."""
    if not data.isascii():
        data.decode()  # msgspec does not look at the names of keys it passes over: a broken `name` would be missing
    return _messages.decode(data)


class UsageCount:
    """The counts of one answer: they are cumulative, and what a later event leaves out still holds."""

    def __init__(self) -> None:
        self._wire = WireUsage()

    def add(self, wire: WireUsage) -> Usage:
        """Take the counts of an event; gives those so far in the host's terms, where `input` is the whole prompt."""
        known = self._wire
        for name in WireUsage.__struct_fields__:
            value = getattr(wire, name)
            if value is not None:
                setattr(known, name, value)
        cached, written = known.cache_read_input_tokens or 0, known.cache_creation_input_tokens or 0
        details = known.output_tokens_details
        return Usage(
            input=(known.input_tokens or 0) + cached + written,
            output=known.output_tokens or 0,
            cached=cached,
            cache_write=written,
            reasoning=(details and details.thinking_tokens) or 0,
        )
