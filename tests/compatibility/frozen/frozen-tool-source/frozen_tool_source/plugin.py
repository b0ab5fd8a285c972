"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import ToolSourceSpec


@hookimpl
def hermes_tool_sources():
    yield ToolSourceSpec(name="frozen-source", summary="Tools found late", target="frozen_tool_source.work:connect")
