"""Failed requests as the host's errors, in addition to what `hermes_compatible.failures` knows of all vendors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from hermes_compatible.failures import failed_answer, failed_in_stream, without_secrets

from hermes_host.errors import BadRequest, ConnectionLost, ContentRefused, Overloaded, ProviderError, RateLimited

if TYPE_CHECKING:
    import httpx2

    from hermes_openai.endpoint import Access

__all__ = ["failed_response", "request_failure"]

_REFUSALS = frozenset(
    {"invalid_prompt", "bio_policy", "cyber_policy", "misalignment_policy_violation", "image_content_policy_violation"}
)
_STATUS_BY_CODE = {"vector_store_timeout": 504, "data_residency_mismatch": 400, "invalid_encrypted_content": 400}
_REMEDIES = (
    (r"reasoning summar|verified to generate reasoning", "Set `openai.reasoning_summary: off`, or verify it."),
    (
        r"invalid_encrypted_content|content .{0,80}could not be verified",
        "Begin a new session: thoughts of this one were made with another account or model.",
    ),
    (
        r"(?i)reasoning input items can only be",
        "This model does not think, and its name does not say so: name its model in `azure.deployments`, "
        "or begin a new session.",
    ),
)
_WAIT = r"try again in ([0-9.]+) ?(ms|s|m)\b"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_SHOWN = 300


def request_failure(access: Access, model: str, error: Exception, *, path: str, partial: bool) -> ProviderError:
    """The error for what the SDK or one of its layers raised."""
    import openai

    if isinstance(error, openai.APIStatusError):
        response = error.response
        return _status_failure(access, model, path, response.status_code, response.headers, response.content)
    return _transport_failure(access, error, partial=partial)


def failed_response(access: Access, model: str, error: Any) -> ProviderError:
    """The error for an error object within an answer of status 200."""
    words: dict[str, Any] = dict(error) if isinstance(error, dict) else {"message": error or "It did not say why."}
    code = str(words.get("code") or words.get("type") or "")
    text = without_secrets(access.endpoint, str(words.get("message") or ""))[:_SHOWN]
    if code in _REFUSALS:
        return ContentRefused(
            f"{access.endpoint.provider} refused the request ({code}): {text}",
            remedy="Say it differently, or use another model.",
        )
    if code.startswith(("image_", "invalid_image", "invalid_base64_image", "empty_image", "unsupported_image")):
        return BadRequest(f"{access.endpoint.provider} cannot use an image of the request ({code}): {text}", status=400)
    status = words.get("status")
    if not isinstance(status, int):
        words["status"] = _STATUS_BY_CODE.get(code)
    return _said_when(failed_in_stream(access.endpoint, model, words), text)


def _status_failure(access: Access, model: str, path: str, status: int, headers: Any, body: bytes) -> ProviderError:
    endpoint = access.endpoint
    text = body[:4096].decode("utf-8", "replace")
    code = _code(body)
    if code in _REFUSALS:
        return failed_response(access, model, _error(body))
    if (
        status == 404
        and path.endswith("/responses")
        and "model" not in text.lower()
        and "deployment" not in text.lower()
    ):
        section = "azure" if endpoint.provider == "azure" else "openai"
        return BadRequest(
            f"There is no Responses API at {endpoint.base_url} (404).",
            remedy=f"Check the address, or set `{section}.api: chat`.",
            status=404,
        )
    if status == 404 and "deploymentnotfound" in text.lower().replace(" ", ""):
        return BadRequest(
            f"azure has no deployment {model!r} (404).",
            remedy="Use a deployment's name as the model, or map it in `azure.deployments`.",
            status=404,
        )
    failure = failed_answer(endpoint, model, status, headers, body)
    if isinstance(failure, BadRequest) and not failure.remedy:
        failure.remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, text)), "")
    return _said_when(failure, text)


def _said_when(failure: ProviderError, text: str) -> ProviderError:
    """The failure with the time to wait that stands in its words, where no header gave it."""
    if isinstance(failure, RateLimited | Overloaded) and failure.retry_after is None:
        found = re.search(_WAIT, text)
        if found:
            failure.retry_after = float(found[1].strip(".") or 0) * _SECONDS[found[2]]
    return failure


def _error(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return value.get("error") if isinstance(value, dict) else None


def _code(body: bytes) -> str:
    error = _error(body)
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def _transport_failure(access: Access, error: Exception, *, partial: bool) -> ProviderError:
    import httpx2

    endpoint = access.endpoint
    cause: BaseException = error
    while not isinstance(cause, httpx2.RequestError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return ConnectionLost(
            f"{endpoint.base_url} did not accept a connection within {_limit(cause, 'connect'):g} s.", partial=partial
        )
    if isinstance(cause, httpx2.WriteTimeout):
        limit = _limit(cause, "write")
        return ConnectionLost(
            f"{endpoint.provider} took no more of the request for {limit:g} s.",
            remedy=_setting("write_timeout", limit, endpoint.write_timeout),
            partial=partial,
        )
    if isinstance(cause, httpx2.TimeoutException):
        limit = _limit(cause, "read")
        return ConnectionLost(
            f"{endpoint.provider} was silent for {limit:g} s.",
            remedy=_setting("read_timeout", limit, endpoint.read_timeout),
            partial=partial,
        )
    reason = _reason(access, cause)
    if isinstance(cause, httpx2.ConnectError):
        return ConnectionLost(f"{endpoint.base_url} cannot be reached: {reason}.", partial=partial)
    return ConnectionLost(f"The connection to {endpoint.provider} broke: {reason}.", partial=partial)


def _limit(error: httpx2.RequestError, stage: str) -> float:
    """The seconds that the failed request allowed for a stage."""
    return float(error.request.extensions.get("timeout", {}).get(stage) or 0.0)


def _setting(name: str, limit: float, own: float) -> str:
    """What sets a limit: the plugin's setting, where the request did not bring a shorter or longer one."""
    return (
        f"openai.{name} sets the limit." if limit == own else f"The request's own limit, as resilience.{name} sets it."
    )


def _reason(access: Access, error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return without_secrets(access.endpoint, str(cause or type(error).__name__)).rstrip(".")[:_SHOWN]
