"""What a person is told, one sentence each. The codes are for programs and stay as they are."""

from __future__ import annotations

from hermes_host.errors import (
    AuthFailed,
    ConnectionLost,
    ContentRefused,
    InvalidResponse,
    Overloaded,
    RateLimited,
)
from hermes_host.stream import ProviderNotice
from hermes_resilience.retries import EmptyAnswer, Stalled

__all__ = ["differs", "fell_back", "resting", "retrying", "returned", "rotated", "routed", "skipped", "what_failed"]


def what_failed(error: BaseException, who: str) -> str:
    """What happened, without the vendor's own words and without a full stop."""
    match error:
        case EmptyAnswer():
            return f"{who} gave an empty answer"
        case InvalidResponse():
            return f"The answer of {who} was garbled"
        case Stalled():
            return f"The answer of {who} stood still"
        case ConnectionLost():
            return f"The connection to {who} broke"
        case RateLimited():
            return f"{who} limits requests"
        case Overloaded():
            return f"{who} failed on its side"
        case AuthFailed():
            return f"{who} did not accept the key"
        case ContentRefused():
            return f"{who} refused to answer"
        case _:
            return f"{who} cannot be used"


def differs(error: BaseException, who: str) -> str:
    """The reason for `AttemptDiscarded`."""
    return f"{what_failed(error, who)}, and the new answer differs."


def retrying(error: BaseException, who: str, attempt: int, attempts: int, wait: float) -> ProviderNotice:
    """Code `retry`."""
    when = f"in {wait:.1f} s" if wait >= 0.05 else "at once"
    return ProviderNotice(f"{what_failed(error, who)}; asking again ({attempt} of {attempts}) {when}.", "retry")


def rotated(error: BaseException, who: str, old: str, new: str) -> ProviderNotice:
    """Code `key_rotated`. Both are names of secrets."""
    return ProviderNotice(f"{what_failed(error, who)} {old}; going on with {new}.", "key_rotated")


def fell_back(error: BaseException, who: str, other: str) -> ProviderNotice:
    """Code `fallback`."""
    return ProviderNotice(f"{what_failed(error, who)}; asking {other} instead.", "fallback")


def resting(who: str, seconds: float, other: str) -> ProviderNotice:
    """Code `fallback`: the model failed in an earlier call."""
    return ProviderNotice(f"{who} failed before and is left alone for {seconds:.0f} s; asking {other}.", "fallback")


def skipped(who: str, reason: str) -> ProviderNotice:
    """Code `fallback_skipped`."""
    return ProviderNotice(f"The fallback {who} cannot be used: {reason}", "fallback_skipped")


def returned(who: str) -> ProviderNotice:
    """Code `returned`."""
    return ProviderNotice(f"{who} is asked again after its pause.", "returned")


def routed(who: str) -> ProviderNotice:
    """Code `routed`."""
    return ProviderNotice(f"This short message goes to {who}.", "routed")
