"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Says how many conversations there are")


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="example-command",
        summary="Say how many conversations there are.",
        target="hermes_example_command.commands:main",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="example-command",
        summary="Say how many conversations there are.",
        target="hermes_example_command.commands:slash",
        while_busy=True,
    )
