"""What hermes-openai contributes: the providers `openai` and `azure`, and a check of their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, ProviderSpec, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEYS_URL = "https://platform.openai.com/api-keys"
_AZURE_URL = "https://ai.azure.com"


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="OpenAI's and Azure's models through the official SDK: Responses and chat completions",
        sections=(
            SectionSpec(name="openai", target="hermes_openai.settings:Settings"),
            SectionSpec(name="azure", target="hermes_openai.settings:AzureSettings"),
        ),
        secrets=(
            SecretSpec(name="OPENAI_API_KEY", summary="Key for OpenAI's API", url=_KEYS_URL),
            SecretSpec(name="AZURE_OPENAI_API_KEY", summary="Key of an Azure OpenAI resource", url=_AZURE_URL),
            SecretSpec(name="AZURE_OPENAI_AD_TOKEN", summary="Entra ID token for Azure OpenAI, in place of a key"),
            SecretSpec(name="AZURE_OPENAI_ENDPOINT", summary="Address of the Azure OpenAI resource"),
        ),
    )


@hookimpl
def hermes_providers() -> Iterable[ProviderSpec]:
    # Above the preset of the same name in hermes-compatible.
    yield ProviderSpec(
        name="openai",
        summary="OpenAI's models",
        target="hermes_openai.provider:connect",
        secrets=("OPENAI_API_KEY",),
        default_model="gpt-6.1-sol",
        url=_KEYS_URL,
        priority=10,
    )
    yield ProviderSpec(
        name="azure",
        summary="OpenAI's models on Azure",
        target="hermes_openai.provider:connect",
        aliases=("azure-openai",),
        secrets=("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"),
        url=_AZURE_URL,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="openai.keys",
        summary="Whether there are keys for OpenAI and Azure",
        target="hermes_openai.checks:keys",
    )
