"""What the plugin contributes. Light: the work is in the modules that the targets name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ProviderSpec, SecretSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Models of a vendor",
        secrets=(
            SecretSpec(
                name="EXAMPLE_PROVIDER_API_KEY",
                summary="The key of the vendor",
            ),
        ),
    )


@hookimpl
def hermes_providers() -> Iterable[ProviderSpec]:
    yield ProviderSpec(
        name="example-provider",
        summary="Models of a vendor",
        target="hermes_example_provider.provider:connect",
        secrets=("EXAMPLE_PROVIDER_API_KEY",),
        default_model="echo",
    )
