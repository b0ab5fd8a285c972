"""Errors as clients of OpenAI's API know them: a status, and an object with message, type, param and code."""

from __future__ import annotations

from typing import Any

from hermes_host.errors import (
    BadRequest,
    BudgetExceeded,
    ContentRefused,
    ContextTooLong,
    Denied,
    HermesError,
    NotFound,
    RateLimited,
    SessionError,
)

__all__ = ["ApiError", "error_of", "refused", "turn_error"]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self, status: int, message: str, *, code: str = "", param: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The error object."""
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error"),
                "param": self.param or None,
                "code": self.code or None,
            }
        }


def refused(message: str, param: str = "", code: str = "invalid_value") -> ApiError:
    """A request that cannot be understood or is not served."""
    return ApiError(400, message, code=code, param=param)


def error_of(error: HermesError) -> ApiError:
    """An error of the host as an answer."""
    if isinstance(error, RateLimited):
        wait = str(max(1, round(error.retry_after or 5)))
        return ApiError(429, str(error), code="model_rate_limited", headers={"Retry-After": wait})
    if isinstance(error, BudgetExceeded):
        return ApiError(429, str(error), code="insufficient_quota")
    if isinstance(error, ContextTooLong | ContentRefused | BadRequest):
        return ApiError(400, str(error), code=_KINDS.get(type(error).__name__, (400, ""))[1])
    if isinstance(error, SessionError):
        return ApiError(409, str(error), code="session_busy")
    if isinstance(error, NotFound):
        return ApiError(404, str(error), code="not_found")
    if isinstance(error, Denied):
        return ApiError(403, str(error), code="denied")
    return ApiError(502, str(error), code="model_error")


_KINDS = {
    "BudgetExceeded": (429, "insufficient_quota"),
    "RateLimited": (429, "model_rate_limited"),
    "Overloaded": (503, "model_overloaded"),
    "ContextTooLong": (400, "context_length_exceeded"),
    "ContentRefused": (400, "content_filter"),
    "BadRequest": (400, "model_bad_request"),
    "AuthFailed": (502, "model_auth_failed"),
    "ConnectionLost": (502, "model_unreachable"),
    "InvalidResponse": (502, "model_invalid_response"),
    "NotFound": (502, "model_not_configured"),
    "TimeoutError": (504, "timeout"),
    "SessionError": (409, "session_busy"),
}


def turn_error(kind: str, text: str) -> ApiError:
    """The failure of a turn as an answer; `kind` is `TurnFinished.error_kind`."""
    status, code = _KINDS.get(kind, (500, "turn_failed"))
    headers = {"Retry-After": "5"} if status in (429, 503) else {}
    return ApiError(status, text or "The turn failed.", code=code, headers=headers)
