"""Calls of isolated plugins' tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import PluginError
from hermes_host.messages import Media, Text
from hermes_host.protocols import ToolOutput
from hermes_host.visible import one_line, visible
from hermes_isolated.requests import Call, Context, Result, own_words
from hermes_isolated.runtime import Runtime

if TYPE_CHECKING:
    from hermes_host.context import ToolContext
    from hermes_isolated.lock import LockedPlugin
    from hermes_isolated.settings import Settings

__all__ = ["call"]


async def call(arguments: dict[str, Any], call: ToolContext) -> ToolOutput:
    """Make the call in the plugin's process. Raises `HermesError`."""
    runtime = await call.plugin.services.get(Runtime)
    resident = runtime.resident(runtime.plugin_of(call.tool), call.session.directory)
    seconds = _seconds(resident.plugin, runtime.settings, call)
    asked = Call(name=call.tool, arguments=arguments, meta=_context(call, seconds, resident.name))
    found: Result = await resident.request("tools/call", asked, Result, seconds=seconds, call=call)
    try:
        content = tuple(_plain(part) for part in found.content)
    except ValueError as error:
        raise PluginError(f"The plugin {resident.name!r} broke the contract in its answer: {error}.") from None
    return ToolOutput(
        content=content,
        is_error=found.is_error,
        title=one_line(found.meta.title, 200),
        diff=visible(found.meta.diff),
        # Whatever the plugin says: its words are nobody's but its own.
        provenance="external",
    )


def _plain(part: Text | Media) -> Text | Media:
    """The part without `meta`, in which the host's own parts keep notes for each other."""
    own_words(part)
    return Text(text=part.text) if isinstance(part, Text) else msgspec.structs.replace(part, meta={})


def _seconds(plugin: LockedPlugin, settings: Settings, call: ToolContext) -> float:
    own = next((tool.timeout for tool in plugin.description.tools if tool.name == call.tool), 0.0)
    seconds = own or settings.call_seconds
    return seconds if call.remaining is None else min(seconds, call.remaining)


def _context(call: ToolContext, seconds: float, plugin: str) -> Context:
    return Context(
        session=call.session.id,
        directory=call.session.directory,
        source=call.session.source,
        remaining=seconds,
        call_id=call.call_id,
        turn_id=call.turn_id,
        can_ask=call.can_ask,
        can_approve=call.can_approve,
        origin=call.origin,
        recorded=call.session.recorded(f"isolated.{plugin}"),
    )
