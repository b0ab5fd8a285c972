"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, SectionSpec, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Counts words",
        sections=(
            SectionSpec(
                name="example-tool",
                target="hermes_example_tool.settings:Settings",
            ),
        ),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    yield ToolSpec(
        name="example_tool",
        summary="Count the words of a text.",
        parameters="hermes_example_tool.tools:Arguments",
        target="hermes_example_tool.tools:run",
        effects=frozenset({"read"}),
        parallel=True,
        shows="text",
    )
