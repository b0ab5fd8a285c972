"""A provider that plays a script, and the conformance kit for providers.

``ScriptedProvider`` stands in for a model wherever the model is not what is being tested::

    provider = ScriptedProvider([
        assistant_message(ToolCall(id="1", name="read_file", arguments={"path": "a.txt"})),
        "The file says hello.",
    ])
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from hermes_host.errors import BadRequest
from hermes_host.messages import Media, Message, Part, Reasoning, Text, ToolCall, assistant_message
from hermes_host.protocols import ModelInfo, ModelRequest
from hermes_host.stream import (
    MessageEnded,
    PartDelta,
    PartEnded,
    PartKind,
    PartStarted,
    ProviderEvent,
    StopReason,
    Usage,
    UsageReported,
)

__all__ = ["ScriptedProvider", "Step", "play"]

Answer = str | Message | MessageEnded | BaseException
Step = Answer | Callable[[ModelRequest], Any]
"""A scripted answer: text, a message, a message with its stop reason and usage, an exception to raise; or a callable
that gets the request and gives one of these, a coroutine of one, or an async generator of provider events."""


class ScriptedProvider:
    """Answers each request with the next step of a list, streamed in several deltas, and keeps the requests.

    `requests` holds what was asked, in order; `closed` counts the calls of `aclose`. A request after the last step
    raises `BadRequest`, so that a test that asks too often fails with the reason.
    """

    def __init__(self, steps: Iterable[Step] = (), *, models: Sequence[str] = ("scripted",)) -> None:
        self.steps: list[Step] = list(steps)
        self.requests: list[ModelRequest] = []
        self.closed = 0
        self._models = tuple(models)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """Play the next step."""
        self.requests.append(request)
        if not self.steps:
            raise BadRequest(f"The script of this provider is over: request {len(self.requests)} has no step.")
        step: Any = self.steps.pop(0)
        if callable(step) and not isinstance(step, msgspec.Struct):
            step = step(request)
        if isinstance(step, AsyncGenerator):
            async for event in _passed_on(step):
                yield event
            return
        if isinstance(step, Awaitable):
            step = await step
        for event in play(step):
            yield event

    async def models(self) -> Sequence[ModelInfo]:
        """The models it was given."""
        return [ModelInfo(id=name, context=200_000) for name in self._models]

    async def aclose(self) -> None:
        """Count the call."""
        self.closed += 1


async def _passed_on(events: AsyncGenerator[Any]) -> AsyncIterator[ProviderEvent]:
    async with aclosing(events):
        async for event in events:
            yield event


def play(answer: Answer) -> Iterable[ProviderEvent]:
    """The events of one answer, in the grammar of `hermes_host.stream`; an exception is raised."""
    if isinstance(answer, BaseException):
        raise answer
    ended = _as_ended(answer)
    for index, part in enumerate(ended.message.parts):
        yield from _play_part(index, part)
    yield UsageReported(ended.usage)
    yield ended


def _as_ended(answer: str | Message | MessageEnded) -> MessageEnded:
    if isinstance(answer, str):
        answer = assistant_message(answer)
    if isinstance(answer, Message):
        reason: StopReason = "tool_calls" if answer.tool_calls else "end"
        answer = MessageEnded(answer, reason, Usage(input=100, output=max(1, len(answer.text) // 4)))
    parts = tuple(_with_raw(part) for part in answer.message.parts)
    message = msgspec.structs.replace(answer.message, parts=parts)
    return msgspec.structs.replace(answer, message=message)


def _with_raw(part: Part) -> Part:
    if isinstance(part, ToolCall) and not part.raw and part.arguments is not None:
        return msgspec.structs.replace(part, raw=msgspec.json.encode(part.arguments).decode())
    return part


def _play_part(index: int, part: Part) -> Iterable[ProviderEvent]:
    kind, name, text = _shape(part)
    yield PartStarted(index, kind, name)
    for piece in _pieces(text):
        yield PartDelta(index, piece)
    yield PartEnded(index, part)


def _shape(part: Part) -> tuple[PartKind, str, str]:
    match part:
        case Text():
            return "text", "", part.text
        case Reasoning():
            return "reasoning", "", part.text
        case ToolCall():
            return "tool_call", part.name, part.raw
        case Media():
            return "media", "", ""
        case _:
            raise TypeError(f"An answer cannot hold a {type(part).__name__}.")


def _pieces(text: str) -> Iterable[str]:
    """The text in about four pieces, so that a consumer has something to join."""
    size = max(1, -(-len(text) // 4))
    return (text[start : start + size] for start in range(0, len(text), size))
