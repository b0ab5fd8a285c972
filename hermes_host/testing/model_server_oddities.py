"""Answers that arrive whole and are still none: what models and their vendors say that no client should take as it is.

Beside the faults of networks (`model_server_faults`), which damage a good answer whatever it says, these are made from
the parts of the answer that was meant, in the words of one wire format::

    odd = WIRES["chat"].oddities["fused_name"]([call], request, random.Random(7))

`AGAIN` names those after which the same request is to be sent once more, `TOLD` those whose calls are not to be run:
the model is told, and may do better. A wire lacks what it cannot express.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec

from hermes_host.messages import Part, Text, ToolCall
from hermes_host.testing import model_server_chat as chat
from hermes_host.testing import model_server_messages as messages
from hermes_host.testing import model_server_responses as responses
from hermes_host.testing.model_server import Answer, Received, json_answer
from hermes_host.testing.model_server_responses_events import item_added, item_done, item_events

__all__ = ["AGAIN", "TOLD", "WIRES", "Oddity", "Wire"]

Parts = Sequence[Part]
Event = dict[str, Any]
Oddity = Callable[[Parts, Received, Random], Answer]
"""The odd answer in place of one with these parts."""

AGAIN = frozenset({"out_of_order", "empty", "silent", "error_within"})
TOLD = frozenset({"late_name", "fused_name", "fused_arguments", "torn_arguments"})


class Wire(NamedTuple):
    """One wire format: how a good answer is made in it, what is odd in it, and how it refuses a long request."""

    say: Callable[..., Callable[[Received], Answer]]
    """`say(*parts, stop_reason=…)` gives a well-formed answer; see the module of the format."""
    oddities: Mapping[str, Oddity]
    too_long: Answer


def _streamed(request: Received) -> bool:
    return bool(request.json.get("stream"))


def _texts(parts: Parts) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text)]


def _calls(parts: Parts) -> list[ToolCall]:
    return [part for part in parts if isinstance(part, ToolCall)]


def _written(call: ToolCall) -> str:
    return msgspec.json.encode(call.arguments or {}).decode()


def _changed(parts: Parts, change: Callable[[str, str], tuple[str, str]]) -> list[Part]:
    """The parts with name and argument text of each call as `change` gives them."""
    made: list[Part] = []
    for part in parts:
        if isinstance(part, ToolCall):
            name, text = change(part.name, _written(part))
            made.append(ToolCall(id=part.id, name=name, arguments=None, raw=text))
        else:
            made.append(part)
    return made


def _fused_name(name: str, text: str) -> tuple[str, str]:
    return name * 2, text


def _fused_arguments(name: str, text: str) -> tuple[str, str]:
    return name, text * 2


def _torn_arguments(name: str, text: str) -> tuple[str, str]:
    return name, text[: max(1, len(text) // 2)]


def _miscalled(say: Any, change: Callable[[str, str], tuple[str, str]], *, in_one: bool = True) -> Oddity:
    """Well-formed but for the calls. With `in_one` false the format cannot say it in one piece, and says it well."""

    def make(parts: Parts, request: Received, chance: Random) -> Answer:
        odd = _streamed(request) or in_one
        answer: Answer = say(*(_changed(parts, change) if odd else parts))(request)
        return answer

    return make


def _saying(say: Any, *given: str) -> Oddity:
    def make(parts: Parts, request: Received, chance: Random) -> Answer:
        answer: Answer = say(*given)(request)
        return answer

    return make


def _mixed(sequences: Sequence[Sequence[Event]], chance: Random) -> list[Event]:
    """The sequences as one, each in its own order."""
    left = [list(sequence) for sequence in sequences if sequence]
    mixed = []
    while left:
        chosen = chance.choice(left)
        mixed.append(chosen.pop(0))
        left = [sequence for sequence in left if sequence]
    return mixed


def _cut(text: str) -> list[str]:
    return [text[start : start + 5] for start in range(0, len(text), 5)]


# ---------------------------------------------------------------------------------------------------- chat completions


def _chat_mixed(parts: Parts, request: Received, chance: Random) -> Answer:
    """The pieces of several calls among each other, the last call first; the end is said before the last of them."""
    if not _streamed(request):
        return chat.chat(*parts)(request)
    said = [chat.chunk({"content": piece}) for text in _texts(parts) for piece in _cut(text)]
    calls = [
        [
            chat.chunk(chat.call_delta(index, id=call.id, name=call.name, arguments="")),
            *(chat.chunk(chat.call_delta(index, arguments=piece)) for piece in _cut(_written(call))),
        ]
        for index, call in enumerate(_calls(parts))
    ]
    pieces = [*said, *_mixed(calls[::-1], chance)]
    end = chat.chunk({}, finish="tool_calls" if calls else "stop")
    return chat.events(chat.usage_chunk(), *pieces[:-1], end, pieces[-1])


def _chat_late_name(parts: Parts, request: Received, chance: Random) -> Answer:
    """The name of a call comes after its arguments have begun."""
    if not _streamed(request):
        return chat.chat(*parts)(request)
    said = [chat.chunk({"content": piece}) for text in _texts(parts) for piece in _cut(text)]
    calls = []
    for index, call in enumerate(_calls(parts)):
        text = _written(call)
        calls += [
            chat.chunk(chat.call_delta(index, arguments=text[:4])),
            chat.chunk(chat.call_delta(index, id=call.id, name=call.name, arguments=text[4:])),
        ]
    return chat.events(*said, *calls, chat.chunk({}, finish="tool_calls"))


def _chat_empty(parts: Parts, request: Received, chance: Random) -> Answer:
    """No choice at all."""
    if not _streamed(request):
        return json_answer({"id": "x", "object": "chat.completion", "choices": []})
    return chat.events({**chat.chunk(), "choices": []}, chat.usage_chunk())


def _chat_error(parts: Parts, request: Received, chance: Random) -> Answer:
    """An error after status 200, in the midst of the answer."""
    error = {"error": {"message": "The server had an error.", "type": "server_error", "code": 500}}
    if not _streamed(request):
        return json_answer(error, status=500)
    good = [chat.chunk({"content": piece}) for text in _texts(parts) for piece in _cut(text)]
    return chat.events(*good[: chance.randrange(len(good) + 1)], error, done=False)


# ------------------------------------------------------------------------------------------------------------ responses


def _items(parts: Parts) -> list[Event]:
    made: list[Event] = []
    for number, part in enumerate(parts):
        if isinstance(part, ToolCall):
            text = part.raw or _written(part)
            made.append(responses.call_item(part.name, text, call_id=part.id, id=f"fc_{number}"))
        elif isinstance(part, Text):
            made.append(responses.message_item(part.text, id=f"msg_{number}"))
    return made


def _responses_mixed(parts: Parts, request: Received, chance: Random) -> Answer:
    """Deltas in another order than their numbers, or items among each other."""
    if not _streamed(request):
        return responses.responses(*parts)(request)
    items = _items(parts)
    if chance.random() < 0.5:
        sequences = [item_events(item, index) for index, item in enumerate(items)]
        between = _mixed(sequences, chance)
    else:
        between = []
        for index, item in enumerate(items):
            _, *middle, _ = item_events(item, index, pieces=6)
            between += [item_added(item, index), *middle, item_done(item, index)]
        between = [{"sequence_number": number, **event} for number, event in enumerate(between)]
        deltas = [place for place, event in enumerate(between) if event["type"].endswith(".delta")]
        for here, there in zip(deltas[::2], deltas[1::2], strict=False):
            if between[here]["output_index"] == between[there]["output_index"]:
                between[here], between[there] = between[there], between[here]
    end = {"type": "response.completed", "sequence_number": len(between), "response": responses.response(*items)}
    return responses.events(*between, end)


def _responses_error(parts: Parts, request: Received, chance: Random) -> Answer:
    if not _streamed(request):
        return responses.failure(500)
    if chance.random() < 0.3:
        return responses.failed("server_error")
    good = [event for index, item in enumerate(_items(parts)) for event in item_events(item, index)]
    error = responses.error_event("server_error", nested=chance.random() < 0.5)
    return responses.events(*good[: chance.randrange(len(good))], error)


# ------------------------------------------------------------------------------------------------------------- messages


def _messages_mixed(parts: Parts, request: Received, chance: Random) -> Answer:
    """The deltas of several blocks among each other, or deltas of a block that has not begun."""
    if not _streamed(request):
        return messages.messages(*parts)(request)
    blocks = []
    for index, part in enumerate(parts):
        if isinstance(part, ToolCall):
            blocks.append(messages.tool_block(index, part.id, part.name, *_cut(_written(part))))
        elif isinstance(part, Text):
            blocks.append(messages.text_block(index, *_cut(part.text)))
    if chance.random() < 0.5:
        between = _mixed(blocks, chance)
    else:
        between = [event for block in blocks for event in block]
        between[0], between[1] = between[1], between[0]
    reason = "tool_use" if _calls(parts) else "end_turn"
    model = request.json["model"]
    return messages.events(
        messages.message_start(model=model), between, messages.message_delta(reason), messages.message_stop()
    )


def _messages_error(parts: Parts, request: Received, chance: Random) -> Answer:
    if not _streamed(request):
        return messages.failure(529)
    good = messages.text_block(0, *(piece for text in _texts(parts) for piece in _cut(text)))
    began = messages.message_start(model=request.json["model"])
    return messages.events(began, good[: chance.randrange(len(good))], messages.error_event())


# --------------------------------------------------------------------------------------------------------------- tables

WIRES: dict[str, Wire] = {
    "chat": Wire(
        chat.chat,
        {
            "out_of_order": _chat_mixed,
            "late_name": _chat_late_name,
            "fused_name": _miscalled(chat.chat, _fused_name),
            "fused_arguments": _miscalled(chat.chat, _fused_arguments),
            "torn_arguments": _miscalled(chat.chat, _torn_arguments),
            "empty": _chat_empty,
            "silent": _saying(chat.chat),
            "error_within": _chat_error,
        },
        chat.failure(
            400,
            "This model's maximum context length is 100000 tokens. However, your messages resulted in 100321 tokens.",
            code="context_length_exceeded",
        ),
    ),
    "responses": Wire(
        responses.responses,
        {
            "out_of_order": _responses_mixed,
            "fused_name": _miscalled(responses.responses, _fused_name),
            "fused_arguments": _miscalled(responses.responses, _fused_arguments),
            "torn_arguments": _miscalled(responses.responses, _torn_arguments),
            "empty": _saying(responses.responses),
            "silent": _saying(responses.responses, ""),
            "error_within": _responses_error,
        },
        responses.failure(
            400,
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            code="context_length_exceeded",
        ),
    ),
    "messages": Wire(
        messages.messages,
        {
            "out_of_order": _messages_mixed,
            "fused_name": _miscalled(messages.messages, _fused_name),
            "fused_arguments": _miscalled(messages.messages, _fused_arguments, in_one=False),
            "torn_arguments": _miscalled(messages.messages, _torn_arguments, in_one=False),
            "empty": _saying(messages.messages),
            "silent": _saying(messages.messages, ""),
            "error_within": _messages_error,
        },
        messages.failure(400, "prompt is too long: 100321 tokens > 100000 maximum"),
    ),
}
