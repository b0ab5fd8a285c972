"""What hermes-acp contributes: the command `hermes acp`, a check, and what an editor's mode forbids or asks about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import SessionContext
    from hermes_host.messages import ToolCall
    from hermes_host.protocols import Assessment


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="The agent in editors, over the Agent Client Protocol",
        homepage="https://agentclientprotocol.com",
        sections=(SectionSpec(name="acp", target="hermes_acp.settings:Settings"),),
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    """Offer `hermes acp`, which editors start."""
    yield CommandSpec(
        name="acp", summary="Serve an editor over the Agent Client Protocol.", target="hermes_acp.command:acp"
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Tell `hermes doctor` whether editors can be served."""
    yield CheckSpec(name="acp", summary="Can editors be served?", target="hermes_acp.checks:editors")


@hookimpl
async def hermes_assess_tool_call(
    call: ToolCall, session: SessionContext, effects: frozenset[str]
) -> Assessment | None:
    """Hold calls to the mode that was chosen in the editor; subagents work under their leader's."""
    if session.source != "subagent" and "acp.mode" not in session.memory:
        return None
    from hermes_acp.modes import assess

    return assess(session, effects)
