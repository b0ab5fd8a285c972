"""What hermes-worktree contributes: worktrees for conversations, and a command to look after them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import SessionContext


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(summary="Conversations that work in a git worktree of their own")


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    """Make a worktree when a conversation asks for a place of its own."""
    yield ServiceSpec(
        name="worktrees",
        summary="Git worktrees for conversations",
        provides="hermes_host.services:Workspaces",
        target="hermes_worktree.workspaces:connect",
    )


@hookimpl
async def hermes_session_ended(session: SessionContext) -> None:
    """End the worktree with its conversation."""
    workspaces = sys.modules.get("hermes_worktree.workspaces")  # not imported: no worktree was made
    if workspaces is not None:
        await workspaces.leave(session)


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    """Offer `hermes worktree`."""
    yield CommandSpec(
        name="worktree",
        summary="See and remove the worktrees of conversations.",
        target="hermes_worktree.commands:worktree",
        group="Look after",
    )
