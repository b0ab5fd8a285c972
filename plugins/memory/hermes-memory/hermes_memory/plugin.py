"""What hermes-memory contributes: the tool `memory`, its place in the prompt, commands and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    MemorySpec,
    PluginInfo,
    PromptSectionSpec,
    SectionSpec,
    SlashCommandSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Notes and a user profile that the agent keeps across conversations",
        sections=(SectionSpec(name="memory", target="hermes_memory.settings:Settings"),),
    )


@hookimpl
def hermes_memories() -> Iterable[MemorySpec]:
    yield MemorySpec(
        name="memory",
        summary="MEMORY.md and USER.md, as they were when the conversation began",
        target="hermes_memory.prompt:connect",
        features=frozenset({"prompt"}),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    yield ToolSpec(
        name="memory",
        summary="Keep short facts for later conversations. target=memory: your notes on environment, conventions and "
        "lessons; target=user: who the user is and what they want. replace and remove find the entry by old_text, a "
        "unique part of it. Every answer shows the live entries; the system prompt shows those of the beginning.",
        parameters="hermes_memory.tool:MemoryArguments",
        target="hermes_memory.tool:memory",
        assess="hermes_memory.tool:assess",
        available="hermes_memory.tool:available",
        effects=frozenset({"write"}),
        toolset="memory",
        shows="action",
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    yield PromptSectionSpec(
        name="memory-guidance",
        summary="What is worth remembering; only where the tool `memory` can be used",
        target="hermes_memory.prompt:guidance",
        order=210,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="memory",
        summary="Show, edit and undo what the agent remembers.",
        target="hermes_memory.commands:memory",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="memory",
        summary="Show what the agent remembers, decide what waits for consent, undo.",
        target="hermes_memory.slash:memory",
        usage="[pending | accept N | reject N | history | undo [N]]",
        while_busy=True,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="memory.files",
        summary="Whether all that is remembered can be read and shown to the model",
        target="hermes_memory.checks:files",
    )
