"""Streams as the vendor, proxies and networks really send them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hermes_anthropic.provider import AnthropicProvider
from hermes_compatible.sse import EventReader
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    InvalidResponse,
    Overloaded,
    ProviderError,
    RateLimited,
)
from hermes_host.messages import Reasoning, Text, ToolCall, assistant_message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import PartDelta, PartEnded, PartStarted, Usage, UsageReported
from hermes_host.testing.model_server import Answer, ModelServer, Pause
from hermes_host.testing.model_server_messages import (
    block_delta,
    block_start,
    block_stop,
    error_event,
    events,
    html_page,
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
from hermes_host.testing.model_server_messages_rules import redacted_data, signature_of

Make = Callable[..., AnthropicProvider]

END = (message_delta(), message_stop())
CALLED = (message_delta("tool_use"), message_stop())


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_an_answer_may_be_split_anywhere_even_within_a_character(make: Make, ask: Any, size: int) -> None:
    call = ToolCall(id="a", name="look", arguments={"ö": "ü"})
    build = messages(Reasoning(text="Überlegen"), "Grüße, 世界 🙂", call)
    ended = await ask(make(lambda request: build(request).split(size)))
    assert ended.message.text == "Grüße, 世界 🙂"
    assert ended.message.tool_calls[0].arguments == {"ö": "ü"}


async def test_many_events_in_one_read_are_all_seen(make: Make, ask: Any) -> None:
    pieces = [f"{number} " for number in range(500)]
    ended = await ask(make(events(message_start(), text_block(0, *pieces), *END).joined()))
    assert ended.message.text == "".join(pieces)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
async def test_event_names_pings_comments_and_unknown_events_are_passed_over(
    make: Make, ask: Any, newline: bytes
) -> None:
    news = {"type": "something_new", "value": 1}
    whole = (message_start(), ping(), b": keep-alive\n\n", news, text_block(0, "x"), ping(), *END)
    ended = await ask(make(events(*whole, newline=newline, names=False)))
    assert ended.message.text == "x"


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",))), max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
    st.lists(st.integers(1, 40), max_size=30),
)
def test_events_are_read_the_same_however_they_are_cut(texts: list[str], newline: bytes, cuts: list[int]) -> None:
    data = [b"{" + text.encode() + b"}" for text in texts]
    stream = b"".join(b"event: x" + newline + b"data: " + item + newline + newline for item in data)
    reader, read = EventReader(), []
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        read += reader.feed(piece)
    assert read + reader.feed(stream) + reader.close() == data


async def test_text_and_calls_show_while_they_are_written(server: ModelServer, make: Make) -> None:
    provider = make(
        events(
            message_start(),
            text_block(0, "first"),
            block_start(1, {"type": "tool_use", "id": "a", "name": "write", "input": {}}),
            Pause.HOLD,
            block_delta(1, json='{"a":1}'),
            block_stop(1),
            *CALLED,
        )
    )
    order = []
    async with asyncio.timeout(10):
        async for event in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
            order.append(type(event))
            if isinstance(event, PartStarted) and event.name == "write":
                await server.holding.wait()
                server.release()
    assert order[order.index(PartStarted) :][:4] == [PartStarted, PartDelta, PartEnded, PartStarted]


# -------------------------------------------------------------------------------------------------------- reasoning


async def test_thoughts_keep_their_signature_and_their_place(make: Make, ask: Any) -> None:
    blocks = (thinking_block(0, "one ", "two"), thinking_block(1, "secret", redacted=True), text_block(2, "answer"))
    ended = await ask(make(events(message_start(), *blocks, *END)))
    first, second, text = ended.message.parts
    assert first.text == "one two"
    assert first.meta["anthropic"] == {"model": "claude-sonnet-5-5", "signature": signature_of("one two")}
    assert second.redacted and second.meta["anthropic"]["data"] == redacted_data("secret")
    assert text == Text(text="answer")


async def test_omitted_thoughts_have_a_signature_and_no_text(make: Make, ask: Any) -> None:
    ended = await ask(make(events(message_start(), thinking_block(0), text_block(1, "answer"), *END)))
    thought = ended.message.parts[0]
    assert thought.redacted and thought.text == "" and thought.meta["anthropic"]["signature"] == signature_of("")


# -------------------------------------------------------------------------------------------------------- bad input


async def test_deltas_of_two_blocks_that_mix_are_put_in_order(make: Make, ask: Any) -> None:
    mixed = (
        block_start(0, {"type": "tool_use", "id": "a", "name": "look", "input": {}}),
        block_start(1, {"type": "tool_use", "id": "b", "name": "look", "input": {}}),
        block_delta(1, json='{"path"'),
        block_delta(0, json='{"path":'),
        block_delta(1, json=':"b"}'),
        block_stop(1),
        block_delta(0, json='"a"}'),
        block_stop(0),
    )
    ended = await ask(make(events(message_start(), *mixed, *CALLED)))
    assert [(call.id, call.arguments) for call in ended.message.tool_calls] == [
        ("a", {"path": "a"}),
        ("b", {"path": "b"}),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        (block_delta(0, text="x"),),
        (*text_block(0, "x"), block_delta(0, text="y")),
        (*text_block(0, "x"), block_delta(1, text="y")),
        (block_start(0, {"type": "text", "text": ""}), block_start(0, {"type": "text", "text": ""})),
        (block_start(0, {"type": "text", "text": ""}), block_delta(0, json="{}")),
        (block_stop(3),),
    ],
    ids=["before its block", "after its end", "of no block", "a block twice", "of another kind", "the end of no block"],
)
async def test_events_out_of_order_are_an_error_and_nothing_is_guessed(make: Make, ask: Any, wrong: Any) -> None:
    with pytest.raises(InvalidResponse, match="anthropic"):
        await ask(make(events(message_start(), *wrong, *END)))


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": 1}{"a": 2}', None),
        ('{"a": 1', None),
        ("[1]", None),
        ("null", None),
        ('{"a": 1} and so on', None),
    ],
)
async def test_arguments_are_one_object_or_none(make: Make, ask: Any, text: str, arguments: Any) -> None:
    ended = await ask(make(events(message_start(), tool_block(0, "a", "look", *text), *CALLED)))
    (call,) = ended.message.tool_calls
    assert (call.arguments, call.raw) == (arguments, text)


async def test_two_names_in_one_are_not_taken_apart(make: Make, ask: Any) -> None:
    ended = await ask(make(events(message_start(), tool_block(0, "a", "looklook", "{}"), *CALLED)))
    assert ended.message.tool_calls[0].name == "looklook"


async def test_a_call_that_comes_whole_at_its_start_is_whole(make: Make, ask: Any) -> None:
    start = block_start(0, {"type": "tool_use", "id": "a", "name": "look", "input": {"path": "x"}})
    ended = await ask(make(events(message_start(), start, block_stop(0), *CALLED)))
    assert ended.message.tool_calls[0].arguments == {"path": "x"}


async def test_a_call_without_an_id_gets_one(make: Make, ask: Any) -> None:
    ended = await ask(make(events(message_start(), tool_block(0, "", "look"), *CALLED)))
    assert ended.message.tool_calls[0].id.startswith("toolu_")


async def test_a_call_cut_before_its_arguments_is_not_an_empty_one(make: Make, ask: Any) -> None:
    cut = (message_start(), tool_block(0, "a", "look"), message_delta("max_tokens"), message_stop())
    ended = await ask(make(events(*cut)))
    assert ended.stop_reason == "length" and ended.message.incomplete
    assert ended.message.tool_calls[0].arguments is None


async def test_blocks_of_unknown_kinds_and_empty_texts_are_left_out(make: Make, ask: Any) -> None:
    blocks = (
        [block_start(0, {"type": "hologram", "shape": "cube"}), block_stop(0)],
        text_block(1, ""),
        text_block(2, "x"),
    )
    ended = await ask(make(events(message_start(), *blocks, *END)))
    assert ended.message.parts == (Text(text="x"),)


async def test_an_answer_without_content_ends_as_one(make: Make, ask: Any) -> None:
    ended = await ask(make(events(message_start(), *END)))
    assert (ended.message.parts, ended.stop_reason) == ((), "end")


async def test_invalid_utf_8_is_an_error(make: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse, match="unreadable"):
        await ask(make(events(message_start(), text_block(0, "x")[0], b'data: {"type":"\xff\xfe"}\n\n')))


async def test_a_page_in_place_of_an_answer_is_shown_in_words(make: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse, match="Sign in to the network") as caught:
        await ask(make(html_page()))
    assert "<h1>" not in str(caught.value) and "base_url" in caught.value.remedy


async def test_an_answer_that_is_some_other_json_is_an_error(make: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse, match="no message"):
        await ask(make(Answer(pieces=[b'{"ok": true}'], framing="length")))


@pytest.mark.parametrize("pause", [Pause.CUT, Pause.CLOSE])
@pytest.mark.parametrize("begun", [True, False])
async def test_a_stream_that_breaks_off_is_lost_and_says_whether_content_came(
    make: Make, ask: Any, pause: Pause, begun: bool
) -> None:
    content = text_block(0, "half")[:2] if begun else []
    with pytest.raises(ConnectionLost) as caught:
        await ask(make(events(message_start(), content, pause)))
    assert caught.value.partial is begun


async def test_a_stream_that_ends_in_order_but_too_early_is_lost(make: Make, ask: Any) -> None:
    with pytest.raises(ConnectionLost, match="broke off") as caught:
        await ask(make(events(message_start(), text_block(0, "half"))))
    assert caught.value.partial


async def test_an_empty_body_is_lost(make: Make, ask: Any) -> None:
    with pytest.raises(ConnectionLost) as caught:
        await ask(make(events()))
    assert not caught.value.partial


async def test_the_last_event_may_lack_its_newline_or_be_missing(make: Make, ask: Any) -> None:
    last = events(message_delta()).pieces[0]
    assert isinstance(last, bytes)
    ended = await ask(make(events(message_start(), text_block(0, "x"), last.rstrip())))
    assert (ended.message.text, ended.stop_reason) == ("x", "end")


async def test_a_silent_stream_is_given_up_after_the_read_timeout(make: Make, ask: Any, server: ModelServer) -> None:
    stalled = events(message_start(), text_block(0, "half")[:2], Pause.HOLD)
    with pytest.raises(ConnectionLost, match="silent") as caught:
        await ask(make(stalled, read_timeout=0.3))
    assert caught.value.partial and "read_timeout" in caught.value.remedy
    await server.requests[0].gone.wait()


async def test_a_silent_stream_that_goes_on_is_whole(make: Make, server: ModelServer, ask: Any) -> None:
    provider = make(events(message_start(), Pause.HOLD, text_block(0, "x"), *END))
    task = asyncio.ensure_future(ask(provider))
    async with asyncio.timeout(10):
        await server.holding.wait()
        server.release()
        assert (await task).message.text == "x"


async def test_the_time_for_an_answer_bounds_its_silence(make: Make, ask: Any) -> None:
    with pytest.raises(ConnectionLost):
        await ask(make(Answer(hold_first=True)), timeout=0.3)


@pytest.mark.parametrize(
    ("type", "error"),
    [
        ("overloaded_error", Overloaded),
        ("api_error", Overloaded),
        ("rate_limit_error", RateLimited),
        ("authentication_error", AuthFailed),
        ("invalid_request_error", BadRequest),
        ("never_heard_of", Overloaded),
    ],
)
async def test_an_error_within_the_stream_is_raised_as_its_class(
    make: Make, ask: Any, type: str, error: type[ProviderError]
) -> None:
    broken = events(message_start(), text_block(0, "half"), error_event(type, "It broke."))
    with pytest.raises(error, match="It broke"):
        await ask(make(broken))


# ---------------------------------------------------------------------------------------------------- ends and counts


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("tool_use", "end"),
        ("something_new", "other"),
    ],
)
async def test_each_stop_reason_has_its_meaning(make: Make, ask: Any, wire: str, reason: str) -> None:
    ended = await ask(make(messages("x", stop_reason=wire)))
    assert ended.stop_reason == reason


async def test_a_message_that_ends_without_a_reason_has_ended(make: Make, ask: Any) -> None:
    ended = await ask(make(events(message_start(), text_block(0, "x"), message_stop())))
    assert (ended.message.text, ended.stop_reason) == ("x", "end")
    ended = await ask(make(events(message_start(), tool_block(0, "a", "look"), message_delta(None), message_stop())))
    assert (ended.message.tool_calls[0].arguments, ended.stop_reason) == ({}, "tool_calls")


async def test_a_refusal_without_a_word_is_raised_with_its_reason(make: Make, ask: Any) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "It could do harm."}
    refused = events(message_start(), message_delta("refusal", stop_details=details), message_stop())
    with pytest.raises(ContentRefused, match="It could do harm"):
        await ask(make(refused))


async def test_an_answer_in_one_piece_is_taken_too(make: Make, ask: Any) -> None:
    content = (
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "a", "name": "look", "input": {"p": 1}},
    )
    ended = await ask(make(message(*content, stop_reason="tool_use", usage=Usage(input=7, output=3, cached=4))))
    thought, text, call = ended.message.parts
    assert (thought.text, text.text, call.arguments) == ("hm", "x", {"p": 1})
    assert (ended.stop_reason, ended.usage) == ("tool_calls", Usage(input=7, output=3, cached=4))


async def test_input_counts_the_whole_prompt_with_what_was_cached(make: Make, ask: Any) -> None:
    usage = Usage(input=1000, output=50, cached=700, cache_write=200, reasoning=20)
    assert (await ask(make(messages("x", usage=usage)))).usage == usage


async def test_counts_come_before_the_end_and_null_leaves_them(make: Make) -> None:
    last = message_delta(usage=None)
    last["usage"] = {"output_tokens": 30, "input_tokens": None, "cache_read_input_tokens": None}
    provider = make(events(message_start(Usage(input=10, cached=4)), text_block(0, "x"), last, message_stop()))
    request = ModelRequest(model="m", messages=[user_message("hi")])
    counts = [event.usage async for event in provider.stream(request) if isinstance(event, UsageReported)]
    assert counts == [Usage(input=10, cached=4, output=1), Usage(input=10, cached=4, output=30)]


async def test_a_paused_answer_is_continued_with_what_there_is(make: Make, ask: Any, server: ModelServer) -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    first = events(
        message_start(Usage(input=10)),
        thinking_block(0, "hm"),
        text_block(1, "Let me search. "),
        [block_start(2, search), block_delta(2, json='{"query":"x"}'), block_stop(2)],
        [block_start(3, found), block_stop(3)],
        message_delta("pause_turn", Usage(output=5)),
        message_stop(),
    )
    second = events(
        message_start(Usage(input=20)), text_block(0, "Found."), message_delta(usage=Usage(output=7)), message_stop()
    )
    ended = await ask(make(first, second))
    assert ended.message.text == "Let me search. Found."
    assert (ended.stop_reason, ended.usage) == ("end", Usage(input=30, output=12))
    assert server.requests[1].json["messages"][-1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": signature_of("hm")},
            {"type": "text", "text": "Let me search. "},
            {**search, "input": {"query": "x"}},
            found,
        ],
    }


async def test_an_answer_that_never_stops_pausing_ends(make: Make, ask: Any, server: ModelServer) -> None:
    paused = events(message_start(), text_block(0, "x"), message_delta("pause_turn"), message_stop())
    ended = await ask(make(*[paused] * 20))
    assert ended.stop_reason == "other" and len(server.requests) == 11


async def test_steps_of_a_conversation_share_one_connection(make: Make, ask: Any, server: ModelServer) -> None:
    provider = make(*[assistant_message(str(number)) for number in range(20)])
    for number in range(20):
        assert (await ask(provider)).message.text == str(number)
    assert server.connections == 1
