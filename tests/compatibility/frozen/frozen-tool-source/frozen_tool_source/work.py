"""Frozen: never edit."""

from __future__ import annotations

from hermes_host.specs import ToolSpec


async def connect(context, spec):
    return Source()


class Source:
    async def tools(self):
        return [
            ToolSpec(
                name=name,
                summary="Found late.",
                parameters={"type": "object", "properties": {"text": {"type": "string"}}},
                target="frozen_tool_source.work:run",
                effects=frozenset({"read"}),
            )
            for name in ("frozen_late_one", "frozen_late_two")
        ]


async def run(arguments, call):
    return f"{call.tool} ran"
