"""What an endpoint's address says: whether it can be used, whose it is, and which wire is spoken there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from hermes_compatible.preset import Wire

__all__ = ["checked", "host_of", "is_local", "secure_host", "wire_at"]

_WIRES: dict[str, Wire] = {"chat_completions": "chat", "anthropic_messages": "messages"}
_METHODS: dict[Wire, tuple[str, ...]] = {"chat": ("/chat/completions",), "messages": ("/messages", "/v1")}
"""What is added to a base URL to ask for an answer, last first; some people give the whole URL."""


def wire_at(address: str, api_mode: str, usual: Wire, provider: str) -> Wire:
    """What is spoken at an address: what the setting says, else what the end of the URL tells, else the usual.

    Raises `ConfigError` for a wire this plugin does not speak.
    """
    if api_mode:
        if api_mode not in _WIRES:
            raise ConfigError(
                f"{provider} is set to {api_mode!r}, which hermes-compatible does not speak.",
                remedy=f"Set api_mode to {' or '.join(_WIRES)}, or use the provider that speaks it.",
            )
        return _WIRES[api_mode]
    path = address.rstrip("/")
    if path.endswith("/chat/completions"):
        return "chat"
    messages = path.endswith("/v1/messages") or path.removesuffix("/v1").endswith("/anthropic")
    return "messages" if messages else usual


def checked(address: str, provider: str, wire: Wire) -> str:
    """The base URL of an address. Raises `ConfigError` where it cannot be used."""
    parts = _split(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"The base URL {address!r} of {provider} is not a web address.",
            remedy="It should look like https://example.com/v1.",
        )
    if parts.username or parts.password:
        raise ConfigError(
            f"The base URL of {provider} holds a user name or password.", remedy="Use its api_key setting instead."
        )
    base = address.rstrip("/")
    for method in _METHODS[wire]:
        base = base.removesuffix(method)
    return base


def host_of(address: str) -> str:
    """The host's name, or the address itself where it has none."""
    return _split(address).hostname or address


def secure_host(address: str) -> str:
    """The host, empty where the address is not on the standard port over TLS."""
    parts = _split(address)
    return (parts.hostname or "") if parts.scheme == "https" and parts.port in (None, 443) else ""


def is_local(address: str) -> bool:
    """Whether the address is on this machine."""
    host = host_of(address)
    return host in ("localhost", "::1") or host.startswith("127.")


def _split(address: str) -> SplitResult:
    """The parts, all empty where the address or its port is malformed."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts
