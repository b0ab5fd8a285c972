"""The answer's wire format: what of it is read. Unknown keys are ignored, null counts as absent.

Field names are the vendors'; see https://platform.openai.com/docs/api-reference/chat-streaming for the common core.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hermes_host.stream import Usage

__all__ = ["CallDelta", "Choice", "Chunk", "Delta", "FunctionDelta", "WireUsage", "decode_chunk", "usage_of"]


class FunctionDelta(msgspec.Struct):
    """A piece of a call's function. Some servers send the arguments as an object instead of its text."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallDelta(msgspec.Struct):
    """A piece of a tool call. `extra_content` holds Gemini's signatures, which must come back with the call."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None
    extra_content: dict[str, Any] | None = None


class Delta(msgspec.Struct):
    """What a choice adds, or a whole message. Mistral's content may be a list of typed pieces."""

    content: str | list[Any] | None = None
    tool_calls: list[CallDelta] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    refusal: str | None = None
    function_call: FunctionDelta | None = None


class _TokenDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Token counts. `prompt_cache_hit_tokens` is DeepSeek's, the outer `cached_tokens` Moonshot's."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None
    completion_tokens_details: _TokenDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None


class Choice(msgspec.Struct):
    """One choice: with `delta` in a stream, with `message` in an answer in one piece."""

    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    index: int | None = None
    usage: WireUsage | None = None


class _BaseResponse(msgspec.Struct):
    status_code: int = 0
    status_msg: str | None = None


class Chunk(msgspec.Struct):
    """A chunk of a stream, or a whole answer. `base_resp` is how MiniMax reports errors."""

    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    base_resp: _BaseResponse | None = None


_decoder = msgspec.json.Decoder(Chunk, strict=False)


def decode_chunk(data: bytes) -> Chunk:
    """One chunk. Raises `msgspec.DecodeError` or `UnicodeDecodeError`."""
    if not data.isascii():
        data.decode()  # msgspec does not look at the names of keys it passes over: a broken `name` would be missing
    return _decoder.decode(data)


def usage_of(wire: WireUsage) -> Usage:
    """The counts in the host's terms."""
    prompt, answer = wire.prompt_tokens_details, wire.completion_tokens_details
    cached = (prompt and prompt.cached_tokens) or wire.prompt_cache_hit_tokens or wire.cached_tokens or 0
    return Usage(
        input=wire.prompt_tokens or 0,
        output=wire.completion_tokens or 0,
        cached=cached,
        cache_write=(prompt and prompt.cache_write_tokens) or 0,
        reasoning=(answer and answer.reasoning_tokens) or 0,
    )
