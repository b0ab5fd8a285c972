"""What hermes-checkpoints contributes: middleware that takes snapshots, `/rollback`, commands and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, MiddlewareSpec, PluginInfo, SectionSpec, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Snapshots of the workspace before the agent changes it",
        sections=(SectionSpec(name="checkpoints", target="hermes_checkpoints.settings:Settings"),),
    )


@hookimpl
def hermes_middleware() -> Iterable[MiddlewareSpec]:
    # Innermost, so that a call which other middleware answers or refuses costs nothing.
    yield MiddlewareSpec(
        name="checkpoints",
        summary="Takes a snapshot before the first call of a turn that may change files",
        target="hermes_checkpoints.middleware:connect",
        around="tool",
        priority=-50,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="checkpoints",
        summary="List, compare, restore and prune snapshots of the workspace.",
        target="hermes_checkpoints.commands:checkpoints",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="rollback",
        summary="List snapshots of the workspace, compare with one, or go back to it.",
        target="hermes_checkpoints.slash:rollback",
        usage="[N [FILE] | diff N]",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="checkpoints.git",
        summary="Whether snapshots can be taken",
        target="hermes_checkpoints.checks:git",
    )
