"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, SkillSourceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Skills that come with a package")


@hookimpl
def hermes_skill_sources() -> Iterable[SkillSourceSpec]:
    yield SkillSourceSpec(
        name="example-skill-source",
        summary="Skills that come with a package",
        target="hermes_example_skill_source.source:connect",
    )
