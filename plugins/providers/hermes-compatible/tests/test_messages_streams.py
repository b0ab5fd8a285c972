"""Streams of the Messages wire as vendors, gateways and networks really send them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider

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
from hermes_host.messages import Reasoning, Text, ToolCall, assistant_message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import PartDelta, PartEnded, PartStarted, Usage, UsageReported
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
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

Make = Callable[..., CompatibleProvider]
REQUEST = ModelRequest(model="test-model", messages=[user_message("hi")])
TEXT = {"type": "text", "text": ""}


def answer(*blocks: Any, stop: str | None = "end_turn", **more: Any) -> Answer:
    return events(message_start(), *blocks, message_delta(stop), message_stop(), **more)


# ------------------------------------------------------------------------------------------------ bytes and events


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_an_answer_may_be_split_anywhere_even_within_a_character(
    make_messages: Make, ask: Any, size: int
) -> None:
    whole = assistant_message(
        Reasoning(text="Überlegen"), "Grüße, 世界 🙂", ToolCall(id="a", name="look", arguments={"ö": "ü"})
    )
    build = messages(message=whole)
    ended = await ask(make_messages(lambda request: build(request).split(size)))
    assert ended.message.text == "Grüße, 世界 🙂"
    assert ended.message.tool_calls[0].arguments == {"ö": "ü"}


async def test_many_events_in_one_read_are_all_seen(make_messages: Make, ask: Any) -> None:
    pieces = [f"{number} " for number in range(500)]
    ended = await ask(make_messages(answer(text_block(0, *pieces)).joined()))
    assert ended.message.text == "".join(pieces)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("names", [True, False])
async def test_line_ends_of_all_kinds_and_missing_event_names_do_no_harm(
    make_messages: Make, ask: Any, newline: bytes, names: bool
) -> None:
    ended = await ask(make_messages(answer(text_block(0, "a", "b"), newline=newline, names=names).split(11)))
    assert ended.message.text == "ab"


async def test_pings_comments_and_unknown_events_are_passed_over(make_messages: Make, ask: Any) -> None:
    unknown = {"type": "something_new", "index": 7, "delta": {"type": "odd"}}
    block = text_block(0, "a")
    ended = await ask(make_messages(answer(ping(), b": waiting\n\n", block[0], unknown, ping(), *block[1:], b"\n\n")))
    assert ended.message.text == "a"


async def test_the_end_mark_of_the_other_wire_says_nothing(make_messages: Make, ask: Any) -> None:
    stream = events(message_start(), text_block(0, "a"), message_delta(), b"data: [DONE]\n\n")
    assert (await ask(make_messages(stream))).message.text == "a"


async def test_unknown_deltas_and_citations_are_passed_over(make_messages: Make, ask: Any) -> None:
    cited = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"x": 1}}}
    start, delta, stop = text_block(0, "a")
    assert (await ask(make_messages(answer(start, cited, delta, cited, stop)))).message.text == "a"


async def test_text_and_calls_show_while_they_are_written(make_messages: Make, server: ModelServer) -> None:
    text, call = text_block(0, "first", "second"), tool_block(1, "a", "look", '{"p', '":1}')
    provider = make_messages(
        answer(*text[:2], Pause.HOLD, *text[2:], *call[:3], Pause.HOLD, *call[3:], stop="tool_use")
    )
    order = []
    async for event in provider.stream(REQUEST):
        order.append(event)
        if isinstance(event, PartDelta) and event.text in ("first", '{"p'):
            await server.holding.wait()
            server.release()
    shown = [type(event) for event in order if not isinstance(event, UsageReported)]
    assert shown[:7] == [PartStarted, PartDelta, PartDelta, PartEnded, PartStarted, PartDelta, PartDelta]


# --------------------------------------------------------------------------------------------------------- blocks


async def test_thoughts_keep_their_signature_and_their_place(make_messages: Make, ask: Any) -> None:
    ended = await ask(make_messages(answer(thinking_block(0, "hm, ", "well"), text_block(1, "yes"))))
    thought, text = ended.message.parts
    assert (thought.text, thought.redacted, text) == ("hm, well", False, Text(text="yes"))
    assert thought.meta["anthropic"] == {"model": "test-model", "signature": signature_of("hm, well")}


async def test_omitted_thoughts_have_a_signature_and_no_text(make_messages: Make, ask: Any) -> None:
    ended = await ask(make_messages(answer(thinking_block(0), text_block(1, "yes"))))
    assert ended.message.parts[0].redacted
    assert ended.message.parts[0].meta["anthropic"]["signature"] == signature_of("")


async def test_encrypted_thoughts_keep_their_data(make_messages: Make, ask: Any) -> None:
    ended = await ask(make_messages(answer(thinking_block(0, "x", redacted=True), text_block(1, "yes"))))
    thought = ended.message.parts[0]
    assert (thought.text, thought.redacted) == ("", True)
    assert thought.meta["anthropic"] == {"model": "test-model", "data": redacted_data("x")}


async def test_a_text_that_stays_empty_is_no_part(make_messages: Make, ask: Any) -> None:
    call = tool_block(1, "a", "look", "{}")
    ended = await ask(make_messages(answer(text_block(0), call, text_block(2, ""), stop="tool_use")))
    assert [type(part) for part in ended.message.parts] == [ToolCall]


async def test_blocks_of_unknown_kinds_are_left_out_with_their_deltas(make_messages: Make, ask: Any) -> None:
    server_tool = [
        block_start(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        block_delta(0, json='{"query": 1}'),
        block_stop(0),
        block_start(1, {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
        block_stop(1),
    ]
    assert (await ask(make_messages(answer(server_tool, text_block(2, "found"))))).message.parts == (
        Text(text="found"),
    )


async def test_what_stands_in_a_block_s_start_counts(make_messages: Make, ask: Any) -> None:
    blocks = [
        block_start(0, {"type": "thinking", "thinking": "h", "signature": "S"}),
        block_delta(0, thinking="m"),
        block_stop(0),
        block_start(1, {"type": "text", "text": "a"}),
        block_delta(1, text="b"),
        block_stop(1),
        block_start(2, {"type": "tool_use", "id": "c", "name": "look", "input": {"p": 1}}),
        block_stop(2),
    ]
    thought, text, call = (await ask(make_messages(answer(*blocks, stop="tool_use")))).message.parts
    assert (thought.text, thought.meta["anthropic"]["signature"], text.text) == ("hm", "S", "ab")
    assert (call.arguments, call.raw) == ({"p": 1}, '{"p":1}')


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ('{"a":1}{"a":1}', None),
        ('{"a": ', None),
        ('{"a": "\\ud83d"}', None),
        ("[1]", None),
        ("3", None),
        ("nonsense", None),
    ],
)
async def test_arguments_are_one_object_or_none(make_messages: Make, ask: Any, text: str, arguments: Any) -> None:
    (call,) = (await ask(make_messages(answer(tool_block(0, "a", "look", text), stop="tool_use")))).message.tool_calls
    assert (call.arguments, call.raw) == (arguments, text)


async def test_a_call_that_was_cut_before_its_arguments_is_not_an_empty_one(make_messages: Make, ask: Any) -> None:
    ended = await ask(make_messages(answer(text_block(0, "x"), tool_block(1, "a", "look"), stop="max_tokens")))
    assert ended.message.tool_calls[0].arguments is None
    assert ended.message.incomplete


async def test_only_the_last_call_of_a_cut_answer_can_have_lost_its_arguments(make_messages: Make, ask: Any) -> None:
    calls = [{"type": "tool_use", "id": id, "name": "look", "input": {}} for id in ("a", "b")]
    whole = message(*calls, stop_reason="max_tokens")
    streamed = answer(tool_block(0, "a", "look"), tool_block(1, "b", "look"), stop="max_tokens")
    for sent in (whole, streamed):
        ended = await ask(make_messages(sent))
        assert [call.arguments for call in ended.message.tool_calls] == [{}, None]


async def test_a_call_without_an_id_or_with_another_s_gets_its_own(make_messages: Make, ask: Any) -> None:
    blocks = [tool_block(0, "a", "look", "{}"), tool_block(1, "a", "look", "{}"), tool_block(2, "", "look", "{}")]
    calls = (await ask(make_messages(answer(*blocks, stop="tool_use")))).message.tool_calls
    assert calls[0].id == "a"
    assert len({call.id for call in calls}) == 3
    assert all(call.id for call in calls)


# ----------------------------------------------------------------------------------------------------------- order


async def test_deltas_of_blocks_that_mix_are_put_in_order(make_messages: Make, ask: Any) -> None:
    first, second = text_block(0, "a", "b"), tool_block(1, "c", "look", '{"p":', "1}")
    mixed = [first[0], second[0], first[1], *second[1:3], first[2], second[3], second[4], first[3]]
    ended = await ask(make_messages(answer(*mixed, stop="tool_use")))
    assert ended.message.text == "ab"
    assert ended.message.tool_calls[0].arguments == {"p": 1}


async def test_a_block_without_its_stop_is_ended_by_the_end(make_messages: Make, ask: Any) -> None:
    ended = await ask(make_messages(answer(text_block(0, "a")[:-1], tool_block(1, "c", "look", "{}")[:-1])))
    assert ended.message.text == "a"
    assert ended.message.tool_calls[0].arguments == {}


async def test_a_late_delta_counts_while_no_other_block_has_begun(make_messages: Make, ask: Any) -> None:
    late = block_delta(0, text="b")
    assert (await ask(make_messages(answer(text_block(0, "a"), late)))).message.text == "ab"


async def test_a_stop_too_many_does_no_harm(make_messages: Make, ask: Any) -> None:
    blocks = [text_block(0, "a"), block_stop(0), text_block(1, "b"), block_stop(0), block_stop(5)]
    assert (await ask(make_messages(answer(*blocks)))).message.text == "ab"


async def test_blocks_that_all_have_the_number_0_are_told_apart(make_messages: Make, ask: Any) -> None:
    ended = await ask(make_messages(answer(thinking_block(0, "hm"), text_block(0, "a"), text_block(0, "b"))))
    assert [part.text for part in ended.message.parts] == ["hm", "a", "b"]


@pytest.mark.parametrize(
    "wrong",
    [
        [block_delta(0, text="x")],
        [text_block(0, "a"), block_delta(1, text="x")],
        [text_block(0, "a"), text_block(1, "b"), block_delta(0, text="x")],
        [block_start(0, TEXT), block_start(0, TEXT)],
        [block_start(0, TEXT), block_delta(0, json="{}")],
        [block_start(0, {"type": "tool_use", "id": "a", "name": "look", "input": {}}), block_delta(0, text="x")],
    ],
    ids=["before its start", "of a block that never began", "after another began", "twice", "json as text", "a call"],
)
async def test_events_that_fit_nowhere_are_an_error_and_nothing_is_guessed(
    make_messages: Make, ask: Any, wrong: list[Any]
) -> None:
    with pytest.raises(InvalidResponse):
        await ask(make_messages(answer(*wrong)))


@pytest.mark.parametrize(
    "wrong",
    [
        [text_block(0, "a"), block_delta(0, text="b")],
        [text_block(0, "a"), block_stop(0)],
        [block_stop(3)],
    ],
    ids=["a late delta", "a second stop", "the stop of no block"],
)
async def test_what_loses_nothing_is_an_error_all_the_same_where_a_vendor_never_sends_it(
    make_messages: Make, ask: Any, wrong: list[Any]
) -> None:
    with pytest.raises(InvalidResponse, match="acme"):
        await ask(make_messages(answer(*wrong), quirks=Quirks(strict_events=True)))


async def test_strict_reading_ends_a_part_as_soon_as_its_block_ends(make_messages: Make, server: ModelServer) -> None:
    stream = answer(text_block(0, "a"), Pause.HOLD, text_block(1, "b"))
    seen = []
    async for event in make_messages(stream, quirks=Quirks(strict_events=True)).stream(REQUEST):
        seen.append(type(event))
        if isinstance(event, PartEnded) and seen.count(PartEnded) == 1:
            await server.holding.wait()
            server.release()
    assert seen.count(PartEnded) == 2


@pytest.mark.parametrize(("strict", "arguments"), [(True, None), (False, {})])
async def test_arguments_that_are_null_are_none_given_or_a_fault(
    make_messages: Make, ask: Any, strict: bool, arguments: Any
) -> None:
    stream = answer(tool_block(0, "a", "look", "null"), stop="tool_use")
    (call,) = (await ask(make_messages(stream, quirks=Quirks(strict_events=strict)))).message.tool_calls
    assert call.arguments == arguments


# ------------------------------------------------------------------------------------------------------------ ends


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("pause_turn", "other"),
        ("something_new", "other"),
        ("tool_use", "end"),
        (None, "end"),
    ],
)
async def test_each_stop_reason_has_its_meaning(make_messages: Make, ask: Any, wire: str | None, reason: str) -> None:
    ended = await ask(make_messages(answer(text_block(0, "x"), stop=wire)))
    assert ended.stop_reason == reason
    assert ended.message.incomplete == (reason == "length")


@pytest.mark.parametrize("stop", ["end_turn", "tool_use", None])
async def test_a_call_means_that_its_result_is_awaited(make_messages: Make, ask: Any, stop: str | None) -> None:
    ended = await ask(make_messages(answer(tool_block(0, "a", "look", "{}"), stop=stop)))
    assert ended.stop_reason == "tool_calls"


async def test_a_refusal_without_a_word_is_raised_with_its_reason(make_messages: Make, ask: Any) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "It is about malware."}
    refused = events(message_start(), message_delta("refusal", stop_details=details), message_stop())
    with pytest.raises(ContentRefused, match="malware"):
        await ask(make_messages(refused))


async def test_an_end_without_content_is_an_empty_message(make_messages: Make, ask: Any) -> None:
    assert (await ask(make_messages(answer()))).message.parts == ()


async def test_the_last_event_may_be_missing_after_the_reason(make_messages: Make, ask: Any) -> None:
    stream = events(message_start(), text_block(0, "x"), message_delta())
    assert (await ask(make_messages(stream))).message.text == "x"


async def test_the_last_event_may_lack_its_empty_line(make_messages: Make, ask: Any) -> None:
    last = b"event: message_delta\ndata: " + msgspec.json.encode(message_delta())
    assert (await ask(make_messages(events(message_start(), text_block(0, "x"), last)))).message.text == "x"


@pytest.mark.parametrize("pause", [Pause.CUT, Pause.CLOSE])
async def test_a_cut_connection_is_lost_and_says_whether_content_came(
    make_messages: Make, ask: Any, pause: Pause
) -> None:
    with pytest.raises(ConnectionLost) as lost:
        await ask(make_messages(events(message_start(), text_block(0, "half")[:-1], pause)))
    assert lost.value.partial
    with pytest.raises(ConnectionLost) as lost:
        await ask(make_messages(events(message_start(), block_start(0, TEXT), pause)))
    assert not lost.value.partial


@pytest.mark.parametrize(
    "stream",
    [
        events(message_start(), text_block(0, "half")),
        events(message_start(), text_block(0, "half")[:-1]),
        events(message_start(), text_block(0, "half"), b'data: {"type":"message_del'),
        events(message_start(), text_block(0, "half"), message_delta(None)),
        Answer(pieces=events(message_start(), text_block(0, "half")).pieces, framing="close"),
    ],
    ids=["after a block", "within a block", "within an event", "no reason", "closed"],
)
async def test_a_stream_that_ends_in_order_but_too_early_is_lost(make_messages: Make, ask: Any, stream: Answer) -> None:
    with pytest.raises(ConnectionLost, match="broke off") as lost:
        await ask(make_messages(stream))
    assert lost.value.partial


async def test_an_empty_body_is_lost(make_messages: Make, ask: Any) -> None:
    with pytest.raises(ConnectionLost):
        await ask(make_messages(Answer(framing="length")))


async def test_a_stream_of_nothing_but_its_end_is_invalid(make_messages: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse):
        await ask(make_messages(events(ping(), message_stop())))


# ------------------------------------------------------------------------------------------------------- bad input


async def test_invalid_utf_8_is_an_error(make_messages: Make, ask: Any) -> None:
    bad = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\xff\xfe"}}\n\n'
    with pytest.raises(InvalidResponse):
        await ask(make_messages(answer(text_block(0, "a")[:-1], bad)))


async def test_invalid_json_is_an_error_that_shows_its_beginning(make_messages: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse, match="not json"):
        await ask(make_messages(answer(b"data: {not json\n\n")))


@pytest.mark.parametrize("data", [b"null", b"[]", b'"text"', b'{"type":"content_block_delta","delta":3}'])
async def test_events_of_a_wrong_shape_are_an_error(make_messages: Make, ask: Any, data: bytes) -> None:
    with pytest.raises(InvalidResponse):
        await ask(make_messages(answer(b"data: " + data + b"\n\n")))


async def test_a_page_in_place_of_an_answer_is_shown_in_words(make_messages: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse, match="Sign in to the network"):
        await ask(make_messages(html_page()))


@pytest.mark.parametrize("value", [["x"], {"choices": []}, {"type": "message"}, {"type": "message", "content": "x"}])
async def test_some_other_json_is_an_error(make_messages: Make, ask: Any, value: Any) -> None:
    with pytest.raises(InvalidResponse):
        await ask(make_messages(json_answer(value)))


async def test_half_a_document_is_an_error(make_messages: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse):
        await ask(make_messages(Answer(pieces=[b'{"type":"message","content":[{"type":"te'], framing="length")))


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("overloaded_error", Overloaded),
        ("api_error", Overloaded),
        ("timeout_error", Overloaded),
        ("rate_limit_error", RateLimited),
        ("billing_error", RateLimited),
        ("authentication_error", AuthFailed),
        ("permission_error", AuthFailed),
        ("invalid_request_error", BadRequest),
        ("request_too_large", ContextTooLong),
        ("something_new", Overloaded),
    ],
)
@pytest.mark.parametrize("began", [False, True])
async def test_an_error_within_an_answer_of_status_200_is_raised_as_its_class(
    make_messages: Make, ask: Any, type: str, kind: type[ProviderError], began: bool
) -> None:
    first = [message_start(), text_block(0, "half")] if began else []
    with pytest.raises(kind):
        await ask(make_messages(events(*first, error_event(type, "It failed."))))
    with pytest.raises(kind):
        await ask(make_messages(json_answer(error_event(type, "It failed."))))


async def test_an_answer_in_one_piece_is_taken_too(make_messages: Make, ask: Any) -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "text", "text": "yes"},
        {"type": "tool_use", "id": "a", "name": "look", "input": {"p": 1}},
    ]
    ended = await ask(make_messages(message(*content, stop_reason="tool_use", usage=Usage(input=7, output=3))))
    thought, text, call = ended.message.parts
    assert (thought.text, thought.meta["anthropic"]["signature"], text.text) == ("hm", "S", "yes")
    assert (call.arguments, ended.stop_reason, ended.usage) == ({"p": 1}, "tool_calls", Usage(input=7, output=3))


async def test_a_stream_declared_as_json_is_taken(make_messages: Make, ask: Any) -> None:
    stream = Answer(pieces=answer(text_block(0, "x")).pieces, headers={"content-type": "application/json"})
    assert (await ask(make_messages(stream))).message.text == "x"


# ----------------------------------------------------------------------------------------------------------- usage


async def test_input_counts_the_whole_prompt_with_what_was_cached(make_messages: Make, ask: Any) -> None:
    usage = Usage(input=120, output=33, cached=64, cache_write=16, reasoning=8)
    ended = await ask(make_messages(messages("x", usage=usage)))
    assert ended.usage == usage


async def test_what_a_later_count_leaves_out_still_holds(make_messages: Make, ask: Any) -> None:
    last = message_delta()
    last["usage"] = {"output_tokens": 40, "input_tokens": None, "cache_read_input_tokens": 5}
    ended = await ask(make_messages(events(message_start(), text_block(0, "x"), last, message_stop())))
    assert ended.usage == Usage(input=9 + 5, output=40, cached=5)


async def test_counts_come_before_the_end(make_messages: Make) -> None:
    provider = make_messages(messages("x"))
    seen = [type(event) async for event in provider.stream(REQUEST)]
    assert seen[0] is UsageReported
    assert PartEnded in seen
