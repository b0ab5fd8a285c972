"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import MemorySpec, PluginInfo

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Remembers what was last spoken of")


@hookimpl
def hermes_memories() -> Iterable[MemorySpec]:
    yield MemorySpec(
        name="example-memory",
        summary="What was last spoken of",
        target="hermes_example_memory.memory:connect",
        features=frozenset({"prompt", "observe"}),
    )
