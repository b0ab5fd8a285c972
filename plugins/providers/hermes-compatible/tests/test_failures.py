"""Failures are raised as the right class, in one readable sentence, and without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from hermes_compatible.provider import CompatibleProvider
from hermes_compatible.waiting import retry_after

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    Overloaded,
    ProviderError,
    RateLimited,
)
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
from hermes_host.testing.model_server_chat import chunk, events, failure

Make = Callable[..., CompatibleProvider]
KEY = "sk-test-0123456789abcdef"


async def failed(make: Make, ask: Any, answer: Any, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(make(answer, **more))
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(401, "no"), AuthFailed),
        (failure(403, "no"), AuthFailed),
        (failure(429, "no"), RateLimited),
        (failure(402, "Insufficient credits"), RateLimited),
        (failure(400, "no"), BadRequest),
        (failure(413, "Payload too large"), BadRequest),
        (failure(422, "no"), BadRequest),
        (failure(404, "The model `x` does not exist", code="model_not_found"), BadRequest),
        (failure(405, "no"), BadRequest),
        (failure(408, "no"), Overloaded),
        (failure(500, "no"), Overloaded),
        (failure(502, "no"), Overloaded),
        (failure(503, "no"), Overloaded),
        (failure(529, "no"), Overloaded),
        (failure(400, "no", code="content_filter"), ContentRefused),
        (failure(400, "Output data may contain inappropriate content.", code="data_inspection_failed"), ContentRefused),
    ],
)
async def test_a_status_is_raised_as_its_class(make: Make, ask: Any, answer: Answer, kind: type[ProviderError]) -> None:
    error = await failed(make, ask, answer)
    assert type(error) is kind
    assert error.status == answer.status
    assert str(answer.status) in str(error)


@pytest.mark.parametrize(
    ("status", "message", "code", "limit"),
    [
        (400, "This model's maximum context length is 8192 tokens. However, …", "context_length_exceeded", 8192),
        (
            400,
            "This endpoint's maximum context length is 200000 tokens. However, you requested about 210123",
            None,
            200000,
        ),
        (400, "prompt is too long: 208310 tokens > 200000 maximum", None, 200000),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed", None, 0),
        (400, "Input is too long for requested model.", None, 0),
        (413, "Request too large: reduce the context length", None, 0),
        (422, "maximum context length exceeded", None, 0),
        (400, "the request exceeds the available context size (4096 tokens)", "exceed_context_size_error", 4096),
        (500, "Context size has been exceeded.", None, 0),
    ],
)
async def test_a_full_context_is_recognised_with_its_limit(
    make: Make, ask: Any, status: int, message: str, code: str | None, limit: int
) -> None:
    error = await failed(make, ask, failure(status, message, code=code))
    assert isinstance(error, ContextTooLong)
    assert error.limit == limit


async def test_a_missing_model_names_the_command_that_lists_them(make: Make, ask: Any) -> None:
    error = await failed(make, ask, failure(404, "The model `x` does not exist"))
    assert "hermes model list" in str(error) and "'test-model'" in str(error)


async def test_a_wrong_address_says_so(make: Make, ask: Any, server: ModelServer) -> None:
    error = await failed(make, ask, Answer(status=404, pieces=[b"404 page not found"], framing="length"))
    assert server.url in str(error) and "base URL" in str(error)


async def test_a_refused_key_names_variable_and_command(make: Make, ask: Any) -> None:
    error = await failed(make, ask, failure(401, "no"), key_name="ACME_API_KEY", key_url="https://acme.example/keys")
    assert "hermes config set ACME_API_KEY" in str(error) and "https://acme.example/keys" in str(error)


# -------------------------------------------------------------------------------------------------- retry-after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


async def test_a_date_is_a_time_from_now(make: Make, ask: Any) -> None:
    headers = {"Retry-After": formatdate(time.time() + 100, usegmt=True)}
    for status in (429, 503):
        error: Any = await failed(make, ask, failure(status, "no", headers=headers))
        assert 90 < error.retry_after <= 100


# --------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the reason"}},
        {"error": "the reason"},
        {"message": "the reason"},
        {"detail": "the reason"},
        {"detail": [{"msg": "the reason"}]},
        {"error": {"message": "Provider returned error", "metadata": {"raw": "the reason"}}},
        [{"error": {"message": "the reason"}}],
    ],
)
async def test_the_vendor_s_own_words_are_shown(make: Make, ask: Any, body: Any) -> None:
    assert "the reason" in str(await failed(make, ask, json_answer(body, status=400)))


async def test_a_proxy_s_page_is_shown_as_its_text(make: Make, ask: Any) -> None:
    page = b"<html><head><style>b{}</style></head><body><h1>502 Bad\n Gateway</h1></body></html>"
    error = await failed(make, ask, Answer(status=502, pieces=[page], headers={"content-type": "text/html"}))
    assert isinstance(error, Overloaded)
    assert "502 Bad Gateway" in str(error) and "<" not in str(error) and "b{}" not in str(error)


async def test_long_words_are_cut(make: Make, ask: Any) -> None:
    error = await failed(make, ask, failure(400, "long " * 1000))
    assert len(str(error)) < 400


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize(
    "text",
    [f"key {KEY} is bad", "key sk-proj-AbCdEf123456 is bad", "Bearer abcdef is bad", "AIzaSyA1234567890abcdefghijklmn"],
)
async def test_no_key_is_repeated(make: Make, ask: Any, status: int, text: str) -> None:
    error = await failed(make, ask, failure(status, text))
    assert "[secret]" in str(error)
    for secret in (KEY, "AbCdEf123456", "abcdef is", "A1234567890"):
        assert secret not in str(error) + repr(error)


async def test_extra_headers_are_not_repeated(make: Make, ask: Any) -> None:
    error = await failed(make, ask, failure(400, "bad: team-secret-1"), headers={"x-team": "team-secret-1"})
    assert "team-secret-1" not in str(error)


async def test_a_page_in_place_of_an_answer_hides_keys_too(make: Make, ask: Any) -> None:
    error = await failed(make, ask, Answer(pieces=[f"<p>{KEY}</p>".encode()]))
    assert KEY not in str(error)


# ------------------------------------------------------------------------------------------------------ transport


async def test_a_redirect_is_not_followed(make: Make, ask: Any, server: ModelServer) -> None:
    async with ModelServer([failure(400, "reached")]) as other:
        for status in (301, 302, 307, 308):
            answer = Answer(status=status, headers={"location": f"{other.url}/chat/completions"}, framing="length")
            error = await failed(make, ask, answer)
            assert isinstance(error, BadRequest) and "redirect" in str(error)
        assert other.requests == []


async def test_a_server_that_is_not_there_is_a_lost_connection(make: Make, ask: Any) -> None:
    async with ModelServer() as gone:
        address = gone.url
    from hermes_compatible.endpoint import Endpoint

    provider = CompatibleProvider(Endpoint(provider="acme", base_url=address, key_url="https://acme.example/start"))
    with pytest.raises(ConnectionLost, match="cannot be reached") as lost:
        await ask(provider)
    assert address in str(lost.value) and "https://acme.example/start" in str(lost.value)
    assert not lost.value.partial
    with pytest.raises(ConnectionLost):
        await provider.models()


@pytest.mark.parametrize("began", [False, True])
async def test_silence_beyond_the_read_timeout_is_a_lost_connection(make: Make, ask: Any, began: bool) -> None:
    pieces = [chunk({"content": "x"})] if began else []
    error = await failed(make, ask, events(*pieces, Pause.HOLD), read_timeout=0.1)
    assert isinstance(error, ConnectionLost)
    assert error.partial is began
    assert "compatible.read_timeout" in str(error)


async def test_silence_before_the_status_line_is_a_lost_connection(make: Make, ask: Any) -> None:
    error = await failed(make, ask, Answer(hold_first=True), read_timeout=0.1)
    assert isinstance(error, ConnectionLost) and not error.partial


async def test_the_request_s_own_time_is_kept(make: Make, ask: Any) -> None:
    provider = make(events(chunk({"content": "x"}), Pause.HOLD))
    begun = time.monotonic()
    with pytest.raises(ConnectionLost):
        await ask(provider, timeout=0.2)
    assert time.monotonic() - begun < 5


async def test_a_connection_that_is_closed_before_an_answer_is_lost(make: Make, ask: Any) -> None:
    async def hang_up(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    import asyncio

    from hermes_compatible.endpoint import Endpoint

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        with pytest.raises(ConnectionLost):
            await ask(CompatibleProvider(Endpoint(provider="acme", base_url=f"http://127.0.0.1:{port}")))
