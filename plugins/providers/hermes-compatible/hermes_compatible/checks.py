"""Checks for `hermes doctor`. They look at settings only; no request is sent and no key is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compatible.plugin import hermes_providers
from hermes_compatible.settings import Settings
from hermes_host.config import is_dummy_key
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext
    from hermes_host.specs import ProviderSpec

__all__ = ["keys"]


async def keys(context: PluginContext) -> Iterable[CheckResult]:
    """Which presets have a key. That none has one is no fault: a local server or another plugin may be in use."""
    settings = context.section(Settings, "compatible")
    results = []
    ready = []
    for spec in hermes_providers({}):
        for name in spec.secrets:
            value = context.secret(name)
            if value and is_dummy_key(value):
                results.append(_placeholder(spec, name))
            elif value:
                ready.append(spec.name)
                break
        else:
            if spec.name in settings.providers and settings.providers[spec.name].api_key:
                ready.append(spec.name)
    summary = f"keys for: {', '.join(ready)}" if ready else "no key is set (none is needed for local servers)"
    return [CheckResult(name="model keys", status="ok", detail=summary), *results]


def _placeholder(spec: ProviderSpec, name: str) -> CheckResult:
    return CheckResult(
        name=f"key for {spec.name}",
        status="warning",
        detail=f"{name} holds a placeholder and counts as not set.",
        remedy=f"Run `hermes config set {name}`; keys are at {spec.url}",
    )
