"""Where requests go, and which key goes with them.

A key of the environment is sent to its vendor's own hosts over TLS and to no other address. An address of the user's
own takes the key that is set beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from hermes_compatible.endpoint import Endpoint
from hermes_compatible.preset import Quirks

from hermes_host.config import is_dummy_key
from hermes_host.errors import AuthFailed, ConfigError
from hermes_openai.settings import Api, AzureSettings, Settings
from hermes_openai.traits import ModelTraits, traits_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.context import PluginContext

__all__ = ["CHAT_QUIRKS", "Access", "resolve"]

_VENDOR_URL = "https://api.openai.com/v1"
_VENDOR_HOST = "api.openai.com"
_KEYS_URL = "https://platform.openai.com/api-keys"
_AZURE_HOSTS = tuple(
    f".{service}.{place}"
    for service in ("openai", "cognitiveservices", "services.ai")
    for place in ("azure.com", "azure.us", "azure.cn")
)
_AZURE_KEYS = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
_OURS = frozenset({"model", "input", "messages", "instructions", "tools", "stream", "stream_options"})
CHAT_QUIRKS = Quirks(
    max_tokens="max_completion_tokens",
    reasoning="effort",
    cache_key=True,
)
"""How chat completions differ here from the least that all vendors have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An address, the key for it, and how to speak there."""

    endpoint: Endpoint
    """Address, key and time-outs. `base_url` is what a request's path is added to."""
    api: Api = ""
    is_vendor: bool = False
    """Whether OpenAI or Azure itself is behind the address, so that it is known which models have which interface."""
    azure_endpoint: str = ""
    """The resource's address, where the older paths with a version are used."""
    api_version: str = ""
    token: bool = False
    """Whether the key is an Entra ID token."""
    deployments: Mapping[str, str] = field(default_factory=dict)
    summary: str = "auto"
    organization: str = ""
    project: str = ""
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Scheme, host and port: what was encrypted there can be read there alone."""
        return "/".join(self.endpoint.base_url.split("/", 3)[:3])

    def deployment(self, model: str) -> str:
        """The name to ask for: the deployment of a model, where the user gave one."""
        if model in self.deployments:
            return model
        return next((name for name, behind in self.deployments.items() if behind == model), model)

    def traits(self, model: str) -> ModelTraits:
        """What is known of the model behind a name."""
        return traits_of(self.deployments.get(model, model))

    def speaks_chat(self, model: str, *, tools: bool) -> bool:
        """Whether a request goes out as chat completions, by the model's own limits first, then by the setting."""
        traits = self.traits(model)
        if self.is_vendor and traits.apis != "both":
            return traits.apis == "chat"
        if self.is_vendor and tools and not traits.chat_tools:
            return False
        return self.api == "chat"


def resolve(context: PluginContext, provider: str) -> Access:
    """How to reach `openai` or `azure`, from the settings and the environment.

    Raises `AuthFailed` where a key is needed and missing, `ConfigError` where a setting cannot be used.
    """
    settings = context.section(Settings, "openai")
    if provider == "azure":
        return _azure(context, settings, context.section(AzureSettings, "azure"))
    return _openai(context, settings)


def _usable(value: str) -> str:
    """The value, or nothing where it is a placeholder."""
    text = value.strip()
    return "" if is_dummy_key(text) else text


# ---------------------------------------------------------------------------------------------------------- OpenAI


def _openai(context: PluginContext, settings: Settings) -> Access:
    address = _checked(settings.base_url, "openai.base_url") if settings.base_url else _VENDOR_URL
    host = _secure_host(address)
    is_vendor = host == _VENDOR_HOST or host.endswith(f".{_VENDOR_HOST}")
    key, name = _usable(settings.api_key.reveal()), "openai.api_key"
    if not key and is_vendor:
        key, name = _usable(context.secret("OPENAI_API_KEY")), "OPENAI_API_KEY"
        if not key:
            raise AuthFailed(
                "openai needs a key, and OPENAI_API_KEY is not set.",
                remedy=f"Get one at {_KEYS_URL}, then run `hermes config set OPENAI_API_KEY`.",
            )
    elif not key and not _is_local(address):
        raise AuthFailed(
            f"openai.base_url is {_split(address).hostname}, and OpenAI's key is not sent there.",
            remedy="Set the key for that address as `openai.api_key`.",
        )
    return Access(
        endpoint=_endpoint("openai", address, key, name, _KEYS_URL, settings, settings.headers),
        api=settings.api,
        is_vendor=is_vendor,
        summary=settings.reasoning_summary,
        organization=settings.organization,
        project=settings.project,
        extra_body=_extra(settings.extra_body, "openai"),
    )


# ----------------------------------------------------------------------------------------------------------- Azure


def _azure(context: PluginContext, settings: Settings, azure: AzureSettings) -> Access:
    given = azure.endpoint or context.secret("AZURE_OPENAI_ENDPOINT").strip()
    if not given:
        raise ConfigError(
            "The provider 'azure' has no address.",
            remedy="Set the resource's with `hermes config set azure.endpoint https://NAME.openai.azure.com`.",
        )
    resource = _checked(given, "azure.endpoint").partition("/openai")[0].rstrip("/")
    key, name = _azure_key(context, azure, resource)
    dated = azure.api_version not in ("", "v1", "preview", "latest")
    return Access(
        endpoint=_endpoint(
            "azure", f"{resource}/openai" if dated else f"{resource}/openai/v1", key, name, "", settings, azure.headers
        ),
        api=azure.api,
        is_vendor=True,
        azure_endpoint=resource if dated else "",
        api_version=azure.api_version if dated else "",
        token=name == "AZURE_OPENAI_AD_TOKEN",
        deployments=azure.deployments,
        summary=settings.reasoning_summary,
        extra_body=_extra(azure.extra_body, "azure"),
    )


def _azure_key(context: PluginContext, azure: AzureSettings, resource: str) -> tuple[str, str]:
    own = _usable(azure.api_key.reveal())
    if own:
        return own, "azure.api_key"
    if not _secure_host(resource).endswith(_AZURE_HOSTS):
        if _is_local(resource):
            return "", "azure.api_key"
        raise AuthFailed(
            f"azure.endpoint is {_split(resource).hostname}, which is not one of Azure's own hosts.",
            remedy="Set the key for that address as `azure.api_key`.",
        )
    for name in _AZURE_KEYS:
        value = _usable(context.secret(name))
        if value:
            return value, name
    raise AuthFailed(
        "azure needs a key, and AZURE_OPENAI_API_KEY is not set.",
        remedy="Find it under `Keys and Endpoint` of the resource, then run `hermes config set AZURE_OPENAI_API_KEY`.",
    )


# ----------------------------------------------------------------------------------------------------------- shared


def _endpoint(
    provider: str, address: str, key: str, key_name: str, url: str, settings: Settings, headers: Mapping[str, str]
) -> Endpoint:
    return Endpoint(
        provider=provider,
        base_url=address,
        key=key,
        key_name=key_name,
        key_url=url,
        headers=headers,
        quirks=CHAT_QUIRKS,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        write_timeout=settings.write_timeout,
        ca_bundle=settings.ca_bundle,
    )


def _extra(fields: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    taken = sorted(_OURS & fields.keys())
    if taken:
        raise ConfigError(
            f"{section}.extra_body cannot set {', '.join(taken)}: every request brings its own.",
            remedy="Remove it from config.yaml.",
        )
    return fields


def _checked(address: str, setting: str) -> str:
    parts = _split(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{setting} is not a web address: {address!r}.", remedy="It should begin with https://.")
    if parts.username or parts.password:
        raise ConfigError(
            f"{setting} holds a user name or password.", remedy=f"Use {setting.partition('.')[0]}.api_key instead."
        )
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return plain.removesuffix("/chat/completions").removesuffix("/responses")


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _secure_host(address: str) -> str:
    """The host, empty where the address is not on the standard port over TLS."""
    parts = _split(address)
    return (parts.hostname or "") if parts.scheme == "https" and parts.port in (None, 443) else ""


def _is_local(address: str) -> bool:
    host = _split(address).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
