"""Errors on their way through the wire: what kind they are, and nothing of them that could be misused."""

from __future__ import annotations

from typing import Any

from hermes_host import errors
from hermes_isolated.wire import Fault

__all__ = ["fault_of", "restored"]

_KINDS: dict[str, type[errors.HermesError]] = {
    kind.__name__: kind
    for kind in (
        errors.AuthFailed,
        errors.BadRequest,
        errors.ConnectionLost,
        errors.ContentRefused,
        errors.ContextTooLong,
        errors.InvalidResponse,
        errors.NotFound,
        errors.Overloaded,
        errors.PluginError,
        errors.ProviderError,
        errors.RateLimited,
        errors.ToolError,
        errors.Unsupported,
    )
}
"""What a plugin may raise. Anything else arrives as `PluginError`: it must not pass for a decision of the host."""
_EXTRA = ("status", "retry_after", "limit", "partial")


def fault_of(error: BaseException) -> tuple[str, Fault]:
    """The message of an error, and the rest of it."""
    if not isinstance(error, errors.HermesError):
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, Fault(kind="PluginError")
    kind = next((each.__name__ for each in type(error).__mro__ if each.__name__ in _KINDS), "PluginError")
    extra: dict[str, Any] = {name: getattr(error, name) for name in _EXTRA if hasattr(error, name)}
    return error.message, Fault(kind=kind, remedy=error.remedy, **extra)


def restored(message: str, fault: Fault) -> errors.HermesError:
    """The error again."""
    kind = _KINDS.get(fault.kind, errors.PluginError)
    error = kind(message, remedy=fault.remedy)
    for name in _EXTRA:
        if hasattr(error, name):
            setattr(error, name, getattr(fault, name))
    return error
