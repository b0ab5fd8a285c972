"""What talks to the vendor. This one only repeats what was said: put the vendor's SDK in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hermes_host.errors import AuthFailed, BadRequest, Overloaded, ProviderError, RateLimited

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hermes_host.protocols import ModelRequest


class VendorError(Exception):
    """What an SDK raises; `status` is that of HTTP."""

    def __init__(self, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Backend(Protocol):
    """The vendor, as the provider sees it."""

    def answer(self, request: ModelRequest) -> AsyncGenerator[str, None]:
        """Pieces of the answer's text. Raises `VendorError`."""
        ...


class Echo:
    """Answers with what was said last."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def answer(self, request: ModelRequest) -> AsyncGenerator[str, None]:
        """The last message, word by word."""
        for word in request.messages[-1].text.split():
            yield f"{word} "


def translated(error: VendorError) -> ProviderError:
    """The vendor's failure in the host's words: they decide whether it asks again, and what the user is told."""
    message = f"The vendor says: {error}"
    if error.status in (401, 403):
        return AuthFailed(message, remedy="Set EXAMPLE_PROVIDER_API_KEY.", status=error.status)
    if error.status == 429:
        return RateLimited(message, retry_after=error.retry_after)
    if error.status >= 500:
        return Overloaded(message, status=error.status, retry_after=error.retry_after)
    return BadRequest(message, status=error.status)
