"""Answers in the Responses format are what the vendor's own SDK takes for the vendor's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseReasoningItem

from hermes_host.messages import Reasoning, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import ModelServer, Pause
from hermes_host.testing.model_server_responses import (
    call_item,
    echo,
    encrypted,
    error_event,
    events,
    failed,
    failure,
    html_page,
    message_item,
    reasoning_item,
    response,
    responses,
)
from hermes_host.testing.model_server_responses_events import (
    arguments_delta,
    arguments_done,
    item_added,
    item_done,
    item_events,
    refusal_delta,
    summary_delta,
    text_delta,
)

USAGE = Usage(input=100, output=20, cached=60, cache_write=10, reasoning=5)
PARTS = (
    Reasoning(text="Let me think."),
    "Grüße, 世界 🙂",
    ToolCall(id="call_a", name="look", arguments={"path": "ä"}),
    ToolCall(id="call_b", name="look", arguments={"path": "b"}),
)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def sdk(server: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=server.url, api_key="sk-test-0123456789", max_retries=0, _strict_response_validation=True
    ) as sdk:
        yield sdk


def script(server: ModelServer, *steps: Any) -> None:
    assert server.script is not None
    server.script.extend(steps)


async def streamed(sdk: openai.AsyncOpenAI) -> tuple[list[Any], Response]:
    async with sdk.responses.stream(model="m", input="Hello") as stream:
        seen = [event async for event in stream]
        return seen, await stream.get_final_response()


def assert_whole(answer: Response) -> None:
    thought, message, *calls = answer.output
    assert isinstance(thought, ResponseReasoningItem)
    assert thought.summary[0].text == "Let me think."
    assert thought.encrypted_content == encrypted("Let me think.")
    assert answer.output_text == "Grüße, 世界 🙂"
    assert [(call.call_id, call.arguments) for call in calls if isinstance(call, ResponseFunctionToolCall)] == [
        ("call_a", '{"path":"ä"}'),
        ("call_b", '{"path":"b"}'),
    ]
    assert answer.status == "completed" and answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (100, 20, 120)
    details = answer.usage.input_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (60, 10)
    assert answer.usage.output_tokens_details.reasoning_tokens == 5


async def test_a_whole_answer_is_read_by_the_sdk(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    script(server, responses(*PARTS, usage=USAGE))
    assert_whole(await sdk.responses.create(model="m", input="Hello"))


@pytest.mark.parametrize("pieces", [1, 3, 40])
async def test_a_stream_gives_the_same_answer_in_as_many_deltas_as_asked(
    server: ModelServer, sdk: openai.AsyncOpenAI, pieces: int
) -> None:
    script(server, responses(*PARTS, usage=USAGE, pieces=pieces))
    seen, final = await streamed(sdk)
    assert_whole(final)
    deltas = [event.delta for event in seen if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "Grüße, 世界 🙂" and len(deltas) == min(pieces, 11)
    assert [event.sequence_number for event in seen if hasattr(event, "sequence_number")] == sorted(
        {event.sequence_number for event in seen if hasattr(event, "sequence_number")}
    )


@pytest.mark.parametrize(
    ("stop_reason", "status", "reason"),
    [
        ("length", "incomplete", "max_output_tokens"),
        ("refused", "incomplete", "content_filter"),
        ("end", "completed", None),
    ],
)
async def test_an_answer_is_incomplete_for_the_reason_given(
    server: ModelServer, sdk: openai.AsyncOpenAI, stop_reason: str, status: str, reason: str | None
) -> None:
    script(server, responses("half", stop_reason=stop_reason), responses("half", stop_reason=stop_reason))
    whole = await sdk.responses.create(model="m", input="x")
    stream = await sdk.responses.create(model="m", input="x", stream=True)
    last: Any = [event async for event in stream][-1]
    assert last.type == f"response.{status}"
    for answer in (whole, last.response):
        assert answer.status == status
        assert (answer.incomplete_details and answer.incomplete_details.reason) == reason


async def test_refusals_and_phases_have_their_place_in_a_message(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    item = message_item("I see.", refusal="I cannot.", phase="final_answer")
    stream = events(
        item_added(item),
        text_delta("I see."),
        refusal_delta("I cannot.", content_index=1),
        item_done(item),
        {"type": "response.completed", "response": response(item)},
    )
    script(server, stream)
    seen = [event async for event in await sdk.responses.create(model="m", input="x", stream=True)]
    assert [event.type.rpartition("response.")[2] for event in seen] == [
        *("output_item.added", "output_text.delta", "refusal.delta", "output_item.done", "completed")
    ]
    message: Any = seen[-2]
    assert message.item.phase == "final_answer"
    assert [part.type for part in message.item.content] == ["output_text", "refusal"]


async def test_single_events_are_what_the_sdk_calls_them(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    call, thought = call_item("look", '{"a":1}'), reasoning_item("a", "b")
    stream = events(
        *(item_added(thought), summary_delta("a"), summary_delta("b", summary_index=1), item_done(thought)),
        *(item_added(call, 1), arguments_delta('{"a"', 1), arguments_delta(":1}", 1)),
        *(arguments_done('{"a":1}', 1, name="look"), item_done(call, 1)),
        {"type": "response.completed", "response": response(thought, call)},
    )
    script(server, stream)
    seen: list[Any] = [event async for event in await sdk.responses.create(model="m", input="x", stream=True)]
    assert [(event.summary_index, event.delta) for event in seen if hasattr(event, "summary_index")] == [
        (0, "a"),
        (1, "b"),
    ]
    assert "".join(event.delta for event in seen if event.type.endswith("arguments.delta")) == '{"a":1}'
    assert [event.sequence_number for event in seen] == list(range(len(seen)))


def test_items_can_be_told_apart_from_their_events() -> None:
    for item in (message_item("x"), reasoning_item("x"), call_item("look")):
        first, *between, last = item_events(item, 3, pieces=2)
        assert first["item"]["id"] == item["id"] and last["item"] == item
        assert {event["output_index"] for event in (first, *between, last)} == {3}
    assert "encrypted_content" not in reasoning_item("x", hidden="")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, openai.BadRequestError, None),
        (401, openai.AuthenticationError, "invalid_api_key"),
        (403, openai.PermissionDeniedError, None),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "server_error"),
        (529, openai.InternalServerError, None),
    ],
)
async def test_errors_are_raised_by_the_sdk_as_the_vendor_s(
    server: ModelServer,
    sdk: openai.AsyncOpenAI,
    status: int,
    error: type[openai.APIStatusError],
    code: str | None,
) -> None:
    script(server, failure(status, "because", headers={"retry-after": "3"}))
    with pytest.raises(error) as caught:
        await sdk.responses.create(model="m", input="x")
    assert caught.value.code == code and "because" in caught.value.message
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.request_id == "req_test"


async def test_a_failed_answer_ends_the_stream(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    script(server, failed("server_error", "oops"), events(error_event("server_error", "oops")))
    seen: list[Any] = [event async for event in await sdk.responses.create(model="m", input="x", stream=True)]
    assert seen[-1].type == "response.failed" and seen[-1].response.error.message == "oops"
    (event,) = [event async for event in await sdk.responses.create(model="m", input="x", stream=True)]
    assert event.type == "error" and event.code == "server_error"


async def test_a_nested_error_is_raised_by_the_sdk(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    script(server, events(error_event("server_error", "oops", nested=True)))
    with pytest.raises(openai.APIError, match="oops"):
        async for _ in await sdk.responses.create(model="m", input="x", stream=True):
            pass


async def test_a_page_is_no_answer(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    script(server, html_page())
    with pytest.raises(openai.APIResponseValidationError):
        await sdk.responses.create(model="m", input="x")


async def test_streams_stall_and_break_where_it_was_said(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    begun = (item_added(message_item("")), text_delta("x"))
    script(server, events(*begun, Pause.CUT), events(*begun, Pause.HOLD))
    with pytest.raises(openai.APIConnectionError):
        async for _ in await sdk.responses.create(model="m", input="x", stream=True):
            pass
    async with asyncio.timeout(5):
        stream = await sdk.responses.create(model="m", input="x", stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                break
        await server.holding.wait()
        await stream.close()
        await server.requests[-1].gone.wait()


async def test_echo_says_the_last_user_message_again(sdk: openai.AsyncOpenAI, server: ModelServer) -> None:
    script(server, echo, echo)
    said: list[Any] = ["one", [{"type": "input_text", "text": "two"}]]
    for content in said:
        answer = await sdk.responses.create(model="m", input=[{"role": "user", "content": content}])
        assert answer.output_text == ("one" if content == "one" else "two")
