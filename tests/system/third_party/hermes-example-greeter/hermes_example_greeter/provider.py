"""The provider `parrot`: repeats what one says, and calls `greet` when one says "greet NAME"."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from hermes_host.messages import Message, Text, ToolCall, ToolResult, assistant_message, text_of
from hermes_host.protocols import ModelInfo, ModelRequest
from hermes_host.stream import (
    MessageEnded,
    PartDelta,
    PartEnded,
    PartStarted,
    ProviderEvent,
    Usage,
)

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.specs import ProviderSpec


def connect(context: PluginContext, spec: ProviderSpec) -> Parrot:
    """Make the provider."""
    return Parrot()


class Parrot:
    """A provider that needs no network."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """Answer in the grammar of `hermes_host.stream`: one part, in one piece."""
        said = request.messages[-1]
        usage = Usage(input=len(request.messages), output=1)
        word, _, name = said.text.partition(" ")
        part: Text | ToolCall
        if said.role == "user" and word == "greet" and any(tool.name == "greet" for tool in request.tools):
            arguments = {"name": name}
            part = ToolCall(
                id=f"call_{len(request.messages)}", name="greet", arguments=arguments, raw=json.dumps(arguments)
            )
            yield PartStarted(0, "tool_call", part.name)
            yield PartDelta(0, part.raw)
        else:
            part = Text(text=_heard(said))
            yield PartStarted(0, "text")
            yield PartDelta(0, part.text)
        yield PartEnded(0, part)
        yield MessageEnded(assistant_message(part), "tool_calls" if isinstance(part, ToolCall) else "end", usage)

    async def models(self) -> Sequence[ModelInfo]:
        """What can be asked for."""
        return [ModelInfo(id="grey", name="African grey", context=8_000)]

    async def aclose(self) -> None:
        """Nothing is held open."""


def _heard(message: Message) -> str:
    results = [text_of(part.content) for part in message.parts if isinstance(part, ToolResult)]
    return " ".join(results) or message.text
