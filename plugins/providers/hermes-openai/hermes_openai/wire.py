"""The wire format of Responses answers: what of it is read. Unknown keys are ignored, null counts as absent.

Field names are the vendor's; see https://developers.openai.com/api/reference/resources/responses/streaming-events.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hermes_host.stream import Usage

__all__ = ["Event", "IncompleteDetails", "WireResponse", "WireUsage", "decode_event", "error_of", "usage_of"]


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Token counts."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class IncompleteDetails(msgspec.Struct):
    """Why an answer is not complete."""

    reason: str | None = None


class WireResponse(msgspec.Struct):
    """A response: at the beginning and the end of a stream, or as the answer in one piece."""

    status: str | int | None = None
    output: list[dict[str, Any]] | None = None
    usage: WireUsage | None = None
    error: Any = None
    incomplete_details: IncompleteDetails | None = None


class Event(WireResponse):
    """An event of a stream, or (where `object` is `response`) a whole answer.

    `text`, `refusal` and `arguments` hold the whole of what the deltas before them brought.
    """

    type: str | None = None
    object: str | None = None
    sequence_number: int | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: Any = None
    arguments: str | None = None
    item: dict[str, Any] | None = None
    response: WireResponse | None = None
    code: Any = None
    message: Any = None


_decoder = msgspec.json.Decoder(Event, strict=False)


def decode_event(data: bytes) -> Event:
    """One event. Raises `msgspec.DecodeError` or `UnicodeDecodeError`."""
    if not data.isascii():
        data.decode()  # msgspec does not look at the names of keys it passes over: a broken `name` would be missing
    return _decoder.decode(data)


def usage_of(wire: WireUsage) -> Usage:
    """The counts in the host's terms."""
    prompt, answer = wire.input_tokens_details, wire.output_tokens_details
    return Usage(
        input=wire.input_tokens or 0,
        output=wire.output_tokens or 0,
        cached=(prompt and prompt.cached_tokens) or 0,
        cache_write=(prompt and prompt.cache_write_tokens) or 0,
        reasoning=(answer and answer.reasoning_tokens) or 0,
    )


def error_of(event: Event) -> Any:
    """The error object of an event, which has the words in itself or in a field; with the status where one is said."""
    if event.error is not None and not isinstance(event.error, dict):
        return event.error
    words = event.error or {"code": event.code, "message": event.message}
    return {"status": event.status, **words} if isinstance(event.status, int) else words
