"""What hermes-network contributes: the service `Network`, the command `hermes network`, a check, and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SectionSpec, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="The guard that everything which fetches from the network goes through",
        sections=(
            SectionSpec(name="network", target="hermes_network.settings:Settings"),
            SectionSpec(name="security", target="hermes_network.settings:SecuritySettings"),
        ),
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="network",
        summary="Guarded HTTP for all plugins",
        provides="hermes_network.guard:Network",
        target="hermes_network.service:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="network",
        summary="Show where the agent may go on the network, and where it went.",
        target="hermes_network.commands:network",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="network.guard",
        summary="Whether the lists of sites can be used, and exceptions are narrow",
        target="hermes_network.checks:guard",
    )
