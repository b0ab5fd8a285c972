"""What hermes-anthropic contributes: the provider `anthropic` and a check of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, ProviderSpec, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEYS_URL = "https://platform.claude.com/settings/keys"


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Anthropic's models through the official SDK",
        sections=(SectionSpec(name="anthropic", target="hermes_anthropic.settings:Settings"),),
        secrets=(
            SecretSpec(name="ANTHROPIC_API_KEY", summary="Key for Anthropic's API", url=_KEYS_URL),
            SecretSpec(name="ANTHROPIC_TOKEN", summary="Bearer token for Anthropic's API, in place of a key"),
        ),
    )


@hookimpl
def hermes_providers() -> Iterable[ProviderSpec]:
    yield ProviderSpec(
        name="anthropic",
        summary="Anthropic's Claude models",
        target="hermes_anthropic.provider:connect",
        aliases=("claude",),
        secrets=("ANTHROPIC_API_KEY", "ANTHROPIC_TOKEN"),
        default_model="claude-sonnet-5-5",
        url=_KEYS_URL,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="anthropic.key",
        summary="Whether there is a key for Anthropic's API",
        target="hermes_anthropic.checks:key",
    )
