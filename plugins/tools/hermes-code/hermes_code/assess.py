"""The judgement of a script at the approval gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.protocols import Assessment

if TYPE_CHECKING:
    from hermes_code.execute import ExecuteCode
    from hermes_host.context import ToolContext

__all__ = ["assess"]


async def assess(arguments: ExecuteCode, call: ToolContext) -> Assessment:
    """Ask, with the whole script: it can do whatever `python script.py` could, and nobody reads Python well enough to
    tell. What it calls of the tools is judged again, call by call.

    The one place to relax this, should a terminal backend confine what runs in it.
    """
    return Assessment(
        verdict="ask", reason="It runs a Python script, which can do whatever a command can.", shown=arguments.code
    )
