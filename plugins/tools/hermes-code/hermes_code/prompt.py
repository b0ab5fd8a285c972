"""A line of the system prompt: what scripts can import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_code.execute import tools_of
from hermes_code.settings import Settings

if TYPE_CHECKING:
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext

__all__ = ["guidance"]

_TOOL = "execute_code"


async def guidance(context: PluginContext, session: Session) -> str:
    """Empty where the conversation cannot run scripts."""
    if not any(tool.name == _TOOL for tool in session.tools()):
        return ""
    settings = context.section(Settings, "code_execution")
    names = [tool.name for tool in tools_of(session, settings, but=_TOOL)]
    imports = f"`from hermes_tools import {', '.join(names)}`" if names else "No tools"
    return (
        f"In scripts for `{_TOOL}`: {imports}, with the tools' parameters; each returns text (`.json()` reads it) or "
        "raises `ToolError`. `json_parse`, `shell_quote`, `retry` are there too. "
        f"At most {settings.max_tool_calls} calls and {settings.timeout} s, in the shell's directory."
    )
