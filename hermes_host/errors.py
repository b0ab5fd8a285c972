"""Every exception the host raises or expects, as one tree.

::

    HermesError
    ├── ConfigError                 a setting cannot be used; names file, line or YAML path
    ├── PluginError                 a plugin failed; names plugin, distribution and version
    │   └── PluginUnavailable       it needs a package that is not installed
    ├── NotFound                    a provider, model, session, tool … of that name does not exist
    ├── SessionError                a session cannot be used (locked, damaged)
    ├── BudgetExceeded              a limit the user set on money, tokens or steps is reached
    ├── Denied                      policy or a person refused
    ├── Unsupported                 the part does not have that feature
    ├── ToolError                   for the model to read: the call failed, and how to do better
    └── ProviderError               a model request failed
        ├── AuthFailed              401, 403: the key is missing, wrong or not allowed
        ├── RateLimited             429; `retry_after` in seconds where the vendor says
        ├── Overloaded              500, 502, 503, 529: the vendor's trouble
        ├── ContextTooLong          the request does not fit the model
        ├── BadRequest              another 4xx: repeating it cannot help
        ├── ConnectionLost          the network or the stream broke; `partial` is true after the first delta
        ├── InvalidResponse         the answer does not follow the wire format
        └── ContentRefused          the vendor's filter stopped it

A message says what failed, where, and what to do next; identifiers appear with `!r`.
"""

from __future__ import annotations

__all__ = [
    "AuthFailed",
    "BadRequest",
    "BudgetExceeded",
    "ConfigError",
    "ConnectionLost",
    "ContentRefused",
    "ContextTooLong",
    "Denied",
    "HermesError",
    "InvalidResponse",
    "NotFound",
    "Overloaded",
    "PluginError",
    "PluginUnavailable",
    "ProviderError",
    "RateLimited",
    "SessionError",
    "ToolError",
    "Unsupported",
]


class HermesError(Exception):
    """Base of every expected failure. `str(error)` is one readable sentence; `remedy` says what to do next."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class ConfigError(HermesError):
    """A setting or a configuration file cannot be used. Nothing was changed."""


class PluginError(HermesError):
    """A plugin, or one thing it contributed, failed."""


class PluginUnavailable(PluginError):
    """A target needs a package that is not installed."""


class NotFound(HermesError):
    """No provider, model, session, tool, command … of that name."""


class SessionError(HermesError):
    """A session cannot be opened, read or written."""


class BudgetExceeded(HermesError):
    """A limit the user set is reached; nothing was sent."""


class Denied(HermesError):
    """Policy or a person refused the action."""


class Unsupported(HermesError):
    """The part does not have the feature that was asked for."""


class ToolError(HermesError):
    """A tool call failed in a way the model should read and can act on."""


class ProviderError(HermesError):
    """A model request failed. `status` is the HTTP status where there was one, else 0."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 0) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class AuthFailed(ProviderError):
    """The key is missing, wrong, expired or lacks a right."""


class RateLimited(ProviderError):
    """Too many requests or no quota left. `retry_after` is in seconds, or None where the vendor did not say."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 429, retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy, status=status)
        self.retry_after = retry_after


class Overloaded(ProviderError):
    """The vendor's side failed or is too busy. `retry_after` as in `RateLimited`."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 503, retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy, status=status)
        self.retry_after = retry_after


class ContextTooLong(ProviderError):
    """The request does not fit the model's context. `limit` is in tokens, 0 where unknown."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 400, limit: int = 0) -> None:
        super().__init__(message, remedy=remedy, status=status)
        self.limit = limit


class BadRequest(ProviderError):
    """The vendor refused the request as it is; repeating it cannot help."""


class ConnectionLost(ProviderError):
    """The network failed, the stream stalled or was cut. `partial` is true when content had already arrived."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 0, partial: bool = False) -> None:
        super().__init__(message, remedy=remedy, status=status)
        self.partial = partial


class InvalidResponse(ProviderError):
    """The answer does not follow the wire format (malformed JSON, a proxy's HTML page, no choices)."""


class ContentRefused(ProviderError):
    """The vendor's content filter stopped the request or the answer."""


class DeliveryRefused(HermesError):
    """A message cannot be delivered there, now or later: no such chat, no right to write, too large."""


class DeliveryUncertain(HermesError):
    """Whether a message arrived is not known: the connection broke after it was sent."""
