"""Where requests go and which key goes with them.

A key is bound to the host it was made for: a vendor's key is sent to the vendor's own hosts over TLS and to no other
address, whatever the base URL is set to. An address of the user's own takes the key that is set beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from hermes_compatible.addresses import checked, host_of, is_local, secure_host, wire_at
from hermes_compatible.preset import Preset, Quirks, Wire, preset_of
from hermes_compatible.settings import CustomProvider, ModelSection, Override, Settings
from hermes_host.config import is_dummy_key
from hermes_host.config import sections as host_sections
from hermes_host.errors import AuthFailed, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.context import PluginContext
    from hermes_host.specs import ProviderSpec

__all__ = ["Endpoint", "resolve"]

_OPENAI_HOST = "api.openai.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one provider's requests go. The key is not shown by `repr`."""

    provider: str
    base_url: str
    wire: Wire = "chat"
    key: str = field(default="", repr=False)
    key_name: str = ""
    """The variable or setting the key came from or would come from, for error messages."""
    key_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    quirks: Quirks = field(default_factory=Quirks)
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    write_timeout: float = 60.0
    ca_bundle: str = ""
    models: tuple[tuple[str, int], ...] = ()
    """Models the user listed, with their context length or 0."""
    address_name: str = "the base URL"
    """What `base_url` is called in error messages: a setting's name where there is one of its own."""
    section: str = "compatible"
    """The section of config.yaml that holds the time-outs, for error messages."""


def resolve(context: PluginContext, spec: ProviderSpec) -> Endpoint:
    """The endpoint of a provider, from its preset, the settings and the environment.

    Raises `AuthFailed` where a key is needed and missing, `ConfigError` where an address cannot be used.
    """
    settings = context.section(Settings, "compatible")
    preset = preset_of(spec)
    if preset.kind == "named":
        found = _named(context, spec, preset)
    elif preset.kind == "custom":
        found = _custom(context, settings, spec, preset)
    else:
        found = _preset(context, settings, spec, preset)
    read_timeout = settings.read_timeout or found.quirks.read_timeout or 60.0
    return Endpoint(
        provider=spec.name,
        base_url=checked(found.base_url, spec.name, found.wire),
        wire=found.wire,
        key=found.key,
        key_name=found.key_name,
        key_url=found.key_url,
        headers={**found.quirks.headers, **settings.headers, **found.headers},
        quirks=found.quirks,
        connect_timeout=settings.connect_timeout,
        read_timeout=read_timeout,
        write_timeout=settings.write_timeout,
        ca_bundle=settings.ca_bundle,
        models=found.models,
    )


def _preset(context: PluginContext, settings: Settings, spec: ProviderSpec, preset: Preset) -> Endpoint:
    override = settings.providers.get(spec.name, Override())
    own = _usable(override.api_key.reveal())
    place = f"compatible.providers.{spec.name}.api_key"
    address = override.base_url or _variable(context, preset.url_variable)
    if address and not _vendor_owns(preset, address):
        # A key without an address beside it belongs to the vendor as well.
        key = own if override.base_url else ""
        if not key and spec.secrets and not is_local(address):
            raise AuthFailed(
                f"{spec.name} is set to {host_of(address)}, and a key of {host_of(preset.base_url)} is not sent there.",
                remedy=f"Set base_url and api_key together below `compatible.providers.{spec.name}`.",
            )
        return _found(spec, preset, address, key, place, override)
    name, key = (place, own) if own else _first_key(context, spec)
    if spec.secrets and not key:
        raise _missing(spec)
    if name in preset.bearer_keys:
        preset = replace(preset, quirks=replace(preset.quirks, key_header="bearer"))
    return _found(spec, preset, address or _base_for(preset, key), key, name or place, override)


def _found(
    spec: ProviderSpec,
    preset: Preset,
    address: str,
    key: str,
    key_name: str,
    override: Override,
    api_mode: str = "",
) -> Endpoint:
    return Endpoint(
        provider=spec.name,
        base_url=address,
        key=key,
        key_name=key_name,
        key_url=spec.url,
        wire=wire_at(address, override.api_mode or api_mode, preset.wire, spec.name),
        headers=override.headers,
        quirks=preset.quirks,
    )


def _custom(context: PluginContext, settings: Settings, spec: ProviderSpec, preset: Preset) -> Endpoint:
    own, (model_url, model_key, model_mode) = settings.custom, _model_section(context)
    openai_key = _usable(_variable(context, "OPENAI_API_KEY"))
    if own.base_url:
        # What `model` says of its own address holds for no other.
        address, key, place, model_mode = own.base_url, _usable(own.api_key.reveal()), "compatible.custom.api_key", ""
    elif model_url:
        # A key from the environment belongs to the address from the environment, not to whichever is configured.
        paired = _origin(model_url) == _origin(_variable(context, preset.url_variable))
        address, key, place = model_url, _usable(model_key) or (openai_key if paired else ""), "model.api_key"
    else:
        address, key, place = _variable(context, preset.url_variable), openai_key, "OPENAI_API_KEY"
    if not address:
        raise ConfigError(
            f"The provider {spec.name!r} has no address.",
            remedy="Set one with `hermes config set model.base_url URL`, or set OPENAI_BASE_URL.",
        )
    if not key and secure_host(address) == _OPENAI_HOST:
        key, place = openai_key, "OPENAI_API_KEY"
    return _found(spec, preset, address, key, place, own, model_mode)


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


def _model_section(context: PluginContext) -> tuple[str, str, str]:
    """`model.base_url`, `model.api_key` and `model.api_mode` of the section this plugin shares with the host."""
    section = context.section(host_sections.ModelSection, "model")
    mode = section.api_mode if isinstance(section, ModelSection) else ""
    return section.base_url, section.api_key.reveal(), mode


def _named(context: PluginContext, spec: ProviderSpec, preset: Preset) -> Endpoint:
    name = spec.name
    entries: list[CustomProvider] = context.section(list, "custom_providers")
    entry = next((entry for entry in entries if entry.name == name), None)
    if entry is None or not entry.base_url:
        raise ConfigError(
            f"custom_providers has no base_url for {name!r}.", remedy="See `hermes config show custom_providers`."
        )
    listed = entry.models
    models = (
        tuple((model, settings.get("context_length", 0)) for model, settings in listed.items())
        if isinstance(listed, dict)
        else tuple((model, 0) for model in listed)
    )
    return Endpoint(
        provider=name,
        base_url=entry.base_url,
        wire=wire_at(entry.base_url, entry.api_mode, preset.wire, name),
        key=_usable(entry.api_key.reveal()),
        key_name=f"api_key of {name} in custom_providers",
        headers=entry.headers,
        quirks=entry.quirks or preset.quirks,
        models=models,
    )


def _first_key(context: PluginContext, spec: ProviderSpec) -> tuple[str, str]:
    for name in spec.secrets:
        key = _usable(_variable(context, name))
        if key:
            return name, key
    return "", ""


def _missing(spec: ProviderSpec) -> AuthFailed:
    return AuthFailed(
        f"{spec.name} needs a key, and {' or '.join(spec.secrets)} is not set.",
        remedy=f"Get one at {spec.url}, then run `hermes config set {spec.secrets[0]}`.",
    )


def _base_for(preset: Preset, key: str) -> str:
    return next((base for beginning, base in preset.key_bases.items() if key.startswith(beginning)), preset.base_url)


def _vendor_owns(preset: Preset, address: str) -> bool:
    """Whether the vendor's keys may go to this address: one of the vendor's hosts, over TLS."""
    return secure_host(address) in {host_of(preset.base_url), *preset.hosts}


def _variable(context: PluginContext, name: str) -> str:
    """A variable of the environment or of .env; the host gives them to a plugin that declares them."""
    return context.secret(name).strip() if name else ""


def _usable(value: str) -> str:
    text = value.strip()
    return "" if is_dummy_key(text) else text
