"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Runs commands in a place of its own")


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="example-terminal",
        summary="Commands and files in a place of its own",
        target="hermes_example_terminal.backend:connect",
        features=frozenset({"files", "background", "detached", "hibernate", "network"}),
    )
