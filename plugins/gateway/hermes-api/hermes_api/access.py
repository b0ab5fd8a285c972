"""What stands in front of every route: keys, origins, limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_api.errors import ApiError, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from hermes_api.keys import Key, Keys
    from hermes_api.settings import ApiSettings

__all__ = ["SECURITY_HEADERS", "Access", "Buckets"]

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

_QUERY_KEYS = ("key", "api_key", "api-key", "apikey", "token", "access_token", "authorization")
_WRONG_A_MINUTE = 60
_SUBJECTS = 10_000
_ALLOW_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, X-Hermes-Session-Id, X-Hermes-Events, X-Hermes-Approvals, "
    "X-Hermes-Reasoning"
)
_EXPOSE_HEADERS = "X-Hermes-Session-Id, X-Request-Id, Retry-After"


class Buckets:
    """So many a minute for each subject, spread evenly after a first burst."""

    def __init__(self, a_minute: int) -> None:
        self._most = float(a_minute)
        self._level: dict[str, tuple[float, float]] = {}

    def wait(self, subject: str) -> float:
        """Seconds until there is room; 0 when there is."""
        left = self._left(subject, time.monotonic())
        return 0.0 if left >= 1.0 else (1.0 - left) * 60.0 / self._most

    def take(self, subject: str) -> None:
        """Count one."""
        now = time.monotonic()
        left = self._left(subject, now)
        self._level.pop(subject, None)
        if len(self._level) >= _SUBJECTS:
            self._level.pop(next(iter(self._level)))
        self._level[subject] = (left - 1.0, now)

    def _left(self, subject: str, now: float) -> float:
        left, since = self._level.get(subject, (self._most, now))
        return min(self._most, left + (now - since) * self._most / 60.0)


class Access:
    """Decides who gets in."""

    def __init__(self, keys: Keys, settings: ApiSettings) -> None:
        self._keys = keys
        self._origins = frozenset(origin.rstrip("/") for origin in settings.cors_origins)
        self._wrong = Buckets(_WRONG_A_MINUTE)
        self._requests = Buckets(settings.rate_limit)
        self._most_runs = settings.max_runs
        self._running: dict[str, int] = {}

    def key_of(self, request: web.BaseRequest, scope: str) -> Key:
        """Whose request it is. Raises `ApiError`."""
        remote = request.remote or ""
        if wait := self._wrong.wait(remote):
            raise _too_many("Too many requests with a wrong key.", wait)
        if request.rel_url.query_string and any(name in request.rel_url.query for name in _QUERY_KEYS):
            raise refused("A key in an address ends up in logs: send it as `Authorization: Bearer KEY`.", "key")
        found = self._presented(request)
        if found is None:
            self._wrong.take(remote)
            raise ApiError(
                401,
                "The API key is missing or wrong: send `Authorization: Bearer KEY`.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if wait := self._requests.wait(found.id):
            raise _too_many("Too many requests with this key.", wait)
        self._requests.take(found.id)
        if scope and not found.may(scope):
            raise ApiError(403, f"This key has not the scope {scope!r}.", code="insufficient_scope")
        return found

    def _presented(self, request: web.BaseRequest) -> Key | None:
        values = request.headers.getall("Authorization", [])
        if len(values) != 1:
            return None
        scheme, _, key = values[0].partition(" ")
        key = key.strip()
        return self._keys.find(key) if scheme.lower() == "bearer" and key else None

    def begin_run(self, key: Key) -> None:
        """Count a turn; `end_run` ends it. Raises `ApiError` when there are too many."""
        if self._running.get(key.id, 0) >= self._most_runs:
            raise ApiError(
                429,
                f"{self._most_runs} turns run with this key already (api.max_runs).",
                code="too_many_runs",
                headers={"Retry-After": "2"},
            )
        self._running[key.id] = self._running.get(key.id, 0) + 1

    def end_run(self, key: Key) -> None:
        """A turn ended."""
        left = self._running.get(key.id, 1) - 1
        if left > 0:
            self._running[key.id] = left
        else:
            self._running.pop(key.id, None)

    @property
    def running(self) -> int:
        """Turns at work."""
        return sum(self._running.values())

    def cross_origin(self, request: web.BaseRequest) -> Mapping[str, str]:
        """Headers for a page of another origin; none where no page asks. Raises `ApiError` for a foreign one."""
        origins = request.headers.getall("Origin", [])
        if not origins:
            return {}
        origin = origins[0]
        if len(origins) != 1 or not ("*" in self._origins or origin in self._origins):
            raise ApiError(403, "Pages of that origin may not use this API (api.cors_origins).", code="foreign_origin")
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSE_HEADERS,
            "Vary": "Origin",
        }

    def preflight(self, methods: str) -> Mapping[str, str]:
        """Headers for the question whether a page may ask."""
        return {
            "Access-Control-Allow-Methods": f"{methods}, OPTIONS",
            "Access-Control-Allow-Headers": _ALLOW_HEADERS,
            "Access-Control-Max-Age": "600",
        }


def _too_many(text: str, wait: float) -> ApiError:
    return ApiError(429, text, code="rate_limit_exceeded", headers={"Retry-After": str(max(1, round(wait + 0.5)))})
