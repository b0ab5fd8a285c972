"""The same bytes give the same message through this provider and through the official `anthropic` SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import pytest
from hermes_compatible.provider import CompatibleProvider

from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall, tool_message, user_message
from hermes_host.messages import ToolResult as Result
from hermes_host.stream import MessageEnded, Usage
from hermes_host.testing.model_server import Answer, ModelServer
from hermes_host.testing.model_server_messages import (
    block_delta,
    block_start,
    block_stop,
    events,
    message,
    message_delta,
    message_start,
    message_stop,
    messages,
    ping,
    text_block,
    thinking_block,
    tool_block,
)

USAGE = Usage(input=120, output=33, cached=64, cache_write=16, reasoning=8)
STOP = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "refused",
    "pause_turn": "other",
}


def answer(*blocks: Any, stop: str = "end_turn", **more: Any) -> Answer:
    return events(message_start(USAGE), *blocks, message_delta(stop, USAGE), message_stop(), **more)


MIXED = (text_block(0, "a", "b"), tool_block(1, "c", "look", '{"p":', "1}"))

STREAMS: dict[str, Answer] = {
    "text": answer(text_block(0, "Hello, ", "世界 🙂")),
    "several texts": answer(text_block(0, "a"), text_block(1, "b")),
    "pings": answer(ping(), text_block(0, "a"), ping()),
    "carriage returns": answer(text_block(0, "a\r\nb"), newline=b"\r\n"),
    "comments": answer(b": waiting\n\n", text_block(0, "a")),
    "cut at the limit": answer(text_block(0, "Hi"), stop="max_tokens"),
    "a stop sequence": answer(text_block(0, "Hi"), stop="stop_sequence"),
    "refused after some text": answer(text_block(0, "I"), stop="refusal"),
    "paused": answer(text_block(0, "Hi"), stop="pause_turn"),
    "thoughts": answer(thinking_block(0, "hm, ", "well"), text_block(1, "yes")),
    "omitted thoughts": answer(thinking_block(0), text_block(1, "yes")),
    "encrypted thoughts": answer(thinking_block(0, "x", redacted=True), text_block(1, "yes")),
    "a signature that comes twice": answer(
        *thinking_block(0, "hm")[:-1], block_delta(0, signature="LAST"), block_stop(0), text_block(1, "yes")
    ),
    "thoughts between calls": answer(
        thinking_block(0, "a"),
        tool_block(1, "t1", "look", '{"p', '":"ä"}'),
        thinking_block(2, "b"),
        tool_block(3, "t2", "go", '{"deep": [1, {"x": null}]}'),
        stop="tool_use",
    ),
    "a call without arguments": answer(tool_block(0, "t", "look"), stop="tool_use"),
    "a call that comes whole": answer(
        block_start(0, {"type": "tool_use", "id": "t", "name": "look", "input": {"p": 1}}),
        block_stop(0),
        stop="tool_use",
    ),
    "texts in the starts": answer(
        block_start(0, {"type": "text", "text": "a"}), block_delta(0, text="b"), block_stop(0)
    ),
    "an empty text": answer(text_block(0), tool_block(1, "t", "look", "{}"), stop="tool_use"),
    "blocks that mix": answer(MIXED[0][0], MIXED[1][0], *MIXED[0][1:], *MIXED[1][1:], stop="tool_use"),
    "a late delta": answer(text_block(0, "a"), block_delta(0, text="b")),
    "no stop of a block": answer(text_block(0, "a")[:-1], text_block(1, "b")[:-1]),
    "a stop too many": answer(text_block(0, "a"), block_stop(0)),
    "vendors' own tools": answer(
        block_start(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        block_delta(0, json='{"query":"x"}'),
        block_stop(0),
        text_block(1, "found"),
    ),
    "counts that are corrected at the end": events(
        message_start(USAGE),
        text_block(0, "a"),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7, "input_tokens": 50, "cache_read_input_tokens": 3},
        },
        message_stop(),
    ),
    "without the last event": events(message_start(USAGE), text_block(0, "a"), message_delta("end_turn", USAGE)),
    "no content": answer(),
}

WHOLE: dict[str, Answer] = {
    "text": message({"type": "text", "text": "Hello, 世界"}, usage=USAGE),
    "cut at the limit": message({"type": "text", "text": "Hi"}, stop_reason="max_tokens"),
    "everything": message(
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "redacted_thinking", "data": "D"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"p": {"ä": [1, 2.5, None]}}},
        stop_reason="tool_use",
        usage=USAGE,
    ),
    "no content": message(usage=USAGE),
}

ASKED: dict[str, Any] = {
    "model": "test-model",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Hello"}],
}


@pytest.fixture
async def sdk(server: ModelServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    key = "sk-test-0123456789"
    async with anthropic.AsyncAnthropic(base_url=server.origin, api_key=key, max_retries=0) as client:
        yield client


async def streamed(sdk: anthropic.AsyncAnthropic) -> Any:
    async with sdk.messages.stream(**ASKED) as stream:
        return await stream.get_final_message()


def comparable(part: Part) -> tuple[Any, ...]:
    if isinstance(part, Text):
        return ("text", part.text)
    if isinstance(part, ToolCall):
        return ("tool_use", part.id, part.name, part.arguments)
    assert isinstance(part, Reasoning)
    kept = part.meta["anthropic"]
    if "data" in kept:
        return ("redacted_thinking", kept["data"])
    return ("thinking", part.text, kept["signature"])


def comparable_block(block: Any) -> tuple[Any, ...] | None:
    match block.type:
        case "text":
            return ("text", block.text) if block.text else None
        case "tool_use":
            return ("tool_use", block.id, block.name, block.input)
        case "thinking":
            return ("thinking", block.thinking, block.signature)
        case "redacted_thinking":
            return ("redacted_thinking", block.data)
        case _:
            return None


def assert_same(ended: MessageEnded, theirs: Any) -> None:
    blocks = [compared for block in theirs.content if (compared := comparable_block(block))]
    assert [comparable(part) for part in ended.message.parts] == blocks
    calls = any(block.type == "tool_use" for block in theirs.content)
    assert ended.stop_reason == ("tool_calls" if calls else STOP[theirs.stop_reason])
    usage = theirs.usage
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    assert ended.usage == Usage(
        input=usage.input_tokens + cached + written,
        output=usage.output_tokens,
        cached=cached,
        cache_write=written,
        reasoning=usage.output_tokens_details.thinking_tokens,
    )


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [0, 7, 4096])
async def test_a_stream_gives_the_same_message(
    name: str, size: int, make_messages: Callable[..., CompatibleProvider], ask: Any, sdk: anthropic.AsyncAnthropic
) -> None:
    sent = STREAMS[name].split(size) if size else STREAMS[name]
    ended = await ask(make_messages(sent, sent))
    assert_same(ended, await streamed(sdk))


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_in_one_piece_gives_the_same_message(
    name: str, make_messages: Callable[..., CompatibleProvider], ask: Any, sdk: anthropic.AsyncAnthropic
) -> None:
    ended = await ask(make_messages(WHOLE[name], WHOLE[name]))
    assert_same(ended, await sdk.messages.create(**ASKED))


async def test_what_goes_back_is_what_the_sdk_would_send_back(
    make_messages: Callable[..., CompatibleProvider], ask: Any, server: ModelServer, sdk: anthropic.AsyncAnthropic
) -> None:
    said = Message(
        role="assistant",
        parts=(
            Reasoning(text="hm"),
            Reasoning(text="secret", redacted=True),
            Text(text="Let me see."),
            ToolCall(id="t", name="look", arguments={"p": "ä"}),
        ),
    )
    provider = make_messages(messages(message=said), messages(message=said), messages("ok"), messages("ok"))
    ended = await ask(provider)
    theirs = await streamed(sdk)
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "found"}]}
    await ask(
        provider,
        user_message("Hello"),
        ended.message,
        tool_message(Result(call_id="t", name="look", content=(Text(text="found"),))),
    )
    await sdk.messages.create(
        model="test-model",
        max_tokens=1000,
        messages=[
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": theirs.content},
            {"role": "user", "content": [result]},  # type: ignore[list-item]
        ],
    )
    ours, sent_by_sdk = (request.json["messages"] for request in server.requests[2:])
    assert ours[1] == sent_by_sdk[1]
    block = {key: value for key, value in ours[2]["content"][0].items() if key != "cache_control"}
    assert block == sent_by_sdk[2]["content"][0]
