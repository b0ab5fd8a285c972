"""What hermes-insights contributes: `hermes insights` and `/insights`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="How the agent is used: conversations, tools, models, cost and habits")


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="insights",
        summary="Show how, when and for how much the agent is used.",
        target="hermes_insights.commands:insights",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="insights",
        summary="Show how, when and for how much the agent is used.",
        target="hermes_insights.slash:insights",
        usage="[--days N] [--source NAME]",
        while_busy=True,
    )
