"""Where requests go and which key goes with them.

The keys of the environment are Anthropic's and are sent to Anthropic's own host over TLS and to no other address. An
address of the user's own takes the key that is set beside it, `anthropic.api_key`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hermes_compatible.addresses import checked, host_of, is_local, secure_host

from hermes_anthropic.settings import Settings
from hermes_host.config import is_dummy_key
from hermes_host.errors import AuthFailed

if TYPE_CHECKING:
    from hermes_host.context import PluginContext

__all__ = ["KEY_NAMES", "VENDOR_URL", "Endpoint", "resolve"]

VENDOR_URL = "https://api.anthropic.com"
KEY_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_TOKEN")
_KEYS_URL = "https://platform.claude.com/settings/keys"
_VENDOR_HOST = "api.anthropic.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the requests go. The key is not shown by `repr`."""

    base_url: str = VENDOR_URL
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """A bearer token, where that is used in place of a key."""
    key_name: str = ""
    """The variable or setting the key came from, for error messages."""
    settings: Settings = field(default_factory=Settings)

    @property
    def is_vendor(self) -> bool:
        """Whether this is Anthropic's own address, which knows everything the documentation says."""
        return secure_host(self.base_url) == _VENDOR_HOST

    @property
    def secret(self) -> str:
        """What must not be shown."""
        return self.key or self.token


def resolve(context: PluginContext) -> Endpoint:
    """The endpoint, from the settings and the environment.

    Raises `AuthFailed` where a key is needed and missing, `ConfigError` where the address cannot be used.
    """
    settings = context.section(Settings, "anthropic")
    address = checked(settings.base_url, "anthropic", "messages") if settings.base_url else VENDOR_URL
    endpoint = Endpoint(base_url=address, settings=settings)
    own = _usable(settings.api_key.reveal())
    if own:
        return Endpoint(base_url=address, key=own, key_name="anthropic.api_key", settings=settings)
    if not endpoint.is_vendor:
        return _keyless(endpoint)
    for name in KEY_NAMES:
        value = _usable(context.secret(name))
        if value and name == "ANTHROPIC_TOKEN":
            return Endpoint(token=value, key_name=name, settings=settings)
        if value:
            return Endpoint(key=value, key_name=name, settings=settings)
    raise AuthFailed(
        "anthropic needs a key, and ANTHROPIC_API_KEY is not set.",
        remedy=f"Get one at {_KEYS_URL}, then run `hermes config set ANTHROPIC_API_KEY`.",
    )


def _keyless(endpoint: Endpoint) -> Endpoint:
    if not is_local(endpoint.base_url):
        raise AuthFailed(
            f"anthropic.base_url is {host_of(endpoint.base_url)}, and Anthropic's key is not sent there.",
            remedy="Set the key for that address as `anthropic.api_key`.",
        )
    # The SDK sends no request without a key, and local servers ask for none.
    return Endpoint(base_url=endpoint.base_url, key="none", key_name="anthropic.api_key", settings=endpoint.settings)


def _usable(value: str) -> str:
    """The value, or nothing where it is a placeholder."""
    text = value.strip()
    return "" if is_dummy_key(text) else text
