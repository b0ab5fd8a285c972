"""Where requests go and which key goes with them.

The keys of the environment are Anthropic's and are sent to Anthropic's own host over TLS and to no other address. An
address of the user's own takes the key that is set beside it, `anthropic.api_key`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from hermes_anthropic.settings import Settings
from hermes_host.errors import AuthFailed, ConfigError

if TYPE_CHECKING:
    from hermes_host.context import PluginContext

__all__ = ["KEY_NAMES", "VENDOR_URL", "Endpoint", "is_placeholder", "resolve"]

VENDOR_URL = "https://api.anthropic.com"
KEY_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_TOKEN")
_KEYS_URL = "https://platform.claude.com/settings/keys"
_PLACEHOLDERS = frozenset({"***", "changeme", "change-me", "dummy", "placeholder", "your-api-key", "your_api_key"})


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
        return _origin(self.base_url) == _origin(VENDOR_URL)

    @property
    def secret(self) -> str:
        """What must not be shown."""
        return self.key or self.token


def is_placeholder(value: str) -> bool:
    """Whether a value stands for no key: `***`, `changeme`, `dummy` and the like, or fewer than four characters."""
    text = value.strip()
    return len(text) < 4 or text.lower() in _PLACEHOLDERS or set(text) == {"*"}


def resolve(context: PluginContext) -> Endpoint:
    """The endpoint, from the settings and the environment.

    Raises `AuthFailed` where a key is needed and missing, `ConfigError` where the address cannot be used.
    """
    settings = context.section(Settings, "anthropic")
    address = _checked(settings.base_url) if settings.base_url else VENDOR_URL
    endpoint = Endpoint(base_url=address, settings=settings)
    own = usable(settings.api_key.reveal())
    if own:
        return Endpoint(base_url=address, key=own, key_name="anthropic.api_key", settings=settings)
    if not endpoint.is_vendor:
        return _keyless(endpoint)
    for name in KEY_NAMES:
        value = usable(context.secret(name))
        if value and name == "ANTHROPIC_TOKEN":
            return Endpoint(token=value, key_name=name, settings=settings)
        if value:
            return Endpoint(key=value, key_name=name, settings=settings)
    raise AuthFailed(
        "anthropic needs a key, and ANTHROPIC_API_KEY is not set.",
        remedy=f"Get one at {_KEYS_URL}, then run `hermes config set ANTHROPIC_API_KEY`.",
    )


def _keyless(endpoint: Endpoint) -> Endpoint:
    host = urlsplit(endpoint.base_url).hostname or ""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        raise AuthFailed(
            f"anthropic.base_url is {host}, and Anthropic's key is not sent there.",
            remedy="Set the key for that address as `anthropic.api_key`.",
        )
    # The SDK sends no request without a key, and local servers ask for none.
    return Endpoint(base_url=endpoint.base_url, key="none", key_name="anthropic.api_key", settings=endpoint.settings)


def usable(value: str) -> str:
    """The value, or nothing where it is a placeholder."""
    text = value.strip()
    return "" if is_placeholder(text) else text


def _checked(address: str) -> str:
    parts = _split(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"anthropic.base_url is not a web address: {address!r}.",
            remedy="It should look like https://gateway.example.com.",
        )
    if parts.username or parts.password:
        raise ConfigError("anthropic.base_url holds a user name or password.", remedy="Use anthropic.api_key instead.")
    return address.rstrip("/").removesuffix("/messages").removesuffix("/v1").rstrip("/")


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _origin(address: str) -> tuple[str, str | None, int]:
    parts = _split(address)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
