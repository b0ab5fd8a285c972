"""What hermes-offline contributes: a provider for when nothing is configured, and a look for real models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, ProviderSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(summary="A deterministic provider that needs no key, no network and no configuration")


@hookimpl
def hermes_providers() -> Iterable[ProviderSpec]:
    """Offer the provider that is used where nothing else is set up."""
    yield ProviderSpec(
        name="offline",
        summary="Plain commands turned into tool calls; not a language model",
        target="hermes_offline.provider:connect",
        priority=-100,
        default_model="imperatives",
        needs_setup=False,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Tell `hermes doctor` which real models could be used."""
    yield CheckSpec(
        name="models-in-reach",
        summary="Are there keys or local servers for a real model?",
        target="hermes_offline.checks:models_in_reach",
    )
