"""Failed requests as the host's errors: which class, what the vendor said, and what to do next.

Vendors agree on the status codes and on little else, so a class is found from the status or the error object's code
first, and from the wording only where neither says enough (a full context, a content filter).
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

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

    from hermes_compatible.endpoint import Endpoint

__all__ = ["failed_answer", "failed_in_stream", "not_json", "retry_after", "transport_failure", "without_secrets"]

_SHOWN = 300

# Patterns are kept as text and compiled by `re` when the first failure needs them.

_CONTEXT = (
    r"(?i)"
    r"context[_ ](?:length|window|size|limit)|maximum context|too many tokens|prompt is too long|input is too long"
    r"|exceeds? the (?:available )?context|maximum (?:prompt|input) length|token limit exceeded|input token count"
    r"|request_too_large"
)
_LIMIT = (
    r"(?i)"
    r"(?:maximum context length (?:is|of)|context (?:length|window|size)[^0-9]{0,20}|limit (?:is|of)|maximum of"
    r"|n_ctx[^0-9]{0,8}|> )\s*\(?([0-9][0-9,_]{2,})"
)
_REFUSED = (
    r"(?i)"
    r"content[_ ](?:filter|policy)|content management policy|data_inspection_failed|sensitive content|moderation"
)
_QUOTA = r"(?i)insufficient[_ ](?:quota|balance|credits)|out of credits|credit balance|billing"
_TOKENS = r"\b(?:sk|pk|rk|gsk|hf|xai|ghp|nvapi)[-_][A-Za-z0-9_\-*.]{6,}|\bBearer\s+\S+|\bAIza[\w-]{20,}"

_STATUS_BY_CODE = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "too_many_requests": 429,
    "overloaded_error": 529,
    "overloaded": 529,
    "server_error": 500,
    "internal_server_error": 500,
    "internal_error": 500,
    "api_error": 500,
    "service_unavailable": 503,
    "engine_overloaded_error": 503,
    "timeout": 504,
    "timeout_error": 504,
    "billing_error": 402,
    "request_too_large": 413,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "invalid_request_error": 400,
    "bad_request_error": 400,
    "badrequesterror": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "not_found_error": 404,
    "model_not_found": 404,
}


_SPOKEN = {"chat": "chat completions", "messages": "messages"}
_ADDRESS = {"chat": "which mostly ends in /v1", "messages": "which stands without /v1"}


class _Words(msgspec.Struct, frozen=True):
    """What an error answer says. `code` is the vendor's word for it."""

    text: str
    code: str = ""
    status: int = 0


def failed_answer(
    endpoint: Endpoint, model: str, status: int, headers: Mapping[str, str], body: bytes
) -> ProviderError:
    """The error for an answer with a status other than 200."""
    words = _words_of(endpoint, body)
    after = retry_after(headers)
    if 300 <= status < 400:
        return BadRequest(
            f"{endpoint.provider} redirects to another address, and requests with a key do not follow.",
            remedy="Set the base URL to the address itself.",
            status=status,
        )
    return _by_status(endpoint, model, status, words, after)


def failed_in_stream(endpoint: Endpoint, model: str, error: Any) -> ProviderError:
    """The error for an error object within an answer of status 200."""
    words = _words(endpoint, error)
    return _by_status(endpoint, model, words.status or 500, words, None)


def _by_status(endpoint: Endpoint, model: str, status: int, words: _Words, after: float | None) -> ProviderError:
    name = endpoint.provider
    said = f" ({status}): {words.text}" if words.text else f" ({status})."
    everything = f"{words.code} {words.text}"
    if status in (400, 413, 422, 500) and re.search(_CONTEXT, everything):
        return ContextTooLong(f"The conversation does not fit {model!r}{said}", status=status, limit=_limit(words.text))
    if status in (400, 403, 422) and re.search(_REFUSED, everything):
        return ContentRefused(
            f"{name} refused the request: its content filter found something{said}",
            remedy="Say it differently, or use another model.",
            status=status,
        )
    if status in (402, 429) or (status in (400, 403) and re.search(_QUOTA, everything)):
        remedy = "The account has no credit left." if status == 402 or re.search(_QUOTA, everything) else ""
        return RateLimited(f"{name} limits requests{said}", remedy=remedy, status=status, retry_after=after)
    if status in (401, 403):
        return AuthFailed(f"{name} did not accept the key{said}", remedy=_key_remedy(endpoint), status=status)
    if status == 404 and "model" in everything.lower():
        return BadRequest(
            f"{name} has no model {model!r}{said}", remedy="See `hermes model list` for those it has.", status=status
        )
    if status == 404:
        return BadRequest(
            f"There are no {_SPOKEN[endpoint.wire]} at {endpoint.base_url}{said}",
            remedy=f"Check the base URL, {_ADDRESS[endpoint.wire]}, and api_mode, which says what is spoken there.",
            status=status,
        )
    if status in (408, 409, 425) or status >= 500:
        return Overloaded(f"{name} failed on its side{said}", status=status, retry_after=after)
    return BadRequest(f"{name} refused the request{said}", status=status)


def transport_failure(endpoint: Endpoint, error: Exception, *, partial: bool) -> ProviderError:
    """The error for what `httpcore2` raised."""
    import httpcore2

    place = endpoint.base_url
    if isinstance(error, httpcore2.ConnectTimeout):
        text = f"{place} did not accept a connection within {endpoint.connect_timeout:g} s."
    elif isinstance(error, httpcore2.TimeoutException):
        text = f"{endpoint.provider} was silent for too long ({type(error).__name__})."
        return ConnectionLost(text, remedy="compatible.read_timeout sets the limit.", partial=partial)
    elif isinstance(error, httpcore2.ConnectError):
        text = f"{place} cannot be reached: {_reason(endpoint, error)}."
    else:
        text = f"The connection to {endpoint.provider} broke: {_reason(endpoint, error)}."
        return ConnectionLost(text, partial=partial)
    remedy = f"Is the server running? See {endpoint.key_url}." if not endpoint.key and endpoint.key_url else ""
    return ConnectionLost(text, remedy=remedy, partial=partial)


def _reason(endpoint: Endpoint, error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return without_secrets(endpoint, str(cause or type(error).__name__)).rstrip(".")[:_SHOWN]


def not_json(endpoint: Endpoint, body: bytes) -> InvalidResponse:
    """The error for an answer of status 200 that is not what it should be, such as a proxy's HTML page."""
    text = _page_text(body)
    kind = "an HTML page" if _is_html(body) else "something else"
    shown = f": {without_secrets(endpoint, text)[:_SHOWN]}" if text else "."
    return InvalidResponse(
        f"{endpoint.base_url} answered with {kind} instead of JSON{shown}",
        remedy="Check the base URL and any proxy on the way.",
    )


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


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def without_secrets(endpoint: Endpoint, text: str) -> str:
    """The text without the endpoint's key, the values of its extra headers, or anything that looks like a key."""
    for secret in (endpoint.key, *endpoint.headers.values()):
        if len(secret) >= 8:
            text = text.replace(secret, "[secret]")
    return re.sub(_TOKENS, "[secret]", text)


def _key_remedy(endpoint: Endpoint) -> str:
    where = f" Keys: {endpoint.key_url}." if endpoint.key_url else ""
    if endpoint.key_name.isupper():
        return f"Set a valid one with `hermes config set {endpoint.key_name}`.{where}"
    if endpoint.wire == "messages" and endpoint.quirks.key_header != "bearer":
        where += " Where the endpoint wants a bearer token, set `quirks: {key_header: bearer}` in custom_providers."
    return f"Check {endpoint.key_name} in config.yaml.{where}" if endpoint.key_name else where.strip()


def _words_of(endpoint: Endpoint, body: bytes) -> _Words:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return _Words(without_secrets(endpoint, _page_text(body))[:_SHOWN])
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("error") or value
    return _words(endpoint, value)


def _words(endpoint: Endpoint, error: Any) -> _Words:
    """The words of an error object, in any of the shapes vendors use."""
    if not isinstance(error, dict):
        return _Words(_shown(endpoint, error))
    text = error.get("message") or error.get("detail") or error.get("status_msg") or error.get("error") or ""
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):
        # OpenRouter's own message is mostly "Provider returned error"; the reason is what the provider said.
        text = f"{text}: {metadata['raw']}"
    code = error.get("code") or error.get("type") or ""
    return _Words(_shown(endpoint, text), str(code), _status_of(error))


def _status_of(error: Mapping[str, Any]) -> int:
    for key in ("status", "code", "type"):
        value = error.get(key)
        if isinstance(value, str):
            value = int(value) if value.isdecimal() else _STATUS_BY_CODE.get(value.lower(), 0)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return 0


def _shown(endpoint: Endpoint, value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode() if value else ""
    return " ".join(without_secrets(endpoint, text).split())[:_SHOWN]


def _limit(text: str) -> int:
    found = re.search(_LIMIT, text)
    return int(found[1].replace(",", "").replace("_", "")) if found else 0


def _is_html(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def _page_text(body: bytes) -> str:
    """The first words of a page, without its markup."""
    text = body[:4096].decode("utf-8", "replace")
    if _is_html(body):
        text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text)
    return " ".join(text.split())[:_SHOWN]
