"""The answer's wire format: what of it is read. Unknown keys are ignored, null counts as absent.

Field names are the vendor's; see https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hermes_host.stream import Usage

__all__ = [
    "Delta",
    "Event",
    "EventReader",
    "StopDetails",
    "UsageCount",
    "WireMessage",
    "WireUsage",
    "decode_event",
    "usage_of",
]


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
    """What an event adds, to a block or to the message."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class WireMessage(msgspec.Struct):
    """A message: without content at the beginning of a stream, with all of it in an answer in one piece."""

    content: list[dict[str, Any]] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None


class Event(WireMessage):
    """An event of a stream, or (of type `message`) a whole answer."""

    type: str = ""
    index: int | None = None
    message: WireMessage | None = None
    content_block: dict[str, Any] | None = None
    delta: Delta | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(Event, strict=False)


def decode_event(data: bytes) -> Event:
    """One event. Raises `msgspec.DecodeError` or `UnicodeDecodeError`."""
    if not data.isascii():
        data.decode()  # msgspec does not look at the names of keys it passes over: a broken `name` would be missing
    return _decoder.decode(data)


class UsageCount:
    """The counts of one answer; later events complete and correct what earlier ones said."""

    def __init__(self) -> None:
        self._wire = WireUsage()

    def add(self, wire: WireUsage) -> Usage:
        """Take what an event says; gives the counts so far in the host's terms."""
        for name in WireUsage.__struct_fields__:
            value = getattr(wire, name)
            if value is not None:
                setattr(self._wire, name, value)
        return usage_of(self._wire)


def usage_of(wire: WireUsage) -> Usage:
    """The counts in the host's terms, where `input` counts all tokens of the prompt."""
    cached, written = wire.cache_read_input_tokens or 0, wire.cache_creation_input_tokens or 0
    details = wire.output_tokens_details
    return Usage(
        input=(wire.input_tokens or 0) + cached + written,
        output=wire.output_tokens or 0,
        cached=cached,
        cache_write=written,
        reasoning=(details and details.thinking_tokens) or 0,
    )


class EventReader:
    """Cuts a stream into the data of its events. Names of events are passed over: the data says the type again.

    The vendor puts the data of an event on one line; so the reader needs no memory but an unfinished line, and costs a
    tenth of the SDK's, which decodes and keeps every line.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The data that `piece` completes."""
        lines = (self._rest + piece if self._rest else piece).split(b"\n")
        self._rest = lines.pop()
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    def close(self) -> list[bytes]:
        """The data of a line that was not ended when the stream was."""
        return self.feed(b"\n")
