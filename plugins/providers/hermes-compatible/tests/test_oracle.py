"""The same bytes give the same message through this provider and through the official `openai` SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from hermes_compatible.provider import CompatibleProvider

from hermes_host.messages import Message, Reasoning, Text, ToolCall
from hermes_host.stream import MessageEnded, Usage
from hermes_host.testing.model_server import Answer, ModelServer
from hermes_host.testing.model_server_chat import call_delta, chat, chunk, completion, events, usage_chunk

USAGE = Usage(input=120, output=33, cached=64, reasoning=8)
LOOK = ToolCall(id="call_1", name="look", arguments={"path": "ä/b", "deep": [1, {"x": None}]})
WRITE = ToolCall(id="call_2", name="write", arguments={"text": 'a "quoted"\nline'})

FINISH = {"stop": "end", "tool_calls": "tool_calls", "length": "length", "content_filter": "refused"}

STREAMS: dict[str, Answer] = {
    "text": events(
        chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello, 世界"}), chunk(finish="stop")
    ),
    "text with usage": events(chunk({"content": "Hi"}), chunk(finish="stop"), usage_chunk(USAGE)),
    "cut at the limit": events(chunk({"content": "Hi"}), chunk(finish="length")),
    "filtered": events(chunk({"content": "Hi"}), chunk(finish="content_filter")),
    "refusal": events(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk(finish="stop")),
    "carriage returns": events(chunk({"content": "a\r\nb"}), chunk(finish="stop"), newline=b"\r\n"),
    "comments": events(b": waiting\n\n", chunk({"content": "a"}), b": still\n\n", chunk(finish="stop")),
    "empty choices first": events({**chunk(), "choices": []}, chunk({"content": "a"}), chunk(finish="stop")),
    "one call": events(
        chunk(call_delta(0, id="call_1", name="look", arguments="")),
        chunk(call_delta(0, arguments='{"pa')),
        chunk(call_delta(0, arguments='th": "x"}')),
        chunk(finish="tool_calls"),
    ),
    "calls in turns": events(
        chunk({"content": "Let me."}),
        chunk(call_delta(0, id="call_1", name="look", arguments="")),
        chunk(call_delta(1, id="call_2", name="write", arguments="")),
        chunk(call_delta(0, arguments='{"a')),
        chunk(call_delta(1, arguments='{"b')),
        chunk(call_delta(1, arguments='":2}')),
        chunk(call_delta(0, arguments='":1}')),
        chunk(finish="tool_calls"),
    ),
    "broken arguments": events(
        chunk(call_delta(0, id="call_1", name="look", arguments='{"a": ')), chunk(finish="length")
    ),
    "no content": events(chunk({"role": "assistant"}), chunk(finish="stop")),
}

WHOLE: dict[str, Answer] = {
    "text": completion({"content": "Hello, 世界"}, usage=USAGE),
    "cut at the limit": completion({"content": "Hi"}, finish="length"),
    "refusal": completion({"content": None, "refusal": "I cannot."}),
    "without usage": completion({"content": "Hi"}, usage=None),
    "calls": completion(
        {
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}},
                {"id": "call_2", "type": "function", "function": {"name": "write", "arguments": '{"b":'}},
            ],
        },
        finish="tool_calls",
    ),
}


@pytest.fixture
async def sdk(server: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="sk-test-0123456789", max_retries=0) as client:
        yield client


async def streamed_by_sdk(sdk: openai.AsyncOpenAI) -> Any:
    manager = sdk.chat.completions.stream(
        model="test-model",
        messages=[{"role": "user", "content": "Hello"}],
        stream_options={"include_usage": True},
    )
    async with manager as stream:
        async for _ in stream:
            pass
        return stream.current_completion_snapshot


def assert_same(ended: MessageEnded, completion: Any) -> None:
    choice = completion.choices[0]
    message = choice.message
    assert ended.message.text == (message.content or "") + (message.refusal or "")
    assert [(call.id, call.name, call.raw) for call in ended.message.tool_calls] == [
        (call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()
    ]
    if not message.refusal:
        assert ended.stop_reason == FINISH[choice.finish_reason]
    usage = completion.usage
    if usage is not None:
        assert (ended.usage.input, ended.usage.output) == (usage.prompt_tokens, usage.completion_tokens)
        assert ended.usage.cached == usage.prompt_tokens_details.cached_tokens
        assert ended.usage.reasoning == usage.completion_tokens_details.reasoning_tokens


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [0, 7, 4096])
async def test_a_stream_gives_the_same_message(
    name: str,
    size: int,
    server: ModelServer,
    make: Callable[..., CompatibleProvider],
    ask: Any,
    sdk: openai.AsyncOpenAI,
) -> None:
    answer = STREAMS[name].split(size) if size else STREAMS[name]
    ended = await ask(make(answer, answer))
    try:
        theirs = await streamed_by_sdk(sdk)
    except openai.LengthFinishReasonError as error:
        theirs = error.completion
    except openai.ContentFilterFinishReasonError:
        assert ended.stop_reason == "refused"
        return
    assert_same(ended, theirs)


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_in_one_piece_gives_the_same_message(
    name: str, make: Callable[..., CompatibleProvider], ask: Any, sdk: openai.AsyncOpenAI
) -> None:
    ended = await ask(make(WHOLE[name], WHOLE[name]))
    theirs = await sdk.chat.completions.create(model="test-model", messages=[{"role": "user", "content": "Hello"}])
    assert_same(ended, theirs)


async def test_a_whole_conversation_is_accepted_by_the_sdk_s_types_and_reads_the_same(
    make: Callable[..., CompatibleProvider], ask: Any, server: ModelServer, sdk: openai.AsyncOpenAI
) -> None:
    message = Message(role="assistant", parts=(Reasoning(text="hm"), Text(text="Let me see."), LOOK, WRITE))
    ended = await ask(make(chat(message=message, usage=USAGE), chat(message=message, usage=USAGE)))
    assert_same(ended, await streamed_by_sdk(sdk))
    ours, theirs = (request.json for request in server.requests)
    assert {key: ours[key] for key in theirs} == theirs
