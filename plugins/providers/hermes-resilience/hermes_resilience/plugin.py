"""What hermes-resilience contributes: middleware around every model call, its settings, and a check of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, MiddlewareSpec, PluginInfo, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

_SETTINGS = "hermes_resilience.settings"


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Time-outs, retries, fallback models, key rotation and routing around every model call",
        sections=(
            SectionSpec(name="resilience", target=f"{_SETTINGS}:Settings"),
            SectionSpec(name="fallback_model", target=f"{_SETTINGS}:FallbackModel"),
            SectionSpec(name="auxiliary_fallbacks", target=f"{_SETTINGS}:AuxiliaryFallbacks"),
            SectionSpec(name="credential_pools", target=f"{_SETTINGS}:CredentialPools"),
            SectionSpec(name="smart_model_routing", target=f"{_SETTINGS}:SmartModelRouting"),
        ),
    )


@hookimpl
def hermes_middleware() -> Iterable[MiddlewareSpec]:
    yield MiddlewareSpec(
        name="resilience",
        summary="Time-outs, retries, other keys and other models",
        target="hermes_resilience.middleware:connect",
        around="model",
        priority=200,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="resilience.settings",
        summary="Whether the fallback models, key pools and routes that are set can be used",
        target="hermes_resilience.checks:settings",
    )
