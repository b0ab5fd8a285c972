"""What hermes-docker contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Run commands and keep files in containers, with Docker or Podman",
        sections=(
            SectionSpec(name="docker", target="hermes_docker.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_docker.settings:TerminalSettings"),
        ),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="docker",
        summary="Commands and files in a container for each conversation, with Docker or Podman",
        target="hermes_docker.backend:connect",
        features=frozenset({"files", "pty", "background", "detached", "network", "reap"}),
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="docker",
        summary="Look at the containers of conversations, and fetch their image.",
        target="hermes_docker.commands:docker",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="docker",
        summary="Is there a container service, and the image?",
        target="hermes_docker.checks:check",
    )
