"""What the host itself contributes, through the same hooks as every plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.hookspecs import hookimpl
from hermes_host.specs import (
    CommandSpec,
    FrontendSpec,
    PluginInfo,
    PromptSectionSpec,
    SessionStoreSpec,
    SlashCommandSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """The host as a plugin."""
    return PluginInfo(summary="The host's own parts: line-mode chat, JSON-lines sessions, identity")


@hookimpl
def hermes_session_stores() -> Iterable[SessionStoreSpec]:
    """The reference store."""
    yield SessionStoreSpec(
        name="jsonl", summary="One file of JSON lines for each session", target="hermes_host.sessions:connect"
    )


@hookimpl
def hermes_frontends() -> Iterable[FrontendSpec]:
    """The line mode."""
    yield FrontendSpec(name="line", summary="Conversation line by line", target="hermes_host.cli.line:main")


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Who the agent is."""
    yield PromptSectionSpec(
        name="identity", summary="Who the agent is", target="hermes_host.agent.prompt:identity", order=0
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    """The commands every installation has."""
    from hermes_host.cli.builtin_commands import commands

    return commands()


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    """The slash commands every front end has."""
    from hermes_host.cli.builtin_commands import slash_commands

    return slash_commands()
