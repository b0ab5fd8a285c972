"""What hermes-bridges contributes: whatever trusted folders of other systems' plugins bring, commands, and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    Capabilities,
    CheckSpec,
    CommandSpec,
    MiddlewareSpec,
    PluginInfo,
    SectionSpec,
    ServiceSpec,
    SkillSourceSpec,
    ToolSourceSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import SessionContext
    from hermes_host.messages import ToolCall
    from hermes_host.protocols import Assessment


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Plugins made for other agents: Hermes 0.5, Claude Code, folders of skills",
        sections=(SectionSpec(name="bridges", target="hermes_bridges.settings:Settings"),),
        capabilities=Capabilities(network=("*",), read=("/",), write=("/",), programs=("*",)),
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="bridges",
        summary="The folders that are used, and what is in them",
        provides="hermes_bridges.bridges:Bridges",
        target="hermes_bridges.bridges:connect",
    )
    yield ServiceSpec(
        name="bridges.commands",
        summary="A slash command for each command of a folder",
        provides="hermes_host.services:SlashCommands",
        target="hermes_bridges.slash:commands",
    )
    # Below other expanders: hooks see what the person wrote, and what they add stands last.
    yield ServiceSpec(
        name="bridges.prompts",
        summary="What hooks of folders say about a message",
        provides="hermes_host.services:PromptExpander",
        target="hermes_bridges.observing:prompts",
        priority=-50,
    )


@hookimpl
def hermes_tool_sources() -> Iterable[ToolSourceSpec]:
    yield ToolSourceSpec(
        name="bridges",
        summary="Tools of Python plugins made for Hermes 0.5",
        target="hermes_bridges.python_tools:source",
    )


@hookimpl
def hermes_skill_sources() -> Iterable[SkillSourceSpec]:
    yield SkillSourceSpec(name="bridges", summary="Skills of trusted folders", target="hermes_bridges.skills:connect")


@hookimpl
def hermes_middleware() -> Iterable[MiddlewareSpec]:
    yield MiddlewareSpec(
        name="bridges.tools",
        summary="Tells hooks of folders about tool calls",
        target="hermes_bridges.observing:tools",
        around="tool",
        # Innermost: hooks have to see the arguments that count in the end.
        priority=-1000,
    )
    yield MiddlewareSpec(
        name="bridges.models",
        summary="Tells hooks of folders about model calls",
        target="hermes_bridges.observing:models",
        around="model",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="bridges",
        summary="Use plugins and skills made for other agents.",
        target="hermes_bridges.commands:bridges",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="bridges", summary="Are the trusted folders what was accepted?", target="hermes_bridges.checks:folders"
    )


@hookimpl
async def hermes_assess_tool_call(call: ToolCall, session: SessionContext) -> Assessment | None:
    if "bridges" not in session.memory:
        return None
    from hermes_bridges.observing import judged

    return await judged(call, session)


@hookimpl
async def hermes_turn_finished(session: SessionContext, outcome: str) -> None:
    if "bridges" in session.memory:
        from hermes_bridges.observing import turn_finished

        await turn_finished(session, outcome)


@hookimpl
async def hermes_session_ended(session: SessionContext, reason: str) -> None:
    if "bridges" in session.memory:
        from hermes_bridges.observing import ended

        await ended(session, reason)
