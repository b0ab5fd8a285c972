"""What can go wrong with hubs and bundles; all of it is a `HermesError` with a remedy."""

from __future__ import annotations

from hermes_host.errors import Denied, HermesError

__all__ = ["BundleRefused", "HubUnavailable", "InstallRefused", "TooManyRequests"]


class HubUnavailable(HermesError):
    """A hub did not answer, or not with what it should. `status` is the HTTP status, 0 where there was none."""

    def __init__(self, message: str, *, remedy: str = "", status: int = 0) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class TooManyRequests(HubUnavailable):
    """A hub wants no more requests for now; `retry_after` is in seconds, None where it did not say."""

    def __init__(self, message: str, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy, status=429)
        self.retry_after = retry_after


class BundleRefused(Denied):
    """A bundle that cannot be a skill, or that tries to be more than one. Nothing of it was kept."""


class InstallRefused(Denied):
    """Policy or a person refused to install. Nothing was changed."""
