"""The tool `execute_code`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hermes_code.launch import look_around, pack
from hermes_code.run import Run
from hermes_code.settings import Settings
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput
from hermes_host.services import Conversations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_code.run import Ending
    from hermes_host.agent.session import Session
    from hermes_host.context import ToolContext
    from hermes_host.protocols import ToolDefinition

__all__ = ["ExecuteCode", "execute_code", "tools_of"]

_GRACE = 2.0
"""Seconds before the turn's own end at which a script is stopped, so that what it printed is not lost."""


class ExecuteCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `execute_code`."""

    code: Annotated[str, Meta(min_length=1)]
    timeout: Annotated[int, Meta(ge=1, description="Seconds")] | UnsetType = UNSET


def tools_of(session: Session, settings: Settings, *, but: str) -> Sequence[ToolDefinition]:
    """The tools that scripts of a session may call: those of the settings that it has, and never the one that runs
    them."""
    return [tool for tool in session.toolbox.definitions() if tool.name in settings.tools and tool.name != but]


async def execute_code(arguments: ExecuteCode, call: ToolContext) -> ToolOutput:
    """Run a script on the session's terminal; gives what it printed."""
    settings = call.plugin.section(Settings, "code_execution")
    conversations = await call.plugin.services.get(Conversations)
    session = conversations.session(call.session.id)
    if session is None:
        raise ToolError("The conversation of this script is closed. Nothing was executed.")
    began = time.monotonic()
    tools = tools_of(session, settings, but=call.tool)
    parcel = pack(arguments.code, tools)
    place = await look_around(call)
    run = Run(
        call,
        parcel,
        place,
        tools={tool.name for tool in tools},
        beside={spec.name for spec in session.tools() if spec.parallel},
        limit=settings.max_tool_calls,
        redactor=session.host.secrets.redactor,
    )
    ending = await run.follow(_seconds(arguments, settings, call))
    return _output(ending, run, time.monotonic() - began)


def _seconds(arguments: ExecuteCode, settings: Settings, call: ToolContext) -> float:
    wanted = float(settings.timeout)
    if isinstance(arguments.timeout, int):
        wanted = min(wanted, float(arguments.timeout))
    remaining = call.remaining
    return wanted if remaining is None else min(wanted, max(1.0, remaining - _GRACE))


def _output(ending: Ending, run: Run, seconds: float) -> ToolOutput:
    output = run.output()
    if ending.status != "success":
        errors = run.errors()
        output += ("\n" if output and not output.endswith("\n") else "") + (f"[stderr]\n{errors}" if errors else "")
    result: dict[str, object] = {
        "status": ending.status,
        "output": output,
        "tool_calls_made": run.calls.made,
        "duration_seconds": round(seconds, 2),
    }
    if ending.error:
        result["error"] = ending.error
    made = run.calls.made
    return ToolOutput(
        content=json.dumps(result, ensure_ascii=False),
        is_error=ending.status != "success",
        title=f"{ending.status}, {made} tool call{'' if made == 1 else 's'}",
    )
