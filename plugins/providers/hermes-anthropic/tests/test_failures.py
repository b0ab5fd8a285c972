"""Failed requests become the host's errors, with what to do next and without the key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hermes_anthropic.endpoint import Endpoint
from hermes_anthropic.provider import AnthropicProvider

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
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import fold
from hermes_host.testing.model_server import Answer, ModelServer, json_answer
from hermes_host.testing.model_server_messages import failure, html_page, models

Make = Callable[..., AnthropicProvider]

KEY = "sk-ant-test-0123456789abcdef"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure(400, "messages.0: bad"), BadRequest),
        (failure(400, "prompt is too long: 9001 tokens > 8192 maximum"), ContextTooLong),
        (failure(400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"), ContextTooLong),
        (failure(400, "Output blocked by content filtering policy"), ContentRefused),
        (failure(400, "Your credit balance is too low to access the Anthropic API."), RateLimited),
        (failure(401, "invalid x-api-key"), AuthFailed),
        (failure(402, "Payment required"), RateLimited),
        (failure(403, "Your API key does not have permission"), AuthFailed),
        (failure(404, "model: claude-opus-99"), BadRequest),
        (failure(413, "Request exceeds the maximum size"), ContextTooLong),
        (failure(429, "Number of request tokens has exceeded your rate limit"), RateLimited),
        (failure(500, "Internal server error"), Overloaded),
        (failure(503, "upstream connect error"), Overloaded),
        (failure(529, "Overloaded"), Overloaded),
        (html_page(502, "Bad gateway"), Overloaded),
        (html_page(413, "Too large"), ContextTooLong),
    ],
)
async def test_each_answer_has_its_error(make: Make, ask: Any, answer: Answer, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(make(answer))
    assert type(caught.value) is error
    assert caught.value.status == answer.status


async def test_nothing_is_sent_twice(make: Make, ask: Any, server: ModelServer) -> None:
    with pytest.raises(Overloaded):
        await ask(make(failure(529, headers={"retry-after": "0", "x-should-retry": "true"}), failure(500)))
    assert len(server.requests) == 1


async def test_the_limit_of_the_model_is_read_from_the_words(make: Make, ask: Any) -> None:
    with pytest.raises(ContextTooLong) as caught:
        await ask(make(failure(400, "prompt is too long: 209001 tokens > 200000 maximum")))
    assert caught.value.limit == 200_000


async def test_the_time_to_wait_is_told(make: Make, ask: Any) -> None:
    with pytest.raises(Overloaded) as caught:
        await ask(make(failure(529, headers={"retry-after": "7"})))
    assert caught.value.retry_after == 7.0


async def test_a_key_never_shows_and_the_request_id_does(make: Make, ask: Any) -> None:
    with pytest.raises(AuthFailed) as caught:
        await ask(make(failure(401, f"invalid key {KEY} or sk-ant-other-99999999")))
    text = str(caught.value)
    assert KEY not in text and "sk-ant" not in text and "req_test" in text
    assert "hermes config set ANTHROPIC_API_KEY" in text


async def test_an_unknown_model_and_a_wrong_address_are_told_apart(make: Make, ask: Any) -> None:
    with pytest.raises(BadRequest, match="no model 'claude-opus-99'"):
        await ask(make(failure(404, "model: claude-opus-99")), model="claude-opus-99")
    with pytest.raises(BadRequest, match="no Messages API"):
        await ask(make(html_page(404, "Not found")))


async def test_a_redirect_is_not_followed(make: Make, ask: Any, server: ModelServer) -> None:
    with pytest.raises(BadRequest, match="redirects"):
        await ask(make(json_answer({}, status=307, headers={"location": "http://127.0.0.1:1/v1/messages"})))
    assert len(server.requests) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    provider = AnthropicProvider(Endpoint(base_url="http://127.0.0.1:1", key=KEY))
    with pytest.raises(ConnectionLost, match=r"http://127\.0\.0\.1:1 cannot be reached") as caught:
        await fold(provider.stream(ModelRequest(model="m", messages=[user_message("x")])))
    assert not caught.value.partial
    await provider.aclose()


# ----------------------------------------------------------------------------------------------------------- models


async def test_models_have_their_names_and_limits(make: Make) -> None:
    first, second = await make().models()
    assert (first.id, first.name) == ("claude-sonnet-5-5", "Claude Sonnet 5 5")
    assert (first.context, first.max_output) == (1_000_000, 128_000)
    assert second.id == "claude-haiku-5-5"


async def test_a_gateway_may_list_no_more_than_ids() -> None:
    async with ModelServer(models=["only-an-id"]) as server:
        provider = AnthropicProvider(Endpoint(base_url=server.origin, key=KEY))
        assert [(model.id, model.context) for model in await provider.models()] == [("only-an-id", 0)]
        await provider.aclose()


async def test_all_pages_of_the_list_are_read() -> None:
    pages = {"/v1/models?after_id=b": models("c")}
    async with ModelServer(models=models("a", "b", more=True), pages=pages) as server:
        provider = AnthropicProvider(Endpoint(base_url=server.origin, key=KEY))
        assert [model.id for model in await provider.models()] == ["a", "b", "c"]
        await provider.aclose()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure(401, "invalid x-api-key"), AuthFailed),
        (failure(500), Overloaded),
        (html_page(), InvalidResponse),
        (Answer(pieces=[b"{not json"], framing="length"), InvalidResponse),
        (json_answer({"data": "none"}), InvalidResponse),
        (json_answer([1, 2]), InvalidResponse),
    ],
)
async def test_a_failed_list_is_an_error_of_the_host(answer: Answer, error: type[ProviderError]) -> None:
    async with ModelServer(models=answer) as server:
        provider = AnthropicProvider(Endpoint(base_url=server.origin, key=KEY))
        with pytest.raises(error):
            await provider.models()
        await provider.aclose()
