"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.protocols import Assessment


@hookimpl
async def hermes_assess_tool_call(call, session, effects):
    if (call.arguments or {}).get("text") == "forbidden" and effects:
        return Assessment(verdict="deny", reason=f"Frozen says no to {call.name}.")
    return None
