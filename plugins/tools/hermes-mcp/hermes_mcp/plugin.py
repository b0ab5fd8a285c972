"""What hermes-mcp contributes: the tools of the configured servers, their prompts, commands, and a check."""

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
    ToolSourceSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import SessionContext


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Tools, resources and prompts of MCP servers",
        sections=(SectionSpec(name="mcp_servers", target="hermes_mcp.settings:McpServers"),),
    )


@hookimpl
def hermes_tool_sources() -> Iterable[ToolSourceSpec]:
    yield ToolSourceSpec(name="mcp", summary="Tools of the configured MCP servers", target="hermes_mcp.source:source")


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="mcp.servers",
        summary="The configured MCP servers",
        provides="hermes_mcp.servers:Servers",
        target="hermes_mcp.servers:connect",
    )
    yield ServiceSpec(
        name="mcp.session_servers",
        summary="MCP servers of one conversation alone, such as those an editor hands over",
        provides="hermes_host.services:SessionToolServers",
        target="hermes_mcp.session_servers:connect",
    )
    yield ServiceSpec(
        name="mcp.prompts",
        summary="A slash command for each prompt of an MCP server",
        provides="hermes_host.services:SlashCommands",
        target="hermes_mcp.source:prompt_commands",
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    # Empty as soon as every server's list is known; it is also how this plugin learns of a conversation to tell.
    yield PromptSectionSpec(
        name="mcp", summary="MCP servers that are not ready", target="hermes_mcp.source:waiting", order=290
    )


@hookimpl
async def hermes_session_ended(session: SessionContext) -> None:
    for handed_over in session.memory.pop("mcp.handed_over", ()):
        await handed_over.aclose()


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(name="mcp", summary="Add, list, test and remove MCP servers.", target="hermes_mcp.commands:mcp")


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="mcp",
        summary="Show the MCP servers, stop one, or fetch its list anew.",
        target="hermes_mcp.slash:mcp",
        usage="[stop NAME | refresh NAME]",
        while_busy=True,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(name="mcp", summary="Whether MCP servers can be used", target="hermes_mcp.checks:servers")
