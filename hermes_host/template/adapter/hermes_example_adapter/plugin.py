"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import AdapterSpec, PluginInfo, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Talk to the agent on a chat platform",
        sections=(
            SectionSpec(
                name="example-adapter",
                target="hermes_example_adapter.settings:Settings",
            ),
        ),
        secrets=(
            SecretSpec(
                name="EXAMPLE_ADAPTER_TOKEN",
                summary="The token of the agent's account",
            ),
        ),
    )


@hookimpl
def hermes_adapters() -> Iterable[AdapterSpec]:
    yield AdapterSpec(
        name="example-adapter",
        summary="A chat platform",
        target="hermes_example_adapter.adapter:connect",
        features=frozenset({"edit"}),
        configured="hermes_example_adapter.adapter:configured",
        environment="EXAMPLE_ADAPTER",
        secrets=("EXAMPLE_ADAPTER_TOKEN",),
    )
