"""The tools of Python plugins as tools of this host."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hermes_bridges.bridges import Bridges
from hermes_bridges.python_plugins import accepted
from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import ToolOutput
from hermes_host.specs import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_bridges.python_plugins import PythonPlugin, PythonTool
    from hermes_host.context import PluginContext, ToolContext
    from hermes_host.specs import Effect

__all__ = ["Source", "call_tool", "source"]

UNKNOWN: frozenset[Effect] = frozenset({"read", "write", "process", "net", "send"})
"""What a tool may do of which nothing is known: every call needs consent."""

_PATIENCE = 1.5
"""Seconds a conversation waits for plugins to load; what takes longer is there in the next one."""


async def source(context: PluginContext, spec: object) -> Source:
    """The source of tools."""
    return Source(context, await context.services.get(Bridges))


class Source:
    """The tools of all Python plugins that are on."""

    def __init__(self, context: PluginContext, bridges: Bridges) -> None:
        self._context = context
        self._bridges = bridges

    async def tools(self) -> Sequence[ToolSpec]:
        """What they offer now. A name that is taken gets the bridge's name before it."""
        await self._bridges.load(_PATIENCE)
        plugins = [plugin for plugin in self._bridges.python() if plugin.tools]
        if not plugins:
            self._bridges.offer({})
            return ()
        taken = {item.name for item in self._context.registry("tools") if item.plugin != self._context.plugin}
        routes: dict[str, tuple[PythonPlugin, PythonTool]] = {}
        for plugin in plugins:
            for tool in plugin.tools.values():
                if not await self._usable(plugin, tool):
                    continue
                name = tool.name
                if name in taken or name in routes:
                    name = f"{plugin.name.replace('-', '_')}_{tool.name}"[:64]
                    plugin.note(f"its tool {tool.name!r} is called {name!r} here: there is another one of that name.")
                if name not in taken and name not in routes:
                    routes[name] = (plugin, tool)
        self._bridges.offer(routes)
        return [self._spec(name, plugin, tool) for name, (plugin, tool) in routes.items()]

    async def changed(self) -> None:
        """See `hermes_host.protocols.ChangingToolSource`."""
        await self._bridges.changed()

    async def _usable(self, plugin: PythonPlugin, tool: PythonTool) -> bool:
        if not tool.requires and tool.check is None:
            return True
        try:
            reason = await plugin.threads.call(plugin.unavailable, tool, limit=0.5)
        except (HermesError, TimeoutError) as error:
            reason = f"its check failed ({str(error) or 'it took too long'})"
        if reason:
            plugin.note(f"its tool {tool.name!r} cannot be used: {reason}.")
        return not reason

    def _spec(self, name: str, plugin: PythonPlugin, tool: PythonTool) -> ToolSpec:
        known = self._bridges.settings.effects.get(name)
        return ToolSpec(
            name=name,
            summary=tool.summary,
            parameters=tool.parameters,
            target="hermes_bridges.python_tools:call_tool",
            effects=UNKNOWN if known is None else frozenset(known),
            toolset=tool.toolset or plugin.name,
            timeout=self._bridges.settings.tool_timeout + 1,
        )


async def call_tool(arguments: dict[str, Any], call: ToolContext) -> ToolOutput:
    """Make a call of a bridged tool."""
    bridges = await call.plugin.services.get(Bridges)
    found, tool = bridges.routes.get(call.tool, (None, None))
    if found is None or tool is None or found not in bridges.python():
        raise ToolError(f"The bridge behind {call.tool!r} is off.", remedy="Tell the user: hermes bridges list")
    limit = min(bridges.settings.tool_timeout, call.remaining or bridges.settings.tool_timeout)
    facts = {"task_id": call.session.id, "session_id": call.session.id}
    try:
        value = await found.threads.call(tool.handler, arguments, limit=limit, **accepted(tool.handler, facts))
    except TimeoutError:
        raise ToolError(f"The tool {call.tool!r} did not return within {limit:g} s.") from None
    except HermesError as error:
        raise ToolError(f"The tool {call.tool!r} of the bridge {found.name!r} failed: {error.message}") from error
    return await asyncio.to_thread(_output, value)


def _output(value: Any) -> ToolOutput:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return ToolOutput(content=text, is_error=_says_error(value))


def _says_error(value: Any) -> bool:
    """Whether a result is an error in the way of Hermes 0.5: an object with `error`, without success."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return isinstance(value, dict) and bool(value.get("error")) and not value.get("success")
