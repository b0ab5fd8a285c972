"""Frozen: never edit."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message, text_of
from hermes_host.protocols import ModelInfo
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, Usage, UsageReported


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    shout: Annotated[bool, msgspec.Meta(description="In capitals.", extra={"environment": ("FROZEN_SHOUT",)})] = False
    mark: str = "."


def connect(context, spec):
    return Provider(context.section(Settings), context.secret("FROZEN_KEY"), spec.options)


class Provider:
    """Says what it heard; `call NAME` makes a call of that tool with what stands behind it as `text`."""

    def __init__(self, settings, key, options):
        self.settings, self.key, self.options = settings, key, options

    async def stream(self, request):
        last = request.messages[-1]
        word, _, rest = last.text.partition(" ")
        if last.role == "user" and word == "call":
            name, _, text = rest.partition(" ")
            part = ToolCall(id=f"c{len(request.messages)}", name=name, arguments={"text": text}, raw='{"text": "%s"}' % text)
            yield PartStarted(0, "tool_call", name)
            yield PartDelta(0, part.raw)
        else:
            results = [text_of(part.content) for part in last.parts if isinstance(part, ToolResult)]
            said = " ".join(results) or last.text
            if word == "system":
                said = request.system
            part = Text(text=(said.upper() if self.settings.shout else said) + self.settings.mark)
            yield PartStarted(0, "text")
            yield PartDelta(0, part.text)
        yield PartEnded(0, part)
        usage = Usage(input=3, output=2, cached=1, reasoning=0)
        yield UsageReported(usage)
        yield MessageEnded(assistant_message(part), "tool_calls" if isinstance(part, ToolCall) else "end", usage)

    async def models(self):
        return [ModelInfo(id="one", name="One", context=1000, max_output=100)]

    async def aclose(self):
        pass
