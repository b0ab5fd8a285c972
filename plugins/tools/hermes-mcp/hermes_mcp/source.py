"""Where conversations get the tools and prompts of servers from. Light: it is imported at every start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.agent import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.specs import SlashCommandSpec, ToolSpec
    from hermes_mcp.servers import Servers

__all__ = ["HANDED_OVER", "PromptCommands", "Source", "prompt_commands", "source", "waiting"]

HANDED_OVER = "mcp.handed_over"
"""Where a conversation's memory has the servers that are its own; see `hermes_mcp.session_servers`."""


def source(context: PluginContext, spec: object) -> Source:
    """The source of tools."""
    return Source(context)


def prompt_commands(context: PluginContext, spec: object) -> PromptCommands:
    """The source of slash commands."""
    return PromptCommands(context)


class Source:
    """The tools of all servers."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def tools(self) -> Sequence[ToolSpec]:
        """From the cached lists; nothing is started for it."""
        servers = await _servers(self._context)
        return servers.specs() if servers is not None else ()

    async def changed(self) -> None:
        """See `hermes_host.protocols.ChangingToolSource`. Without servers it never ends."""
        servers = await _servers(self._context)
        if servers is not None:
            return await servers.changed()
        import asyncio

        await asyncio.Event().wait()


class PromptCommands:
    """The prompts of all servers."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def commands(self, session: SessionContext) -> Sequence[SlashCommandSpec]:
        """From the cached lists."""
        found = [command for own in session.memory.get(HANDED_OVER, ()) for command in own.servers.prompt_commands()]
        servers = await _servers(self._context)
        if servers is not None:
            servers.introduce(session)
            found += servers.prompt_commands()
        return found


async def waiting(context: PluginContext, session: Session) -> str:
    """What the model is told about servers whose tools it cannot have yet."""
    servers = await _servers(context)
    if servers is None:
        return ""
    names = servers.introduce(session.context)
    if not names:
        return ""
    listed = ", ".join(sorted(names))
    return f"These MCP servers are being set up; their tools can be used from the next conversation on: {listed}."


async def _servers(context: PluginContext) -> Servers | None:
    configured: dict[str, Any] = context.section(dict, "mcp_servers")
    if not configured:
        return None
    from hermes_mcp.servers import Servers

    return await context.services.get(Servers)
