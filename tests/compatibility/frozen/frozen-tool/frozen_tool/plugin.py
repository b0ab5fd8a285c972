"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import ToolSpec


@hookimpl
def hermes_tools():
    yield ToolSpec(
        name="frozen_struct",
        summary="Count characters.",
        parameters="frozen_tool.work:Arguments",
        target="frozen_tool.work:count",
        effects=frozenset({"read"}),
        toolset="frozen",
        available="frozen_tool.work:available",
        parallel=True,
        timeout=5.0,
        shows="text",
    )
    yield ToolSpec(
        name="frozen_schema",
        summary="Say it back.",
        parameters={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        target="frozen_tool.work:repeat",
        effects=frozenset({"write"}),
        assess="frozen_tool.work:assess",
    )
    yield ToolSpec(
        name="frozen_missing",
        summary="Never there.",
        parameters={"type": "object", "properties": {}},
        target="frozen_tool.work:repeat",
        effects=frozenset({"net"}),
        available="frozen_tool.work:unavailable",
    )
