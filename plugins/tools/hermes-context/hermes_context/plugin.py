"""What hermes-context contributes: project instructions, personalities, @ references, and how to look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    PluginInfo,
    PromptSectionSpec,
    SectionSpec,
    ServiceSpec,
    SlashCommandSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="Project instructions, personalities and @ references",
        sections=(
            SectionSpec(name="context", target="hermes_context.settings:ContextSettings"),
            SectionSpec(name="agent", target="hermes_context.settings:AgentPersonalities"),
            SectionSpec(name="terminal", target="hermes_host.config.sections:TerminalSection"),
        ),
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Put the personality beside the identity, and the project's instructions where those of projects stand."""
    yield PromptSectionSpec(
        name="personality", summary="How the agent speaks", target="hermes_context.personality:section", order=60
    )
    yield PromptSectionSpec(
        name="project",
        summary="Trusted project instructions: .hermes.md, AGENTS.md, CLAUDE.md or cursor rules",
        target="hermes_context.project:section",
        order=500,
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    """Expand what the user types."""
    yield ServiceSpec(
        name="prompt_expander",
        summary="Attaches what @ references in a message name",
        provides="hermes_host.services:PromptExpander",
        target="hermes_context.expander:connect",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    """Offer `/context` and `/personality`."""
    yield SlashCommandSpec(
        name="context",
        summary="Show what the system prompt holds and which project files are trusted",
        usage="[trust]",
        target="hermes_context.slash:context",
        while_busy=True,
    )
    yield SlashCommandSpec(
        name="personality",
        summary="List the personalities, or switch to one for this conversation",
        usage="[name|none]",
        target="hermes_context.slash:personality",
        while_busy=True,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    """Offer `hermes context` and `hermes personality`."""
    yield CommandSpec(
        name="context", summary="Show and trust a project's instructions.", target="hermes_context.commands:context"
    )
    yield CommandSpec(
        name="personality",
        summary="List personalities and choose the default one.",
        target="hermes_context.commands:personality",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Tell `hermes doctor` about files that wait for trust and names that do not exist."""
    yield CheckSpec(
        name="context.project",
        summary="Are this directory's project instructions trusted?",
        target="hermes_context.checks:project",
    )
    yield CheckSpec(
        name="context.personality",
        summary="Does the chosen personality exist?",
        target="hermes_context.checks:personality",
    )
