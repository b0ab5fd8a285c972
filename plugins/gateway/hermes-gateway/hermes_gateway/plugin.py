"""What hermes-gateway contributes: the command, its server, its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo, PromptSectionSpec, SectionSpec, ServiceSpec, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Answers wherever people write: chats, mail, HTTP",
        sections=(
            SectionSpec(name="server", target="hermes_gateway.server_settings:ServerSettings"),
            SectionSpec(name="gateway", target="hermes_gateway.settings:GatewaySettings"),
            SectionSpec(name="session_reset", target="hermes_gateway.settings:ResetSection"),
            SectionSpec(name="display", target="hermes_gateway.settings:DisplaySection"),
            SectionSpec(name="streaming", target="hermes_gateway.settings:StreamingSection"),
            SectionSpec(name="quick_commands", target="hermes_gateway.settings:QuickCommands"),
        ),
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="gateway", summary="Run the gateway to chats, mail and HTTP.", target="hermes_gateway.commands:gateway"
    )
    yield CommandSpec(
        name="pairing",
        summary="Let people talk to the agent, or no more.",
        target="hermes_gateway.pairing_commands:pairing",
    )
    for name, summary in _MORE.items():
        yield CommandSpec(name=f"gateway {name}", summary=summary, target=f"hermes_gateway.outbox_commands:{name}")


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    yield PromptSectionSpec(
        name="chat", summary="Where a chat is held", target="hermes_gateway.prompt:write", order=710
    )


_MORE = {
    "outbox": "See what waits to be sent and what could not be delivered.",
    "chats": "List the chats the gateway has seen.",
    "send": "Send a message to a chat.",
}


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    yield ToolSpec(
        name="send_message",
        summary="Write to another chat or person, or list the known chats. Not for answering here.",
        parameters="hermes_gateway.send_message:SendMessage",
        target="hermes_gateway.send_message:send_message",
        assess="hermes_gateway.send_message:assess",
        available="hermes_gateway.send_message:unavailable",
        effects=frozenset({"send"}),
        toolset="messaging",
        shows="target",
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="gateway.server",
        summary="The gateway's HTTP server",
        provides="hermes_gateway.parts:WebServer",
        target="hermes_gateway.web:connect",
    )
    yield ServiceSpec(
        name="gateway.outbox",
        summary="Sends messages to people",
        provides="hermes_host.services:Outbox",
        target="hermes_gateway.sending:connect",
    )
