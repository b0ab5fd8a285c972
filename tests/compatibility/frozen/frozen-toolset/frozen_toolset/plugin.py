"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import ToolsetSpec


@hookimpl
def hermes_toolsets():
    yield ToolsetSpec(name="frozen-inner", summary="One tool", tools=("frozen_struct",))
    yield ToolsetSpec(name="frozen-set", summary="A group", tools=("frozen_schema",), includes=("frozen-inner",))
