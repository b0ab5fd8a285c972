"""What hermes-compatible contributes: a provider for each preset and each named endpoint, and `custom`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, ProviderSpec, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from hermes_compatible.presets import Preset

_CONNECT = "hermes_compatible.provider:connect"


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Any endpoint that speaks chat completions, with presets for the well-known ones",
        sections=(
            SectionSpec(name="compatible", target="hermes_compatible.settings:Settings"),
            SectionSpec(name="custom_providers", target="hermes_compatible.settings:CustomProviders"),
        ),
        secrets=tuple(_secrets()),
    )


@hookimpl
def hermes_providers(config: Mapping[str, Any]) -> Iterable[ProviderSpec]:
    from hermes_compatible.presets import CUSTOM, PRESETS

    for preset in PRESETS.values():
        yield ProviderSpec(
            name=preset.name,
            summary=preset.title,
            target=_CONNECT,
            aliases=preset.aliases,
            secrets=preset.keys,
            default_model=preset.default_model,
            url=preset.url,
            options={"preset": preset.name},
        )
    yield ProviderSpec(name=CUSTOM.name, summary=CUSTOM.title, target=_CONNECT, options={"preset": CUSTOM.name})
    yield from _named(config.get("custom_providers"))


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="compatible.keys",
        summary="Which of the known endpoints have a key",
        target="hermes_compatible.checks:keys",
    )


def _named(entries: object) -> Iterable[ProviderSpec]:
    """Specs for the well-formed entries of `custom_providers`; the configuration's own check reports the others."""
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name:
            continue
        model = entry.get("model")
        yield ProviderSpec(
            name=name,
            summary=f"The endpoint {name!r} of custom_providers",
            target=_CONNECT,
            default_model=model if isinstance(model, str) else "",
            options={"custom": name},
            priority=1,
        )


def _secrets() -> Iterable[SecretSpec]:
    from hermes_compatible.presets import CUSTOM, PRESETS

    seen: set[str] = set()
    for preset in (*PRESETS.values(), CUSTOM):
        for secret in _secrets_of(preset):
            if secret.name not in seen:
                seen.add(secret.name)
                yield secret


def _secrets_of(preset: Preset) -> Iterable[SecretSpec]:
    for name in preset.keys:
        yield SecretSpec(name=name, summary=f"Key for {preset.title}", url=preset.url)
    if preset.url_variable:
        yield SecretSpec(name=preset.url_variable, summary=f"Another base URL for {preset.name}")
