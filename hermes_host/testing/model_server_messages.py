"""Answers in the format of Anthropic's Messages API, for `ModelServer`.

`messages` gives a well-formed answer, as a stream or in one piece, whichever the request asks for, and refuses requests
that break the documented rules as the vendor does (`model_server_messages_rules`). `events` and the builders of single
events write streams by hand, for everything a vendor should not do but does.

Thinking blocks are signed by a digest of their text, so that a request shows whether they came back unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import Answer, Pause, Received, json_answer
from hermes_host.testing.model_server_messages_rules import redacted_data, signature_of, violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "block_delta",
    "block_start",
    "block_stop",
    "echo",
    "error_event",
    "events",
    "failure",
    "html_page",
    "message",
    "message_delta",
    "message_start",
    "message_stop",
    "messages",
    "models",
    "ping",
    "text_block",
    "thinking_block",
    "tool_block",
]

_STOP_REASONS = {
    "end": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "refused": "refusal",
    "other": "pause_turn",
}
_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_NO_USAGE = Usage(input=9, output=12)
_REQUEST_ID = "req_test"

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


# ---------------------------------------------------------------------------------------------------- single events


def message_start(usage: Usage = _NO_USAGE, *, model: str = "test-model", **more: Any) -> dict[str, Any]:
    """The first event: the message without content. Further keys go into the message."""
    return {"type": "message_start", "message": {**_message((), None, usage, model), **more}}


def block_start(index: int, block: Mapping[str, Any]) -> dict[str, Any]:
    """The beginning of a content block, as in `{"type": "text", "text": ""}`."""
    return {"type": "content_block_start", "index": index, "content_block": dict(block)}


def block_delta(
    index: int,
    *,
    text: str | None = None,
    thinking: str | None = None,
    signature: str | None = None,
    json: str | None = None,
) -> dict[str, Any]:
    """More of a content block: exactly one of text, thinking, its signature, or the JSON text of a tool's input."""
    kinds = {
        "text_delta": ("text", text),
        "thinking_delta": ("thinking", thinking),
        "signature_delta": ("signature", signature),
        "input_json_delta": ("partial_json", json),
    }
    (delta,) = ({"type": kind, key: value} for kind, (key, value) in kinds.items() if value is not None)
    return {"type": "content_block_delta", "index": index, "delta": delta}


def block_stop(index: int) -> dict[str, Any]:
    """The end of a content block."""
    return {"type": "content_block_stop", "index": index}


def message_delta(stop_reason: str | None = "end_turn", usage: Usage | None = _NO_USAGE, **more: Any) -> dict[str, Any]:
    """The last event but one: why the model stopped, and the cumulative counts. Further keys go into the delta."""
    event: dict[str, Any] = {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": None, **more},
    }
    if usage is not None:
        event["usage"] = {
            "output_tokens": usage.output,
            "output_tokens_details": {"thinking_tokens": usage.reasoning},
        }
    return event


def message_stop() -> dict[str, Any]:
    """The last event."""
    return {"type": "message_stop"}


def ping() -> dict[str, Any]:
    """A sign of life, which may come at any time."""
    return {"type": "ping"}


def error_event(type: str = "overloaded_error", message: str = "Overloaded") -> dict[str, Any]:
    """An error after the answer has begun with status 200."""
    return _error(type, message)


# ----------------------------------------------------------------------------------------------------- whole blocks


def text_block(index: int, *pieces: str) -> list[dict[str, Any]]:
    """All events of a text block, one delta for each piece."""
    deltas = [block_delta(index, text=piece) for piece in pieces]
    return [block_start(index, {"type": "text", "text": ""}), *deltas, block_stop(index)]


def thinking_block(index: int, *pieces: str, redacted: bool = False) -> list[dict[str, Any]]:
    """All events of a thinking block with its signature; a redacted one has neither deltas nor text."""
    if redacted:
        block = {"type": "redacted_thinking", "data": redacted_data("".join(pieces))}
        return [block_start(index, block), block_stop(index)]
    deltas = [block_delta(index, thinking=piece) for piece in pieces]
    start = block_start(index, {"type": "thinking", "thinking": "", "signature": ""})
    return [start, *deltas, block_delta(index, signature=signature_of("".join(pieces))), block_stop(index)]


def tool_block(index: int, id: str, name: str, *pieces: str) -> list[dict[str, Any]]:
    """All events of a tool call, one delta for each piece of its input's JSON text; the first is empty, as always."""
    start = block_start(index, {"type": "tool_use", "id": id, "name": name, "input": {}})
    deltas = [block_delta(index, json=piece) for piece in ("", *pieces)]
    return [start, *deltas, block_stop(index)]


# ---------------------------------------------------------------------------------------------------------- answers


def events(
    *items: Mapping[str, Any] | Iterable[Mapping[str, Any]] | bytes | Pause,
    newline: bytes = b"\n",
    names: bool = True,
    status: int = 200,
) -> Answer:
    """A stream of server-sent events: events (and lists of them) are encoded, bytes and pauses are sent as they are.

    `names` says whether the `event:` lines are there; some proxies leave them out.
    """
    pieces: list[bytes | Pause] = []
    for item in items:
        if isinstance(item, bytes | Pause):
            pieces.append(item)
        elif isinstance(item, dict):
            pieces.append(_encoded(item, newline, names))
        else:
            pieces.extend(_encoded(event, newline, names) for event in item)  # type: ignore[arg-type]
    return Answer(pieces=pieces, headers={**_STREAM, "request-id": _REQUEST_ID}, status=status)


def message(
    *content: Mapping[str, Any],
    stop_reason: str | None = "end_turn",
    usage: Usage = _NO_USAGE,
    model: str = "test-model",
    **more: Any,
) -> Answer:
    """An answer in one piece, with content blocks as they stand on the wire."""
    body = {**_message(content, stop_reason, usage, model), **more}
    return json_answer(body, headers={"request-id": _REQUEST_ID})


def failure(
    status: int, message: str = "It failed.", *, type: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    """An error answer in the vendor's shape; `type` follows from the status where it is not given."""
    body = _error(type or _ERROR_TYPES.get(status, "invalid_request_error"), message)
    return json_answer(body, status=status, headers={"request-id": _REQUEST_ID, **(headers or {})})


def html_page(status: int = 200, title: str = "Sign in to the network") -> Answer:
    """What a proxy or a captive portal says in the vendor's place."""
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(
        pieces=[page.encode()], status=status, headers={"content-type": "text/html; charset=utf-8"}, framing="length"
    )


def models(*ids: str, more: bool = False) -> Answer:
    """A page of the list of models."""
    entries = [
        {
            "type": "model",
            "id": id,
            "display_name": id.replace("-", " ").title(),
            "created_at": "2026-10-07T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
        }
        for id in ids
    ]
    return json_answer({"data": entries, "has_more": more, "first_id": ids[0], "last_id": ids[-1]})


def messages(
    *parts: str | Part,
    stop_reason: str = "",
    usage: Usage = _NO_USAGE,
    pieces: int = 4,
    message: Message | None = None,
    lenient: bool = False,
) -> Callable[[Received], Answer]:
    """A well-formed answer with these parts (or those of `message`), each streamed in `pieces` deltas.

    `stop_reason` is the host's word or the vendor's. A request that breaks the rules of the API is answered with the
    error 400 instead, unless `lenient`.
    """
    given = message.parts if message is not None else parts
    content = tuple(Text(text=part) if isinstance(part, str) else part for part in given)
    calls = any(isinstance(part, ToolCall) for part in content)
    reason = stop_reason or ("tool_calls" if calls else "end")

    def answer(request: Received) -> Answer:
        body = request.json
        problem = "" if lenient else violation(body)
        if problem:
            return failure(400, problem)
        if body.get("stream"):
            return _streamed(content, _STOP_REASONS.get(reason, reason), usage, pieces, body["model"])
        blocks = [_whole_block(part) for part in content]
        return _answer_in_one(blocks, _STOP_REASONS.get(reason, reason), usage, body["model"])

    return answer


def echo(request: Received) -> Answer:
    """Say the text of the last user message again."""
    said = [entry["content"] for entry in request.json["messages"] if entry["role"] == "user"]
    last = said[-1] if said else ""
    text = last if isinstance(last, str) else "".join(block.get("text", "") for block in last)
    return messages(text or "(nothing)")(request)


# --------------------------------------------------------------------------------------------------------- encoding


def _encoded(event: Mapping[str, Any], newline: bytes, names: bool) -> bytes:
    name = b"event: " + str(event["type"]).encode() + newline if names else b""
    return name + b"data: " + msgspec.json.encode(event) + newline + newline


def _error(type: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": message}, "request_id": _REQUEST_ID}


def _message(content: Sequence[Mapping[str, Any]], stop_reason: str | None, usage: Usage, model: str) -> dict[str, Any]:
    return {
        "id": "msg_test",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": _usage(usage, output=usage.output if stop_reason else 1),
    }


def _usage(usage: Usage, output: int) -> dict[str, Any]:
    """The vendor's counts: `input_tokens` are those that neither came from the cache nor went into it."""
    return {
        "input_tokens": usage.input - usage.cached - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }


def _streamed(content: Sequence[Part], stop_reason: str, usage: Usage, pieces: int, model: str) -> Answer:
    blocks = [_block_events(index, part, pieces) for index, part in enumerate(content)]
    return events(message_start(usage, model=model), ping(), *blocks, message_delta(stop_reason, usage), message_stop())


def _answer_in_one(blocks: Sequence[Mapping[str, Any]], stop_reason: str, usage: Usage, model: str) -> Answer:
    return message(*blocks, stop_reason=stop_reason, usage=usage, model=model)


def _block_events(index: int, part: Part, pieces: int) -> list[dict[str, Any]]:
    if isinstance(part, Reasoning):
        return thinking_block(index, *_cut(part.text, pieces), redacted=part.redacted)
    if isinstance(part, ToolCall):
        return tool_block(index, part.id, part.name, *_cut(_arguments(part), pieces))
    return text_block(index, *_cut(part.text if isinstance(part, Text) else "", pieces))


def _whole_block(part: Part) -> dict[str, Any]:
    if isinstance(part, Reasoning):
        if part.redacted:
            return {"type": "redacted_thinking", "data": redacted_data(part.text)}
        return {"type": "thinking", "thinking": part.text, "signature": signature_of(part.text)}
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments or {}}
    return {"type": "text", "text": part.text if isinstance(part, Text) else ""}


def _arguments(call: ToolCall) -> str:
    return call.raw or msgspec.json.encode(call.arguments or {}).decode()


def _cut(text: str, pieces: int) -> list[str]:
    size = max(1, -(-len(text) // pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]
