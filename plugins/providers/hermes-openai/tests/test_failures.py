"""Failures are raised as the right class, in one readable sentence, and without secrets."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    Overloaded,
    ProviderError,
    RateLimited,
    Unsupported,
)
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
from hermes_host.testing.model_server_responses import failure, html_page, responses

Make = Callable[..., Any]
KEY = "sk-test-0123456789abcdef"


async def failed(make: Make, ask: Any, answer: Any, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(await make(answer, **more))
    return caught.value


@pytest.mark.parametrize("api", ["responses", "chat"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(400, "no"), BadRequest),
        (failure(401, "no"), AuthFailed),
        (failure(403, "no"), AuthFailed),
        (failure(403, "Your country is not supported", code="unsupported_country_region_territory"), AuthFailed),
        (failure(404, "The model `x` does not exist"), BadRequest),
        (failure(429, "no"), RateLimited),
        (failure(429, "You exceeded your current quota", code="insufficient_quota"), RateLimited),
        (failure(500, "no"), Overloaded),
        (failure(502, "no"), Overloaded),
        (failure(503, "no"), Overloaded),
        (failure(529, "no"), Overloaded),
        (failure(400, "no", code="content_filter"), ContentRefused),
        (failure(400, "Invalid prompt", code="invalid_prompt"), ContentRefused),
        (html_page("Bad gateway", status=502), Overloaded),
        (Answer(status=500, framing="length"), Overloaded),
        (Answer(status=307, headers={"location": "http://127.0.0.1:9/v1"}, framing="length"), BadRequest),
    ],
)
async def test_a_status_is_raised_as_its_class_and_asked_once(
    make: Make, ask: Any, server: ModelServer, answer: Answer, kind: type[ProviderError], api: str
) -> None:
    error = await failed(make, ask, answer, api=api)
    assert type(error) is kind
    assert len(server.requests) == 1
    if error.status:
        assert error.status == answer.status


@pytest.mark.parametrize(
    ("message", "code", "limit"),
    [
        (
            "Your input exceeds the context window of this model. Please adjust your input.",
            "context_length_exceeded",
            0,
        ),
        ("This model's maximum context length is 128000 tokens. However, …", "context_length_exceeded", 128000),
        ("no words at all", "context_length_exceeded", 0),
    ],
)
async def test_a_full_context_is_recognised_with_its_limit(
    make: Make, ask: Any, message: str, code: str, limit: int
) -> None:
    error = await failed(make, ask, failure(400, message, code=code, param="input"))
    assert isinstance(error, ContextTooLong) and error.limit == limit


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "2"}, "no", 2.0),
        ({"retry-after-ms": "350"}, "no", 0.35),
        ({}, "Rate limit reached. Please try again in 20s.", 20.0),
        ({}, "Please try again in 6m.", 360.0),
        ({}, "no", None),
    ],
)
async def test_the_time_to_wait_is_read(
    make: Make, ask: Any, headers: Any, message: str, seconds: float | None
) -> None:
    error = await failed(make, ask, failure(429, message, headers=headers))
    assert isinstance(error, RateLimited) and error.retry_after == seconds


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (failure(401, "no"), "hermes config set OPENAI_API_KEY"),
        (failure(404, "The model `x` does not exist"), "hermes model list"),
        (failure(404, "Not Found", code="not_found"), "openai.api: chat"),
        (Answer(status=404, pieces=[b"404 page not found"], framing="length"), "openai.api: chat"),
        (failure(400, "Your organization must be verified to generate reasoning summaries."), "reasoning_summary: off"),
        (failure(400, "The encrypted content could not be verified.", code="invalid_encrypted_content"), "new session"),
        (failure(400, "Reasoning input items can only be provided to a reasoning model."), "azure.deployments"),
    ],
)
async def test_a_failure_says_what_to_do(make: Make, ask: Any, answer: Answer, remedy: str) -> None:
    assert remedy in str(await failed(make, ask, answer))


async def test_a_missing_deployment_says_so(make: Make, ask: Any) -> None:
    answer = failure(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")
    error = await failed(make, ask, answer, provider="azure")
    assert "no deployment 'test-model'" in str(error) and "azure.deployments" in str(error)


async def test_azure_s_filter_is_a_refusal(make: Make, ask: Any) -> None:
    body = {
        "error": {
            "code": "content_filter",
            "message": "The response was filtered: the prompt triggered Azure OpenAI's content management policy.",
            "innererror": {"code": "ResponsibleAIPolicyViolation"},
        }
    }
    assert isinstance(await failed(make, ask, json_answer(body, status=400)), ContentRefused)


async def test_the_key_is_in_no_error(make: Make, ask: Any) -> None:
    for answer in (failure(401, f"Incorrect key: {KEY}"), failure(400, f"{KEY} is bad"), html_page(KEY)):
        assert KEY not in str(await failed(make, ask, answer))


async def test_a_cut_error_body_is_a_lost_connection(make: Make, ask: Any) -> None:
    answer = Answer(status=500, pieces=[b'{"error": {"mess', Pause.CUT])
    assert isinstance(await failed(make, ask, answer), ConnectionLost)


async def test_an_address_where_nobody_listens_is_named(make: Make, ask: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        error = await failed(make, ask, responses("x"), base_url=address)
    assert isinstance(error, ConnectionLost) and not error.partial
    assert address in str(error) and "cannot be reached" in str(error)


# ------------------------------------------------------------------------------------------------------------- models


async def test_models_are_listed_with_those_for_chat_first(make: Make, server: ModelServer) -> None:
    provider = await make()
    async with ModelServer(models=["text-embedding-3-small", "gpt-5.4", "o3"]) as other:
        listing = await make(base_url=other.url)
        assert [model.id for model in await listing.models()] == ["gpt-5.4", "o3", "text-embedding-3-small"]
        assert other.lookups[0].headers["authorization"] == f"Bearer {KEY}"
    assert [model.id for model in await provider.models()] == ["test-model"]


async def test_azure_lists_the_deployments_the_user_named(make: Make) -> None:
    named = await make(provider="azure", deployments={"fast": "gpt-5.4-mini", "deep": "gpt-6-astra"})
    assert [model.id for model in await named.models()] == ["fast", "deep"]
    with pytest.raises(Unsupported, match=r"azure\.deployments"):
        await (await make(provider="azure")).models()


@pytest.mark.parametrize("page", [failure(401, "no"), html_page()])
async def test_a_list_of_models_that_cannot_be_had_is_an_error(make: Make, page: Answer) -> None:
    async with ModelServer(models=page) as other:
        with pytest.raises(ProviderError):
            await (await make(base_url=other.url)).models()
