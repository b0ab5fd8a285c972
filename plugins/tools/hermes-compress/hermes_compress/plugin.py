"""What hermes-compress contributes: middleware that keeps requests short, the command `/compress`, and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import MiddlewareSpec, PluginInfo, SectionSpec, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Summarise long conversations before they outgrow the model",
        sections=(SectionSpec(name="compression", target="hermes_compress.settings:Settings"),),
    )


@hookimpl
def hermes_middleware() -> Iterable[MiddlewareSpec]:
    # Inside of retries and fallbacks, so that it sees the model that is really asked.
    yield MiddlewareSpec(
        name="compress",
        summary="Shows the model a summary in place of what is long past",
        target="hermes_compress.middleware:connect",
        around="model",
        priority=100,
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="compress",
        summary="Compact the conversation now; with words after it, those matter most.",
        target="hermes_compress.command:compress",
        usage="[focus]",
    )
