"""What hermes-local contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Run commands and keep files on this machine",
        sections=(
            SectionSpec(name="local", target="hermes_local.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_host.config.sections:TerminalSection"),
        ),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="local",
        summary="Commands and files on this machine, without isolation",
        target="hermes_local.backend:connect",
        features=frozenset({"files", "pty", "background", "network", "local"}),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(name="local", summary="Can commands run on this machine?", target="hermes_local.checks:check")
