"""Failed requests as the host's errors: which class, what the vendor said, and what to do next.

Vendors agree on the status codes and on little else, so a class is found from the status or the error object's code
first, and from the wording only where neither says enough (a full context, a content filter).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.waiting import retry_after
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

    from hermes_compatible.clock import Clock
    from hermes_compatible.endpoint import Endpoint

__all__ = ["failed_answer", "failed_in_stream", "not_json", "transport_failure", "without_secrets"]

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
    r"|usage policy|usage policies|blocked by content"
)
_QUOTA = (
    r"(?i)insufficient[_ ](?:quota|balance|credits)|out of credits|credit balance|spend limit|usage limits?\b|billing"
)
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


_NOT_SPOKEN = {"chat": "There are no chat completions", "messages": "There is no Messages API"}
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
    if 300 <= status < 400:
        return BadRequest(
            f"{endpoint.provider} redirects to another address, and requests with a key do not follow.",
            remedy=f"Set {endpoint.address_name} to the address itself.",
            status=status,
        )
    words = _words_of(endpoint, body)
    id = headers.get("request-id", "")
    if id and words.text:
        # Anthropic's support asks for it.
        words = msgspec.structs.replace(words, text=f"{words.text} [{id}]")
    return _by_status(endpoint, model, status, words, retry_after(headers))


def failed_in_stream(endpoint: Endpoint, model: str, error: Any) -> ProviderError:
    """The error for an error object within an answer of status 200."""
    words = _words(endpoint, error)
    return _by_status(endpoint, model, words.status or 500, words, None)


def _by_status(endpoint: Endpoint, model: str, status: int, words: _Words, after: float | None) -> ProviderError:
    name = endpoint.provider
    said = f" ({status}): {words.text}" if words.text else f" ({status})."
    everything = f"{words.code} {words.text}"
    too_large = status == 413 and endpoint.wire == "messages"
    if too_large or (status in (400, 413, 422, 500) and re.search(_CONTEXT, everything)):
        return ContextTooLong(f"The conversation does not fit {model!r}{said}", status=status, limit=_limit(words.text))
    if status in (400, 403, 422) and re.search(_REFUSED, everything):
        return ContentRefused(
            f"{name} refused the request: its content filter found something{said}",
            remedy="Say it differently, or use another model.",
            status=status,
        )
    if status in (402, 429) or (status in (400, 403) and re.search(_QUOTA, everything)):
        exhausted = status == 402 or re.search(_QUOTA, everything)
        remedy = "The account has no credit left, or has reached a limit of its own." if exhausted else ""
        return RateLimited(f"{name} limits requests{said}", remedy=remedy, status=status, retry_after=after)
    if status in (401, 403):
        return AuthFailed(f"{name} did not accept the key{said}", remedy=_key_remedy(endpoint), status=status)
    if status == 404 and "model" in everything.lower():
        remedy = f"See `hermes model list {name}` for those it has."
        return BadRequest(f"{name} has no model {model!r}{said}", remedy=remedy, status=status)
    if status == 404:
        mode = ", and api_mode, which says what is spoken there" if endpoint.section == "compatible" else ""
        return BadRequest(
            f"{_NOT_SPOKEN[endpoint.wire]} at {endpoint.base_url}{said}",
            remedy=f"Check {endpoint.address_name}, {_ADDRESS[endpoint.wire]}{mode}.",
            status=status,
        )
    if status in (408, 409, 425) or status >= 500:
        return Overloaded(f"{name} failed on its side{said}", status=status, retry_after=after)
    return BadRequest(f"{name} refused the request{said}", status=status)


def transport_failure(endpoint: Endpoint, error: BaseException, clock: Clock, *, partial: bool) -> ProviderError:
    """The error for what `httpcore2` raised, or `httpx2`, whose classes bear the same names, or the clock."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"TimeUp", "TimeoutException"}:
        return _too_slow(endpoint, kinds, clock, partial=partial)
    if "DecodingError" in kinds:
        return InvalidResponse(f"{endpoint.provider} sent an answer that cannot be unpacked.")
    reason = _reason(endpoint, error)
    if "ConnectError" not in kinds:
        return ConnectionLost(f"The connection to {endpoint.provider} broke: {reason}.", partial=partial)
    return ConnectionLost(
        f"{endpoint.base_url} cannot be reached: {reason}.", remedy=_is_it_running(endpoint), partial=partial
    )


def _too_slow(endpoint: Endpoint, kinds: set[str], clock: Clock, *, partial: bool) -> ConnectionLost:
    """The error for a stage that took too long, or for the whole answer."""
    name = endpoint.provider
    if "TimeUp" in kinds:
        return ConnectionLost(f"The answer of {name} was not complete within {clock.whole:g} s.", partial=partial)
    if kinds & {"ConnectTimeout", "PoolTimeout"}:
        text = f"{endpoint.base_url} did not accept a connection within {clock.connect:g} s."
        remedy = _is_it_running(endpoint) or _setting(endpoint, "connect", clock)
        return ConnectionLost(text, remedy=remedy, partial=partial)
    if "WriteTimeout" in kinds:
        text = f"{name} took no more of the request for {clock.write:g} s."
        return ConnectionLost(text, remedy=_setting(endpoint, "write", clock), partial=partial)
    where = "in the midst of its answer" if clock.answering else "before its answer began"
    return ConnectionLost(
        f"{name} was silent for {clock.read:g} s {where}.", remedy=_setting(endpoint, "read", clock), partial=partial
    )


def _setting(endpoint: Endpoint, stage: str, clock: Clock) -> str:
    section = "resilience" if clock.is_own(stage) else endpoint.section
    return f"{section}.{stage}_timeout sets the limit."


def _is_it_running(endpoint: Endpoint) -> str:
    return f"Is the server running? See {endpoint.key_url}." if not endpoint.key and endpoint.key_url else ""


def _reason(endpoint: Endpoint, error: BaseException) -> str:
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
        remedy=f"Check {endpoint.address_name} and any proxy on the way.",
    )


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
