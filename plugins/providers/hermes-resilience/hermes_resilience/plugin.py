"""What hermes-resilience contributes: middleware around every model call, its settings, and a check of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, MiddlewareSpec, PluginInfo, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLES = {
    "HERMES_API_TIMEOUT": "total_timeout",
    "HERMES_STREAM_READ_TIMEOUT": "read_timeout",
    "HERMES_STREAM_RETRIES": "retries",
    "HERMES_STREAM_STALE_TIMEOUT": "stale_timeout",
}
"""Environment variables, and the settings of the section `resilience` they stand for."""

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
        # No secrets, but a plugin sees no variable that it does not declare.
        secrets=tuple(
            SecretSpec(name=name, summary=f"Overrides resilience.{setting}") for name, setting in VARIABLES.items()
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
