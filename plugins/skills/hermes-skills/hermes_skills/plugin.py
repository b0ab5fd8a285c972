"""What hermes-skills contributes: three tools, the list in the prompt, slash commands, commands, and services."""

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
    SkillSourceSpec,
    SlashCommandSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import SessionContext


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Skills in the agentskills.io format: read, used, written and kept with their history",
        sections=(SectionSpec(name="skills", target="hermes_skills.settings:SkillsSettings"),),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Offer the toolset `skills`."""
    yield ToolSpec(
        name="skills_list",
        summary="List the skills: names, descriptions, categories.",
        parameters="hermes_skills.read:SkillsListArguments",
        target="hermes_skills.read:skills_list",
        effects=frozenset({"read"}),
        toolset="skills",
        parallel=True,
        shows="category",
    )
    yield ToolSpec(
        name="skill_view",
        summary="Read a skill, or with file_path one of its linked files. Follow a skill that fits the task.",
        parameters="hermes_skills.read:SkillViewArguments",
        target="hermes_skills.read:skill_view",
        effects=frozenset({"read", "ask"}),
        toolset="skills",
        shows="name",
    )
    yield ToolSpec(
        name="skill_manage",
        summary="Write skills: how a kind of work is done, for later conversations. create after a task that took five "
        "or more calls, a dead end overcome, a correction by the user, or when asked; patch at once what you find "
        "wrong, stale or missing while using one. A good skill says when it applies, has numbered steps with exact "
        "commands, pitfalls, and how to verify. content is a SKILL.md: ---, name, description, ---, instructions.",
        parameters="hermes_skills.manage:SkillManageArguments",
        target="hermes_skills.manage:skill_manage",
        assess="hermes_skills.manage:assess",
        effects=frozenset({"write"}),
        toolset="skills",
        shows="name",
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    yield PromptSectionSpec(
        name="skills", summary="Which skills there are", target="hermes_skills.prompt:index", order=400
    )
    yield PromptSectionSpec(
        name="skills.preloaded",
        summary="Skills that are active for the whole session",
        target="hermes_skills.prompt:preloaded",
        order=410,
    )


@hookimpl
def hermes_skill_sources() -> Iterable[SkillSourceSpec]:
    yield SkillSourceSpec(name="host", summary="Skills about the host itself", target="hermes_skills.source:connect")


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="skills.library",
        summary="All skills",
        provides="hermes_skills.library:Library",
        target="hermes_skills.library:connect",
    )
    yield ServiceSpec(
        name="skills.commands",
        summary="A slash command for each skill",
        provides="hermes_host.services:SlashCommands",
        target="hermes_skills.slash:commands",
    )
    # Below every other expander: it adds nothing, it only refuses.
    yield ServiceSpec(
        name="skills.preload",
        summary="Refuses a conversation whose preloaded skills cannot be loaded",
        provides="hermes_host.services:PromptExpander",
        target="hermes_skills.prompt:guard",
        priority=-100,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(name="skills", summary="List, write and keep skills.", target="hermes_skills.commands:skills")


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="skills",
        summary="List the skills, or those that match.",
        target="hermes_skills.slash:skills",
        usage="[filter]",
        while_busy=True,
    )
    yield SlashCommandSpec(
        name="plan",
        summary="Write a plan into a file before anything is done.",
        target="hermes_skills.slash:plan",
        usage="[what to plan]",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="skills", summary="Which skills are broken, and which wait", target="hermes_skills.checks:skills"
    )


@hookimpl
def hermes_session_started(session: SessionContext) -> None:
    if session.recorded("skills.environment"):
        from hermes_skills.readiness import pass_again

        pass_again(session)


@hookimpl
async def hermes_turn_finished(session: SessionContext, outcome: str) -> None:
    if session.memory.get("skills.used"):
        from hermes_skills.observers import turn_finished

        await turn_finished(session.memory["skills.home"], session, outcome)
