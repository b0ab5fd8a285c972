"""Answers in the chat completions format, for `ModelServer`.

`chat` gives a well-formed answer, as a stream or in one piece, whichever the request asks for. `events` and the chunk
builders below it write streams by hand, for everything a vendor should not do but does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import Answer, Pause, Received, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["call_delta", "chat", "chunk", "completion", "echo", "events", "failure", "usage_chunk"]

_FINISH = {"end": "stop", "tool_calls": "tool_calls", "length": "length", "refused": "content_filter", "other": "other"}
_STREAM = {"content-type": "text/event-stream; charset=utf-8"}
_NO_USAGE = Usage(input=9, output=12)


def chunk(
    delta: Mapping[str, Any] | None = None, *, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    """One chunk of a stream with one choice; further keys go into the chunk."""
    choice = {"index": index, "delta": dict(delta or {}), "finish_reason": finish}
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion.chunk",
        "created": 1_750_000_000,
        "model": "test-model",
        "choices": [choice],
        **more,
    }


def usage_chunk(usage: Usage = _NO_USAGE) -> dict[str, Any]:
    """The last chunk of a stream: no choices, only the token counts."""
    return {**chunk(), "choices": [], "usage": _usage(usage)}


def call_delta(
    index: int | None, *, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> dict[str, Any]:
    """A delta with a piece of one tool call; what is None is left out."""
    function = {key: text for key, text in (("name", name), ("arguments", arguments)) if text is not None}
    call: dict[str, Any] = {"function": function}
    if index is not None:
        call["index"] = index
    if id is not None:
        call.update(id=id, type="function")
    return {"tool_calls": [call]}


def events(
    *items: Mapping[str, Any] | bytes | Pause, done: bool = True, newline: bytes = b"\n", status: int = 200
) -> Answer:
    """A stream of server-sent events: chunks become `data:` lines, bytes and pauses are sent as they are."""
    pieces: list[bytes | Pause] = []
    for item in items:
        if isinstance(item, bytes | Pause):
            pieces.append(item)
        else:
            pieces.append(b"data: " + msgspec.json.encode(item) + newline + newline)
    if done:
        pieces.append(b"data: [DONE]" + newline + newline)
    return Answer(pieces=pieces, headers=_STREAM, status=status)


def completion(message: Mapping[str, Any], *, finish: str | None = "stop", usage: Usage | None = _NO_USAGE) -> Answer:
    """An answer in one piece, as a request without `stream` gets it."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body: dict[str, Any] = {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 1_750_000_000,
        "model": "test-model",
        "choices": [choice],
    }
    if usage is not None:
        body["usage"] = _usage(usage)
    return json_answer(body)


def failure(
    status: int,
    message: str = "It failed.",
    *,
    code: str | int | None = None,
    type: str = "invalid_request_error",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error answer in the usual shape."""
    return json_answer(
        {"error": {"message": message, "type": type, "param": None, "code": code}}, status=status, headers=headers
    )


def chat(
    *parts: str | Part,
    stop_reason: str = "",
    usage: Usage = _NO_USAGE,
    pieces: int = 4,
    reasoning_field: str = "reasoning_content",
    message: Message | None = None,
) -> Callable[[Received], Answer]:
    """A well-formed answer with these parts (or those of `message`), each streamed in `pieces` deltas."""
    given = message.parts if message is not None else parts
    content = tuple(Text(text=part) if isinstance(part, str) else part for part in given)
    calls = [part for part in content if isinstance(part, ToolCall)]
    finish = _FINISH[stop_reason or ("tool_calls" if calls else "end")]

    deltas = [{"role": "assistant", "content": ""}, *_deltas(content, pieces, reasoning_field)]
    streamed = events(*(chunk(delta) for delta in deltas), chunk({}, finish=finish), usage_chunk(usage))
    whole = completion(_whole(content, reasoning_field), finish=finish, usage=usage)

    def answer(request: Received) -> Answer:
        return streamed if request.json.get("stream") else whole

    return answer


def echo(request: Received) -> Answer:
    """Say the last user message again."""
    said = [message["content"] for message in request.json["messages"] if message["role"] == "user"]
    last = said[-1] if said else ""
    text = last if isinstance(last, str) else "".join(part.get("text", "") for part in last)
    return chat(text or "(nothing)")(request)


def _whole(content: Sequence[Part], reasoning_field: str) -> dict[str, Any]:
    text = "".join(part.text for part in content if isinstance(part, Text))
    thoughts = "".join(part.text for part in content if isinstance(part, Reasoning))
    message: dict[str, Any] = {"content": text or None}
    if thoughts:
        message[reasoning_field] = thoughts
    calls = [part for part in content if isinstance(part, ToolCall)]
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call)}}
            for call in calls
        ]
    return message


def _deltas(content: Sequence[Part], pieces: int, reasoning_field: str) -> Iterable[dict[str, Any]]:
    number = 0
    for part in content:
        if isinstance(part, ToolCall):
            yield call_delta(number, id=part.id, name=part.name, arguments="")
            for piece in _cut(_arguments(part), pieces):
                yield call_delta(number, arguments=piece)
            number += 1
        elif isinstance(part, Text):
            yield from ({"content": piece} for piece in _cut(part.text, pieces))
        elif isinstance(part, Reasoning):
            yield from ({reasoning_field: piece} for piece in _cut(part.text, pieces))


def _arguments(call: ToolCall) -> str:
    return call.raw or msgspec.json.encode(call.arguments or {}).decode()


def _cut(text: str, pieces: int) -> list[str]:
    size = max(1, -(-len(text) // pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
