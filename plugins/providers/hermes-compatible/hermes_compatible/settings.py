"""The plugin's sections of config.yaml."""

from __future__ import annotations

import msgspec

from hermes_host.config.secret import Secret

__all__ = ["CustomProvider", "CustomProviders", "Override", "Settings"]


class Override(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Another address for a provider. Its key goes to this address and nowhere else."""

    base_url: str = ""
    """The URL that `/chat/completions` is added to."""
    api_key: Secret = Secret()
    """The key for `base_url` (without one: for the provider's own address)."""
    headers: dict[str, str] = {}
    """Further request headers."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Endpoints that speak chat completions."""

    connect_timeout: float = 10.0
    """Seconds until a connection must stand."""
    read_timeout: float = 0.0
    """Seconds an answer may be silent; 0 for 60 (300 to 600 where models are known to think or load in silence)."""
    write_timeout: float = 60.0
    """Seconds the endpoint may take to accept more of a request."""
    ca_bundle: str = ""
    """A file of certificates to trust instead of the system's."""
    headers: dict[str, str] = {}
    """Further headers for every request to every provider."""
    custom: Override = msgspec.field(default_factory=Override)
    """The endpoint of the provider `custom`."""
    providers: dict[str, Override] = {}
    """Other addresses or keys by provider name."""


class CustomProvider(msgspec.Struct, kw_only=True):
    """An endpoint that becomes a provider of its own name."""

    name: str = ""
    base_url: str = ""
    """The URL that `/chat/completions` is added to."""
    api_key: Secret = Secret()
    model: str = ""
    """The model used when only the provider is named."""
    models: dict[str, dict[str, int]] | list[str] = []
    """Models it has, as a list, or with `context_length` each; asked of the endpoint where empty."""
    headers: dict[str, str] = {}


CustomProviders = list[CustomProvider]
