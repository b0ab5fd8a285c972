"""What the SDK or one of its layers raised, as the host's errors; what is said where is `hermes_compatible`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compatible.clock import TimeUp
from hermes_compatible.failures import failed_answer, transport_failure

if TYPE_CHECKING:
    from hermes_compatible.clock import Clock
    from hermes_compatible.endpoint import Endpoint

    from hermes_host.errors import ProviderError

__all__ = ["request_errors", "request_failure"]


def request_errors() -> tuple[type[Exception], ...]:
    """What a request may raise that `request_failure` knows."""
    import anthropic
    import httpx2

    return anthropic.APIStatusError, anthropic.APIConnectionError, httpx2.HTTPError, TimeUp


def request_failure(
    endpoint: Endpoint, model: str, error: Exception, clock: Clock, *, partial: bool = False
) -> ProviderError:
    """The error for a failed request."""
    import anthropic

    if isinstance(error, anthropic.APIStatusError):
        response = error.response
        return failed_answer(endpoint, model, response.status_code, response.headers, response.content)
    # The SDK's own connection errors say nothing that their cause does not.
    cause = error.__cause__ if isinstance(error, anthropic.APIConnectionError) else None
    return transport_failure(endpoint, cause or error, clock, partial=partial)
