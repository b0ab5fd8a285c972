"""What hermes-mcp-server contributes: `hermes mcp serve`, and a hook for more resources and prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, HookSpec, PluginInfo, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="The host as an MCP server for other programs",
        sections=(SectionSpec(name="mcp_server", target="hermes_mcp_server.settings:Settings"),),
        secrets=(
            SecretSpec(
                name="HERMES_MCP_SERVER_TOKEN",
                summary="What a client must send to use `hermes mcp serve --http`; 16 characters or more",
            ),
        ),
    )


@hookimpl
def hermes_addhooks() -> Iterable[HookSpec]:
    yield HookSpec(
        name="mcp_contents",
        summary="Resources and prompts for the clients of `hermes mcp serve`",
        spec="hermes_mcp_server.contents:ContentSourceSpec",
        word="MCP content source",
    )


@hookimpl(optionalhook=True)
def hermes_mcp_contents() -> Iterable[Any]:
    from hermes_mcp_server.contents import ContentSourceSpec

    yield ContentSourceSpec(
        name="sessions", summary="Conversations as resources", target="hermes_mcp_server.sessions:sessions"
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="mcp serve",
        summary="Offer this host's tools and conversations to MCP clients.",
        target="hermes_mcp_server.command:serve",
    )
