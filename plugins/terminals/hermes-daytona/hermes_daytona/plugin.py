"""What hermes-daytona contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, SecretSpec, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Run commands and keep files in Daytona sandboxes",
        sections=(
            SectionSpec(name="daytona", target="hermes_daytona.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_daytona.settings:TerminalSettings"),
        ),
        secrets=(
            SecretSpec(
                name="DAYTONA_API_KEY", summary="A Daytona API key", url="https://app.daytona.io/dashboard/keys"
            ),
        ),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="daytona",
        summary="Commands and files in a Daytona sandbox for each conversation, stopped while idle",
        target="hermes_daytona.backend:connect",
        features=frozenset({"files", "pty", "background", "detached", "hibernate", "network", "reap"}),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="daytona",
        summary="Is the Daytona key set, and does Daytona take it?",
        target="hermes_daytona.checks:check",
    )
