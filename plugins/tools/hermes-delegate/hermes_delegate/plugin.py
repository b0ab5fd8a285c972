"""What hermes-delegate contributes: tools that hand tasks to subagents, their reports, and a command to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import MemorySpec, PluginInfo, SectionSpec, SlashCommandSpec, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="Subagents: tasks done beside or behind a conversation",
        sections=(SectionSpec(name="delegation", target="hermes_delegate.settings:Settings"),),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Offer the toolset `delegation`."""
    yield ToolSpec(
        name="delegate_task",
        summary="Give tasks to subagents; only their reports come back. For work you can describe completely, above "
        "all independent pieces at once (`tasks`). They see nothing of this conversation: put all they need into goal "
        "and context.",
        parameters="hermes_delegate.delegation:DelegateArguments",
        target="hermes_delegate.delegation:delegate_task",
        effects=frozenset({"process"}),
        toolset="delegation",
        assess="hermes_delegate.delegation:assess",
        parallel=True,
        shows="goal",
    )
    yield ToolSpec(
        name="subagents",
        summary="List the background subagents of this conversation, wait for them, or stop them.",
        parameters="hermes_delegate.delegation:SubagentsArguments",
        target="hermes_delegate.delegation:subagents",
        effects=frozenset({"read"}),
        toolset="delegation",
        shows="action",
    )


@hookimpl
def hermes_memories() -> Iterable[MemorySpec]:
    """Let reports of background subagents ride on the next message."""
    yield MemorySpec(
        name="subagents",
        summary="Reports of background subagents",
        target="hermes_delegate.recall:connect",
        features=frozenset({"recall"}),
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    """Let people see and stop them."""
    yield SlashCommandSpec(
        name="agents",
        summary="Show the subagents of this conversation, or stop them.",
        target="hermes_delegate.slash:agents",
        usage="[stop [id]]",
        while_busy=True,
    )
