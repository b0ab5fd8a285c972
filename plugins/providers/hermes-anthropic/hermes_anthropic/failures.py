"""Failed requests as the host's errors: which class, what the vendor said, and what to do next.

The error types are those of https://platform.claude.com/docs/en/api/errors. The class follows from the status or the
type; the wording decides only where both say no more than that the request is not valid.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_anthropic.pages import is_page, page_text
from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    Overloaded,
    ProviderError,
    RateLimited,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_anthropic.endpoint import Endpoint

__all__ = ["failed_answer", "failed_in_stream", "retry_after", "transport_failure", "without_secrets"]

_SHOWN = 300
_STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_CONTEXT = re.compile(
    r"prompt is too long|input is too long|exceed(?:s|ed)? (?:the )?(?:model'?s )?(?:maximum )?context"
    r"|context (?:window|length|limit)",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"> ?([0-9][0-9,_]{2,})", re.IGNORECASE)
_REFUSED = re.compile(r"content filtering policy|blocked by content|usage polic", re.IGNORECASE)
_NO_CREDIT = re.compile(r"credit balance|spend limit|usage limits?\b|billing", re.IGNORECASE)
_TOKENS = re.compile(r"\bsk-[A-Za-z0-9_\-*.]{6,}|\bBearer\s+\S+")


def failed_answer(
    endpoint: Endpoint, model: str, status: int, headers: Mapping[str, str], body: bytes
) -> ProviderError:
    """The error for an answer with a status other than 200."""
    if 300 <= status < 400:
        return BadRequest(
            f"{endpoint.base_url} redirects to another address, and requests with a key do not follow.",
            remedy="Set anthropic.base_url to the address itself.",
            status=status,
        )
    type, text = _words(endpoint, body)
    request_id = headers.get("request-id", "")
    if request_id and text:
        text = f"{text} [{request_id}]"
    return _by_status(endpoint, model, status, type, text, retry_after(headers))


def failed_in_stream(endpoint: Endpoint, model: str, error: Any) -> ProviderError:
    """The error for an error object within an answer of status 200."""
    type, text = _words(endpoint, msgspec.json.encode({"error": error}))
    return _by_status(endpoint, model, _STATUS_BY_TYPE.get(type, 500), type, text, None)


def _by_status(endpoint: Endpoint, model: str, status: int, type: str, text: str, after: float | None) -> ProviderError:
    said = f" ({status}): {text}" if text else f" ({status})."
    if status == 413 or (status == 400 and _CONTEXT.search(text)):
        return ContextTooLong(f"The conversation does not fit {model!r}{said}", status=status, limit=_limit(text))
    if status in (400, 403) and _REFUSED.search(text):
        return ContentRefused(
            f"anthropic refused the request{said}",
            remedy="Say it differently, or use another model.",
            status=status,
        )
    if status == 402 or (status in (400, 403, 429) and _NO_CREDIT.search(text)):
        remedy = "Check the account's credit and limits at https://platform.claude.com."
        return RateLimited(f"anthropic wants payment{said}", remedy=remedy, status=status, retry_after=after)
    if status in (401, 403):
        return AuthFailed(f"anthropic did not accept the key{said}", remedy=_key_remedy(endpoint), status=status)
    if status == 429:
        return RateLimited(f"anthropic limits requests{said}", status=status, retry_after=after)
    if status == 404:
        return _not_found(endpoint, model, type, said)
    if status in (408, 409, 425) or status >= 500:
        return Overloaded(f"anthropic failed on its side{said}", status=status, retry_after=after)
    return BadRequest(f"anthropic refused the request{said}", status=status)


def _not_found(endpoint: Endpoint, model: str, type: str, said: str) -> BadRequest:
    if type == "not_found_error" and model:
        remedy = "See `hermes model list --provider anthropic` for those it has."
        return BadRequest(f"anthropic has no model {model!r}{said}", remedy=remedy, status=404)
    return BadRequest(
        f"There is no Messages API at {endpoint.base_url}{said}",
        remedy="Check anthropic.base_url; it stands without /v1.",
        status=404,
    )


def transport_failure(endpoint: Endpoint, error: BaseException, *, partial: bool) -> ProviderError:
    """The error for what httpx2 raised, by itself or as the cause of the SDK's error."""
    import httpx2

    cause = error if isinstance(error, httpx2.HTTPError) else error.__cause__ or error
    if isinstance(cause, httpx2.DecodingError):
        return InvalidResponse("anthropic sent an answer that cannot be unpacked.")
    if isinstance(cause, httpx2.ConnectTimeout):
        seconds = endpoint.settings.connect_timeout
        return ConnectionLost(f"{endpoint.base_url} did not accept a connection within {seconds:g} s.")
    if isinstance(cause, httpx2.TimeoutException):
        return ConnectionLost(
            f"anthropic was silent for too long ({type(cause).__name__}).",
            remedy="anthropic.read_timeout sets the limit.",
            partial=partial,
        )
    reason = _reason(endpoint, cause)
    if isinstance(cause, httpx2.ConnectError):
        return ConnectionLost(f"{endpoint.base_url} cannot be reached: {reason}.")
    return ConnectionLost(f"The connection to anthropic broke: {reason}.", partial=partial)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds, or an HTTP date); None where it is not said."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def without_secrets(endpoint: Endpoint, text: str) -> str:
    """The text without the endpoint's key or anything that looks like one."""
    if len(endpoint.secret) >= 8:
        text = text.replace(endpoint.secret, "[secret]")
    return _TOKENS.sub("[secret]", text)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _words(endpoint: Endpoint, body: bytes) -> tuple[str, str]:
    """The type and the message of an error body, which may be anything."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        text = page_text(body) if is_page(body) else body[:4096].decode("utf-8", "replace")
        return "", _cleaned(endpoint, text)
    error = value.get("error") or value if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return "", _cleaned(endpoint, error if isinstance(error, str) else "")
    said = error.get("message") or error.get("detail") or ""
    return str(error.get("type") or ""), _cleaned(endpoint, said if isinstance(said, str) else str(said))


def _cleaned(endpoint: Endpoint, text: str) -> str:
    return " ".join(without_secrets(endpoint, text).split())[:_SHOWN]


def _limit(text: str) -> int:
    found = _LIMIT.search(text)
    return int(found[1].replace(",", "").replace("_", "")) if found else 0


def _key_remedy(endpoint: Endpoint) -> str:
    if endpoint.key_name.isupper():
        return f"Set a valid one with `hermes config set {endpoint.key_name}`."
    return "Check anthropic.api_key in config.yaml."


def _reason(endpoint: Endpoint, error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return without_secrets(endpoint, str(cause or type(error).__name__)).rstrip(".")[:_SHOWN]
