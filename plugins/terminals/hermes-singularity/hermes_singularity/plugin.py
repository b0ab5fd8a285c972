"""What hermes-singularity contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Run commands and keep files in Apptainer or Singularity containers",
        sections=(
            SectionSpec(name="singularity", target="hermes_singularity.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_singularity.settings:TerminalSettings"),
        ),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="singularity",
        summary="Commands and files in an Apptainer or Singularity container",
        target="hermes_singularity.backend:connect",
        features=frozenset({"files", "pty", "background", "network", "reap"}),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="singularity", summary="Can containers be started here?", target="hermes_singularity.checks:check"
    )
