"""Answers in the format of OpenAI's Responses API, for `ModelServer`.

`responses` gives a well-formed answer, as a stream or in one piece, whichever the request asks for. `events` and the
builders of single events (`model_server_responses_events`) write streams by hand, for everything a vendor should not do
but does.

Reasoning items bear a digest of their text as `encrypted_content`, so that a request shows whether they came back
unchanged. Field names are the vendor's; see https://developers.openai.com/api/reference/resources/responses.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import Answer, Pause, Received, json_answer
from hermes_host.testing.model_server_responses_events import item_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "call_item",
    "echo",
    "encrypted",
    "error_event",
    "events",
    "failed",
    "failure",
    "html_page",
    "message_item",
    "reasoning_item",
    "response",
    "responses",
    "wire_usage",
]

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_test"}
_NO_USAGE = Usage(input=9, output=12)

_REASONS = {"length": "max_output_tokens", "refused": "content_filter", "other": "max_messages"}
"""The stop reasons of an incomplete answer; with any other the answer is complete."""

_ERROR_TYPES = {
    401: "invalid_request_error",
    403: "invalid_request_error",
    429: "requests",
    500: "server_error",
    503: "service_unavailable_error",
    529: "overloaded_error",
}
_ERROR_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 500: "server_error"}


# ------------------------------------------------------------------------------------------------------------ items


def message_item(
    *texts: str, id: str = "msg_1", refusal: str = "", status: str = "completed", phase: str = ""
) -> dict[str, Any]:
    """An output message with a content part for each text, and one for a refusal."""
    content: list[dict[str, Any]] = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    if refusal:
        content.append({"type": "refusal", "refusal": refusal})
    item: dict[str, Any] = {"type": "message", "id": id, "role": "assistant", "status": status, "content": content}
    return {**item, "phase": phase} if phase else item


def reasoning_item(*summaries: str, id: str = "rs_1", hidden: str | None = None) -> dict[str, Any]:
    """A reasoning item with its summary; `hidden` is the encrypted content, by default a digest of the summary."""
    item: dict[str, Any] = {
        "type": "reasoning",
        "id": id,
        "summary": [{"type": "summary_text", "text": text} for text in summaries],
    }
    hidden = encrypted("".join(summaries)) if hidden is None else hidden
    return {**item, "encrypted_content": hidden} if hidden else item


def call_item(
    name: str, arguments: str = "{}", *, call_id: str = "call_1", id: str = "fc_1", status: str = "completed"
) -> dict[str, Any]:
    """A function call. `arguments` is the JSON text."""
    return {
        "type": "function_call",
        "id": id,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        "status": status,
    }


def encrypted(text: str) -> str:
    """What stands for the encrypted form of a thought."""
    return "gAAAAA" + hashlib.sha256(text.encode()).hexdigest()


# ---------------------------------------------------------------------------------------------------------- answers


def wire_usage(usage: Usage = _NO_USAGE) -> dict[str, Any]:
    """Token counts in the vendor's words."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def response(
    *items: Mapping[str, Any],
    status: str = "completed",
    reason: str | None = None,
    error: Mapping[str, Any] | None = None,
    usage: Usage | None = _NO_USAGE,
    **more: Any,
) -> dict[str, Any]:
    """A response object. `reason` is why it is incomplete; further keys go into the object."""
    return {
        "id": "resp_test",
        "object": "response",
        "created_at": 1_750_000_000,
        "status": status,
        "error": dict(error) if error else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": "test-model",
        "output": [dict(item) for item in items],
        "parallel_tool_calls": True,
        "store": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": wire_usage(usage) if usage is not None else None,
        **more,
    }


def events(
    *items: Mapping[str, Any] | bytes | Pause, newline: bytes = b"\n", status: int = 200, numbered: bool = True
) -> Answer:
    """A stream of server-sent events: mappings with a `type` become events, bytes and pauses are sent as they are.

    Events without a `sequence_number` of their own are numbered in order, unless `numbered` is false.
    """
    pieces: list[bytes | Pause] = []
    for number, item in enumerate(items):
        if isinstance(item, bytes | Pause):
            pieces.append(item)
            continue
        data = {"sequence_number": number, **item} if numbered else dict(item)
        kind = str(item.get("type", "")).encode()
        pieces.append(b"event: " + kind + newline + b"data: " + msgspec.json.encode(data) + newline + newline)
    return Answer(pieces=pieces, headers=_STREAM, status=status)


def failed(code: str, message: str = "It failed.") -> Answer:
    """A stream that ends with `response.failed`, as the vendor does when a request fails after it was taken."""
    error = {"code": code, "message": message}
    begun = response(status="in_progress", usage=None)
    ended = response(status="failed", error=error, usage=None)
    return events(
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.failed", "response": ended},
    )


def error_event(code: str | None, message: str = "It failed.", *, nested: bool = False) -> dict[str, Any]:
    """An `error` event of a stream; `nested` is the other shape in which the vendor sends it."""
    words = {"code": code, "message": message, "param": None}
    return {"type": "error", "error": {"type": "server_error", **words}} if nested else {"type": "error", **words}


def failure(
    status: int,
    message: str = "It failed.",
    *,
    code: str | None = None,
    type: str = "",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error answer in the vendor's shape; type and code are those that go with the status unless given."""
    body = {
        "message": message,
        "type": type or _ERROR_TYPES.get(status, "invalid_request_error"),
        "param": param,
        "code": code or _ERROR_CODES.get(status),
    }
    return json_answer({"error": body}, status=status, headers={"x-request-id": "req_test", **(headers or {})})


def html_page(text: str = "Sign in to continue", *, status: int = 200) -> Answer:
    """A web page where an answer should be, as proxies and portals send it."""
    page = f"<!DOCTYPE html><html><head><title>Portal</title></head><body><h1>{text}</h1></body></html>".encode()
    return Answer(pieces=[page], headers={"content-type": "text/html; charset=utf-8"}, status=status)


def responses(
    *parts: str | Part,
    stop_reason: str = "",
    usage: Usage = _NO_USAGE,
    pieces: int = 4,
    message: Message | None = None,
) -> Callable[[Received], Answer]:
    """A well-formed answer with these parts (or those of `message`), each streamed in `pieces` deltas."""
    given = message.parts if message is not None else parts
    items = list(_items(given))
    reason = _REASONS.get(stop_reason)
    status = "incomplete" if reason else "completed"
    whole = response(*items, status=status, reason=reason, usage=usage)
    begun = response(status="in_progress", usage=None)
    streamed = events(
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(event for index, item in enumerate(items) for event in item_events(item, index, pieces=pieces)),
        {"type": f"response.{status}", "response": whole},
    )
    in_one_piece = json_answer(whole)

    def answer(request: Received) -> Answer:
        return streamed if request.json.get("stream") else in_one_piece

    return answer


def echo(request: Received) -> Answer:
    """Say the last user message again."""
    said = [item["content"] for item in request.json["input"] if item.get("role") == "user"]
    last = said[-1] if said else ""
    text = last if isinstance(last, str) else "".join(part.get("text", "") for part in last)
    return responses(text or "(nothing)")(request)


def _items(parts: Sequence[str | Part]) -> Iterable[dict[str, Any]]:
    for number, part in enumerate(parts):
        if isinstance(part, str | Text):
            yield message_item(part if isinstance(part, str) else part.text, id=f"msg_{number}")
        elif isinstance(part, Reasoning):
            yield reasoning_item(*([part.text] if part.text else []), id=f"rs_{number}")
        elif isinstance(part, ToolCall):
            text = part.raw or msgspec.json.encode(part.arguments or {}).decode()
            yield call_item(part.name, text, call_id=part.id, id=f"fc_{number}")
