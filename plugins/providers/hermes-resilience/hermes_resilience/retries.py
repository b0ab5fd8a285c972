"""Which failures pass, how often a request is repeated, and how long to wait before."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConnectionLost, HermesError, InvalidResponse, Overloaded, ProviderError, RateLimited

if TYPE_CHECKING:
    from tenacity import AsyncRetrying

    from hermes_resilience.settings import Settings

__all__ = ["EmptyAnswer", "Retries", "Stalled", "asked_wait", "public"]

_NO_CREDIT = 402


class EmptyAnswer(InvalidResponse):
    """The model ended its answer without saying anything."""


class Stalled(ConnectionLost):
    """The answer stood still and was cut: to ask again may cost as long a wait once more."""


def public(error: HermesError) -> HermesError:
    """The error as one of the host's own kinds, which programs know by name."""
    match error:
        case EmptyAnswer():
            return InvalidResponse(error.message, remedy=error.remedy)
        case Stalled():
            return ConnectionLost(error.message, remedy=error.remedy, partial=error.partial)
    return error


def asked_wait(error: BaseException) -> float | None:
    """The seconds the vendor asked to wait, None where it did not say."""
    return error.retry_after if isinstance(error, RateLimited | Overloaded) else None


class Retries:
    """The policy. Its library is imported when the first request fails."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def most(self, error: BaseException) -> int:
        """How often a request that failed like this may be repeated.

        An answer that does not follow the wire format is asked for again in one piece, not as a stream.
        """
        if isinstance(error, RateLimited) and error.status == _NO_CREDIT:
            return 0
        passing = isinstance(error, ConnectionLost | Overloaded | RateLimited | InvalidResponse)
        return self._settings.retries if passing else 0

    def wait(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait after the failure of an attempt, counted from 1; at least what the vendor asked for."""
        return max(float(self._policy.wait(self._state(attempt))), asked or 0.0)

    def over(self, error: ProviderError, attempt: int) -> bool:
        """Whether no further attempt is to be made after this one, counted from 1."""
        return attempt > self.most(error) or bool(self._policy.stop(self._state(attempt)))

    @cached_property
    def _policy(self) -> AsyncRetrying:
        from tenacity import AsyncRetrying, stop_after_attempt, wait_exponential, wait_random_exponential

        # Half of the wait is fixed and half is drawn, so that many clients do not come back at the same moment.
        half, limit = self._settings.backoff / 2, self._settings.backoff_limit / 2
        wait = wait_exponential(multiplier=half, max=limit) + wait_random_exponential(multiplier=half, max=limit)
        return AsyncRetrying(stop=stop_after_attempt(self._settings.retries + 1), wait=wait)

    def _state(self, attempt: int) -> Any:
        from tenacity import RetryCallState

        state = RetryCallState(self._policy, None, (), {})
        state.attempt_number = attempt
        return state
