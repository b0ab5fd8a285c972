"""The plugin's sections of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_compatible.preset import Quirks
from hermes_host.config import Secret
from hermes_host.config import sections as host_sections

__all__ = ["ApiMode", "CustomProvider", "CustomProviders", "ModelSection", "Override", "Settings"]

ApiMode = Annotated[
    Literal["", "chat_completions", "anthropic_messages", "codex_responses"],
    Meta(description="What the address speaks; empty: messages where the URL ends in /anthropic, else as usual."),
]
"""The wire, in the words that Hermes Agent has for it. Of responses, another plugin knows."""

_BASE_URL = "The URL that /chat/completions is added to, or /v1/messages."


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Another address for a provider. Its key goes to this address and nowhere else."""

    base_url: Annotated[str, Meta(description=_BASE_URL)] = ""
    api_mode: ApiMode = ""
    api_key: Annotated[
        Secret, Meta(description="The key for base_url; without a base_url, for the provider's own address.")
    ] = Secret()
    headers: Annotated[dict[str, str], Meta(description="Further request headers.")] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints that speak chat completions or messages."""

    connect_timeout: Annotated[float, Meta(description="Seconds until a connection must stand.", gt=0)] = 10.0
    read_timeout: Annotated[
        float,
        Meta(
            description="Seconds an answer may be silent; 0: 60, and 300 to 600 where models think or load in silence.",
            ge=0,
        ),
    ] = 0.0
    write_timeout: Annotated[
        float, Meta(description="Seconds the endpoint may take to accept more of a request.", gt=0)
    ] = 60.0
    ca_bundle: Annotated[str, Meta(description="A file of certificates to trust instead of the system's.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Further headers for every request to every provider.")] = {}
    custom: Annotated[Override, Meta(description="The endpoint of the provider `custom`.")] = Override()
    providers: Annotated[dict[str, Override], Meta(description="Other addresses or keys, by provider name.")] = {}


class CustomProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that becomes a provider of its own name."""

    name: Annotated[str, Meta(description="The provider's name.")] = ""
    base_url: Annotated[str, Meta(description=_BASE_URL)] = ""
    api_mode: ApiMode = ""
    api_key: Annotated[Secret, Meta(description="The key for base_url; best a placeholder such as ${MY_KEY}.")] = (
        Secret()
    )
    model: Annotated[str, Meta(description="The model used when only the provider is named.")] = ""
    models: Annotated[
        dict[str, dict[str, int]] | list[str],
        Meta(description="Its models: a list, or a mapping to {context_length: N}; asked of the endpoint if empty."),
    ] = []
    headers: Annotated[dict[str, str], Meta(description="Further request headers.")] = {}
    quirks: Annotated[
        Quirks | None, Meta(description="How it differs on the wire, as the fields of `Quirks`; best left alone.")
    ] = None


CustomProviders = list[CustomProvider]


class ModelSection(host_sections.ModelSection, frozen=True, kw_only=True):
    """The host's section, with what the endpoint of `base_url` speaks."""

    api_mode: ApiMode = ""
