"""What hermes-gateway contributes: the command, its server, its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo, SectionSpec, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Answers wherever people write: chats, mail, HTTP",
        sections=(SectionSpec(name="server", target="hermes_gateway.server_settings:ServerSettings"),),
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="gateway", summary="Run the gateway to chats, mail and HTTP.", target="hermes_gateway.commands:gateway"
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="gateway.server",
        summary="The gateway's HTTP server",
        provides="hermes_gateway.parts:WebServer",
        target="hermes_gateway.web:connect",
    )
