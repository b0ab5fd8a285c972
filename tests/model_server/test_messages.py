"""What the model server says the vendor's own SDK can read, and the rules it keeps are the vendor's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from hermes_host.messages import Reasoning, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import ModelServer, Pause
from hermes_host.testing.model_server_messages import (
    block_start,
    block_stop,
    echo,
    error_event,
    events,
    failure,
    html_page,
    message_delta,
    message_start,
    message_stop,
    messages,
    models,
    ping,
    text_block,
    thinking_block,
    tool_block,
)
from hermes_host.testing.model_server_messages_rules import breakpoints, redacted_data, signature_of, violation

USER: dict[str, Any] = {"role": "user", "content": "Hello there"}
ASK: dict[str, Any] = {"model": "claude-test", "max_tokens": 100, "messages": [USER]}
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(models=models("claude-a", "claude-b")) as server:
        yield server


@pytest.fixture
async def sdk(server: ModelServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=server.origin, api_key="sk-test-1234", max_retries=0) as sdk:
        yield sdk


PARTS = (
    Reasoning(text="Let me think"),
    Reasoning(text="secret", redacted=True),
    "Hello",
    ToolCall(id="toolu_1", name="look", arguments={"path": "a"}),
)


async def test_the_sdk_reads_an_answer_as_a_stream_or_in_one_piece(
    server: ModelServer, sdk: anthropic.AsyncAnthropic
) -> None:
    usage = Usage(input=100, output=20, cached=60, cache_write=10, reasoning=5)
    assert server.script is not None
    server.script += [messages(*PARTS, usage=usage)] * 2
    whole = await sdk.messages.create(**ASK)
    async with sdk.messages.stream(**ASK) as stream:
        streamed = await stream.get_final_message()
    for message in (whole, streamed):
        thinking, redacted, text, call = message.content
        assert thinking.type == "thinking" and thinking.thinking == "Let me think"
        assert thinking.signature == signature_of("Let me think")
        assert redacted.type == "redacted_thinking" and redacted.data == redacted_data("secret")
        assert text.type == "text" and text.text == "Hello"
        assert call.type == "tool_use" and (call.id, call.name, call.input) == ("toolu_1", "look", {"path": "a"})
        assert message.stop_reason == "tool_use" and message.model == "claude-test"
        counts = message.usage
        assert (counts.input_tokens, counts.cache_read_input_tokens, counts.cache_creation_input_tokens) == (30, 60, 10)
        assert counts.output_tokens == 20


async def test_events_come_with_their_names_in_the_vendors_order(
    server: ModelServer, sdk: anthropic.AsyncAnthropic
) -> None:
    assert server.script is not None
    server.script.append(messages("Hello", pieces=2))
    types = [event.type async for event in await sdk.messages.create(**ASK, stream=True)]
    assert types == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    (first, second, *_) = [bytes(piece) for piece in events(message_start(), ping()).pieces if isinstance(piece, bytes)]
    assert first.startswith(b"event: message_start\ndata: {") and first.endswith(b"}\n\n")
    assert second == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_names_and_newlines_may_be_as_proxies_have_them() -> None:
    answer = events(ping(), newline=b"\r\n", names=False)
    assert list(answer.pieces) == [b'data: {"type":"ping"}\r\n\r\n']


@pytest.mark.parametrize("pieces", [("{}",), ('{"a"', ":", "1}")])
async def test_input_comes_in_as_many_deltas_as_were_said(
    server: ModelServer, sdk: anthropic.AsyncAnthropic, pieces: tuple[str, ...]
) -> None:
    assert server.script is not None
    server.script.append(
        events(message_start(), tool_block(0, "t", "look", *pieces), message_delta("tool_use"), message_stop())
    )
    seen = [event async for event in await sdk.messages.create(**ASK, stream=True)]
    deltas = [event.delta for event in seen if event.type == "content_block_delta"]
    assert [delta.partial_json for delta in deltas if delta.type == "input_json_delta"] == ["", *pieces]


@pytest.mark.parametrize(
    ("reason", "wire"),
    [
        ("end", "end_turn"),
        ("length", "max_tokens"),
        ("refused", "refusal"),
        ("other", "pause_turn"),
        ("stop_sequence", "stop_sequence"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
async def test_every_stop_reason_can_be_said(
    server: ModelServer, sdk: anthropic.AsyncAnthropic, reason: str, wire: str
) -> None:
    assert server.script is not None
    server.script.append(messages("x", stop_reason=reason))
    assert (await sdk.messages.create(**ASK)).stop_reason == wire


@pytest.mark.parametrize(
    ("status", "error", "type"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_the_sdk_knows_the_errors(
    server: ModelServer, sdk: anthropic.AsyncAnthropic, status: int, error: type[anthropic.APIStatusError], type: str
) -> None:
    assert server.script is not None
    server.script.append(failure(status, "because", headers={"retry-after": "3"}))
    with pytest.raises(error) as caught:
        await sdk.messages.create(**ASK)
    assert caught.value.status_code == status and caught.value.type == type
    assert caught.value.request_id == "req_test" and caught.value.response.headers["retry-after"] == "3"


async def test_an_error_may_come_within_a_stream(server: ModelServer, sdk: anthropic.AsyncAnthropic) -> None:
    assert server.script is not None
    server.script.append(events(message_start(), text_block(0, "half"), error_event()))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        async for _ in await sdk.messages.create(**ASK, stream=True):
            pass


@pytest.mark.parametrize("bad", [b"data: {not json\n\n", b'event: x\ndata: {"a": "\xff"}\n\n', Pause.CUT, Pause.CLOSE])
async def test_what_is_not_an_answer_fails_in_the_sdk_too(
    server: ModelServer, sdk: anthropic.AsyncAnthropic, bad: bytes | Pause
) -> None:
    assert server.script is not None
    broken = b"event: message_start\n" + bad if isinstance(bad, bytes) and bad.startswith(b"data") else bad
    server.script.append(events(message_start(), broken))
    with pytest.raises(Exception, match=r"."):
        async for _ in await sdk.messages.create(**ASK, stream=True):
            pass


async def test_a_page_is_a_page(server: ModelServer, sdk: anthropic.AsyncAnthropic) -> None:
    assert server.script is not None
    server.script.append(html_page(502, "Bad gateway"))
    with pytest.raises(anthropic.InternalServerError, match="Bad gateway"):
        await sdk.messages.create(**ASK)


async def test_models_are_listed(sdk: anthropic.AsyncAnthropic) -> None:
    listed = [model async for model in sdk.models.list()]
    assert [(model.id, model.max_tokens) for model in listed] == [("claude-a", 128_000), ("claude-b", 128_000)]


async def test_echo_says_the_last_user_message_again() -> None:
    async with (
        ModelServer(echo) as server,
        anthropic.AsyncAnthropic(base_url=server.origin, api_key="sk-test-1234") as sdk,
    ):
        (block,) = (await sdk.messages.create(**ASK)).content
    assert block.type == "text" and block.text == "Hello there"


# ------------------------------------------------------------------------------------------------------------ rules


async def test_a_request_against_the_rules_is_refused_as_the_vendor_does(
    server: ModelServer, sdk: anthropic.AsyncAnthropic
) -> None:
    assert server.script is not None
    server.script += [messages("x"), messages("x", lenient=True)]
    wrong = {**ASK, "messages": [USER, USER]}
    with pytest.raises(anthropic.BadRequestError, match="roles must alternate"):
        await sdk.messages.create(**wrong)
    assert (await sdk.messages.create(**wrong)).stop_reason == "end_turn"


def call(id: str = "t1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "look", "input": {}, **more}


def result(id: str = "t1") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "found"}


def thinking(text: str = "hm", signature: str = "") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature or signature_of(text)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


TEXT = {"type": "text", "text": "x"}
THINKS = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    "body",
    [
        ASK,
        {**ASK, "system": [{**TEXT, **MARK}], "tools": [{**TOOL, **MARK}], "messages": [user({**TEXT, **MARK})]},
        {**ASK, "messages": [USER, assistant(thinking(), call()), user(result(), TEXT)], **THINKS},
        {**ASK, "messages": [USER, assistant({"type": "redacted_thinking", "data": redacted_data("x")}), USER]},
        {**ASK, "messages": [USER, assistant(TEXT, call("a"), call("b")), user(result("b"), result("a"))]},
        {**ASK, "messages": [USER, assistant(TEXT), USER], **THINKS},
    ],
)
def test_what_the_rules_allow_passes(body: dict[str, Any]) -> None:
    assert violation(body) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "greater than or equal to 1"),
        ({"model": None}, "model: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [assistant(TEXT), USER]}, "first message must use"),
        ({"messages": [USER, assistant(TEXT)]}, "prefill"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "Unexpected role"),
        ({"messages": [USER, assistant(TEXT), assistant(TEXT), USER]}, "roles must alternate"),
        ({"messages": [user()]}, "non-empty content"),
        ({"messages": [user({"type": "text", "text": " "})]}, "non-whitespace text"),
        ({"messages": [user({"type": "hologram"})]}, "does not match any of the expected tags"),
        ({"messages": [USER, assistant(call()), user(TEXT)]}, "without `tool_result` blocks immediately after: t1"),
        ({"messages": [USER, assistant(call()), user(TEXT, result())]}, "immediately after: t1"),
        ({"messages": [USER, assistant(call("a"), call("b")), user(result("a"))]}, "immediately after: b"),
        ({"messages": [user(result())]}, "unexpected `tool_use_id` found"),
        ({"messages": [USER, assistant(call()), user(result(), result())]}, "single result"),
        ({"messages": [USER, assistant(call(), call()), user(result())]}, "must be unique"),
        ({"messages": [USER, assistant(call("a:b")), user(result("a:b"))]}, "should match pattern"),
        ({"messages": [USER, assistant(call(input=None)), user(result())]}, "valid dictionary"),
        ({"messages": [user(call())]}, "only be in `assistant`"),
        ({"messages": [USER, assistant(thinking(signature="sig_of_another")), USER]}, "Invalid `signature`"),
        ({"messages": [USER, assistant({**thinking(), "thinking": "other"}), USER]}, "Invalid `signature`"),
        ({"messages": [USER, assistant({"type": "redacted_thinking", "data": "x"}), USER]}, "Invalid `data`"),
        ({"messages": [USER, assistant(call(), thinking()), user(result())], **THINKS}, "Expected `thinking`"),
        ({"messages": [USER, assistant(call()), user(result())], **THINKS}, "Expected `thinking`"),
        ({**THINKS, "max_tokens": 1024}, "`max_tokens` must be greater"),
        ({**THINKS, "thinking": {"type": "enabled", "budget_tokens": 10}}, "greater than or equal to 1024"),
        ({**THINKS, "temperature": 0.5}, "may only be set to 1"),
        ({**THINKS, "tools": [TOOL], "tool_choice": {"type": "any"}}, "forces tool use"),
        ({"tool_choice": {"type": "auto"}}, "while providing tools"),
        ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "should match pattern"),
        ({"tools": [{"name": "look", "input_schema": {}}]}, "input_schema.type"),
        (
            {"messages": [user(*[{**TEXT, **MARK}] * 5)]},
            "maximum of 4 blocks with cache_control may be provided. Found 5",
        ),
        ({"messages": [user(*[{**TEXT, **MARK}] * 4)], **MARK}, "Found 5"),
        ({"messages": [USER, assistant({**thinking(), **MARK}), USER]}, "cannot have cache_control"),
        (
            {
                "system": [{**TEXT, **MARK}],
                "messages": [user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})],
            },
            "must not come after",
        ),
        (
            {
                "messages": [
                    user({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": ""}})
                ]
            },
            "media_type",
        ),
    ],
)
def test_what_the_rules_forbid_is_named(change: dict[str, Any], words: str) -> None:
    body = {key: value for key, value in {**ASK, **change}.items() if value is not None}
    assert words.lower() in violation(body).lower()


def test_a_body_that_is_no_object_is_refused() -> None:
    assert "not valid JSON" in violation(json.loads("[]"))


def test_breakpoints_are_counted_wherever_they_are() -> None:
    body = {
        **ASK,
        "tools": [{**TOOL, **MARK}],
        "system": [{**TEXT, **MARK}],
        "messages": [user({**TEXT, **MARK})],
        **MARK,
    }
    assert breakpoints(body) == 4


def test_blocks_can_be_left_open_and_built_by_hand() -> None:
    answer = events(block_start(0, {"type": "text", "text": ""}), block_stop(0), thinking_block(1, "a", redacted=True))
    kinds = [json.loads(bytes(piece).partition(b"data: ")[2])["type"] for piece in answer.pieces]  # type: ignore[arg-type]
    assert kinds == ["content_block_start", "content_block_stop"] * 2
