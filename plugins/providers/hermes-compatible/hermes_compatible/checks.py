"""Checks for `hermes doctor`. They look at settings only; no request is sent and no key is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compatible.endpoint import is_placeholder
from hermes_compatible.presets import PRESETS, Preset
from hermes_compatible.settings import Settings
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["keys"]


async def keys(context: PluginContext) -> Iterable[CheckResult]:
    """Which presets have a key. That none has one is no fault: a local server or another plugin may be in use."""
    settings = context.section(Settings, "compatible")
    results = []
    ready = []
    for preset in PRESETS.values():
        for name in preset.keys:
            value = context.secret(name)
            if value and is_placeholder(value):
                results.append(_placeholder(preset, name))
            elif value:
                ready.append(preset.name)
                break
        else:
            if preset.name in settings.providers and settings.providers[preset.name].api_key:
                ready.append(preset.name)
    summary = f"keys for: {', '.join(ready)}" if ready else "no key is set (none is needed for local servers)"
    return [CheckResult(name="model keys", status="ok", detail=summary), *results]


def _placeholder(preset: Preset, name: str) -> CheckResult:
    return CheckResult(
        name=f"key for {preset.name}",
        status="warning",
        detail=f"{name} holds a placeholder and counts as not set.",
        remedy=f"Run `hermes config set {name} VALUE`; keys are at {preset.url}",
    )
