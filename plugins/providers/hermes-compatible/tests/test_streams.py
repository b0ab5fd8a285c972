"""Streams as vendors and networks really send them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider
from hermes_compatible.sse import EventReader
from hermes_compatible.thinking import ThinkSplitter
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
from hermes_host.stream import PartDelta, PartEnded, PartStarted, Usage
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
from hermes_host.testing.model_server_chat import call_delta, chat, chunk, completion, events, failure, usage_chunk

Make = Callable[..., CompatibleProvider]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_an_answer_may_be_split_anywhere_even_within_a_character(make: Make, ask: Any, size: int) -> None:
    whole = assistant_message(
        Reasoning(text="Überlegen"), "Grüße, 世界 🙂", ToolCall(id="a", name="look", arguments={"ö": "ü"})
    )
    build = chat(message=whole)
    provider = make(lambda request: build(request).split(size))
    assert (await ask(provider)).message.text == "Grüße, 世界 🙂"


async def test_many_events_in_one_read_are_all_seen(make: Make, ask: Any) -> None:
    deltas = [chunk({"content": f"{number} "}) for number in range(500)]
    ended = await ask(make(events(*deltas, chunk(finish="stop")).joined()))
    assert ended.message.text == "".join(f"{number} " for number in range(500))


async def test_data_over_several_lines_is_one_event(make: Make, ask: Any) -> None:
    text = msgspec.json.format(msgspec.json.encode(chunk({"content": "x"})), indent=1)
    lines = b"".join(b"data: " + line + b"\n" for line in text.split(b"\n"))
    ended = await ask(make(events(b"event: message\nid: 1\nretry: 10\n" + lines + b"\n", chunk(finish="stop"))))
    assert ended.message.text == "x"


async def test_keep_alives_and_data_without_a_space_are_fine(make: Make, ask: Any) -> None:
    data = b"data:" + msgspec.json.encode(chunk({"content": "x"})) + b"\n\n"
    ended = await ask(make(events(b": OPENROUTER PROCESSING\n\n", b"\n\n\n", data, chunk(finish="stop"))))
    assert ended.message.text == "x"


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), min_size=1), max_size=6),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(1, 40), max_size=30),
)
def test_events_are_read_the_same_however_they_are_cut(texts: list[str], newline: bytes, cuts: list[int]) -> None:
    data = [text.encode() for text in texts]
    stream = b"".join(b"data: " + item + newline + newline for item in data)
    reader, read = EventReader(), []
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        read += reader.feed(piece)
    read += reader.feed(stream) + reader.close()
    assert read == data


async def test_text_streams_while_it_is_written(server: ModelServer, make: Make) -> None:
    provider = make(
        events(chunk({"content": "first"}), Pause.HOLD, chunk({"content": " second"}), chunk(finish="stop"))
    )
    seen = []
    async for event in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
        if isinstance(event, PartDelta):
            seen.append((event.text, server.holding.is_set()))
            if event.text == "first":
                await server.holding.wait()
                server.release()
    assert [text for text, _ in seen] == ["first", " second"]


async def test_the_first_call_shows_before_it_is_complete(server: ModelServer, make: Make) -> None:
    provider = make(
        events(
            chunk(call_delta(0, id="a", name="write", arguments='{"te')),
            Pause.HOLD,
            chunk(call_delta(0, arguments='xt":"x"}')),
            chunk(finish="tool_calls"),
        )
    )
    order = []
    async for event in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
        order.append(type(event))
        if isinstance(event, PartStarted):
            await server.holding.wait()
            server.release()
    assert order.index(PartStarted) < order.index(PartEnded)


async def test_text_after_a_call_keeps_its_place_in_the_grammar(make: Make, ask: Any) -> None:
    ended = await ask(
        make(
            events(
                chunk(call_delta(0, id="a", name="look", arguments='{"p')),
                chunk({"content": "By the way, "}),
                chunk(call_delta(0, arguments='":1}')),
                chunk({"content": "hello"}),
                chunk(finish="tool_calls"),
            )
        )
    )
    assert ended.message.tool_calls[0].arguments == {"p": 1}
    assert ended.message.text == "By the way, hello"


# ------------------------------------------------------------------------------------------------------- reasoning


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_reasoning_is_found_under_either_name(make: Make, ask: Any, field: str) -> None:
    ended = await ask(make(chat(Reasoning(text="thinking hard"), "done", reasoning_field=field)))
    assert ended.message.parts == (Reasoning(text="thinking hard"), Text(text="done"))


async def test_reasoning_under_both_names_is_not_doubled(make: Make, ask: Any) -> None:
    deltas = [{"reasoning": text, "reasoning_content": text} for text in ("a", "b")]
    ended = await ask(make(events(*map(chunk, deltas), chunk({"content": "x"}), chunk(finish="stop"))))
    assert ended.message.parts[0] == Reasoning(text="ab")


async def test_reasoning_details_are_joined_and_kept_for_the_way_back(
    make: Make, ask: Any, server: ModelServer
) -> None:
    def detail(**more: Any) -> dict[str, Any]:
        return chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "format": "x", **more}]})

    quirks = Quirks(echo="reasoning_details")
    provider = make(
        events(
            detail(text="one "),
            detail(text="two"),
            detail(signature="SIGNED"),
            chunk(call_delta(0, id="a", name="look", arguments="{}")),
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "SECRET", "id": "a", "index": 1}]}),
            chunk(finish="tool_calls"),
        ),
        chat("x"),
        quirks=quirks,
    )
    ended = await ask(provider)
    assert ended.message.parts[0].text == "one two"
    await ask(provider, user_message("hi"), ended.message)
    assert server.requests[1].json["messages"][1]["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "format": "x", "text": "one two", "signature": "SIGNED"},
        {"type": "reasoning.encrypted", "data": "SECRET", "id": "a", "index": 1},
    ]


@pytest.mark.parametrize("pieces", [1, 3, 7, 40])
async def test_think_tags_at_the_beginning_are_reasoning_where_the_quirk_says_so(
    make: Make, ask: Any, pieces: int
) -> None:
    text = "<think>\nLet me see < 3.\n</think>\n\nThe answer, not a </think> tag."
    ended = await ask(make(chat(text, pieces=pieces), quirks=Quirks(think_tags=True)))
    assert ended.message.parts == (
        Reasoning(text="Let me see < 3.\n"),
        Text(text="The answer, not a </think> tag."),
    )
    assert (await ask(make(chat(text)))).message.text == text


@settings(deadline=None)
@given(st.text(alphabet="<>/think a\n", max_size=60), st.lists(st.integers(1, 9), max_size=20))
def test_think_tags_lose_nothing_but_tags_and_blank_lines(text: str, cuts: list[int]) -> None:
    def split(pieces: list[str]) -> dict[str, str]:
        splitter, out = ThinkSplitter(), {"reasoning": "", "text": ""}
        for piece in pieces:
            for kind, part in splitter.feed(piece):
                out[kind] += part
        for kind, part in splitter.close():
            out[kind] += part
        return out

    pieces, rest = [], text
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert split([*pieces, rest]) == split(list(text)) == split([text])
    if not text.lstrip().startswith("<think>"):
        assert split([text])["text"] == text


async def test_content_in_typed_pieces_is_read(make: Make, ask: Any) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    deltas = [{"content": [thinking]}, {"content": [{"type": "text", "text": "yes"}]}]
    ended = await ask(make(events(*map(chunk, deltas), chunk(finish="stop"))))
    assert ended.message.parts == (Reasoning(text="hm"), Text(text="yes"))


# ----------------------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(input=9, output=2)),
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8},
            Usage(input=9, output=2, cached=8),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 8}, Usage(input=9, output=2, cached=8)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            Usage(input=9, output=2, cached=4, cache_write=3, reasoning=1),
        ),
    ],
    ids=["plain", "deepseek", "moonshot", "openrouter"],
)
async def test_tokens_are_counted_as_each_vendor_reports_them(make: Make, ask: Any, wire: Any, usage: Usage) -> None:
    assert (await ask(make(events(chunk({"content": "x"}), chunk(finish="stop", usage=wire))))).usage == usage


async def test_usage_within_the_choice_counts_too(make: Make, ask: Any) -> None:
    last = chunk(finish="stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 5, "completion_tokens": 1}
    assert (await ask(make(events(chunk({"content": "x"}), last)))).usage == Usage(input=5, output=1)


# ------------------------------------------------------------------------------------------------------------ ends


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end"),
        ("eos", "end"),
        ("length", "length"),
        ("model_length", "length"),
        ("insufficient_system", "other"),
    ],
)
async def test_finish_reasons_are_mapped(make: Make, ask: Any, finish: str, reason: str) -> None:
    ended = await ask(make(events(chunk({"content": "x"}), chunk(finish=finish))))
    assert ended.stop_reason == reason
    assert ended.message.incomplete == (reason == "length")


async def test_calls_decide_over_a_wrong_finish_reason(make: Make, ask: Any) -> None:
    call = chunk(call_delta(0, id="a", name="look", arguments="{}"))
    assert (await ask(make(events(call, chunk(finish="stop"))))).stop_reason == "tool_calls"
    assert (await ask(make(events(chunk({"content": "x"}), chunk(finish="tool_calls"))))).stop_reason == "end"


async def test_an_end_without_content_is_an_empty_message(make: Make, ask: Any) -> None:
    ended = await ask(make(events(chunk({"role": "assistant", "content": ""}), chunk(finish="stop"))))
    assert ended.message.parts == ()


async def test_a_filter_that_leaves_nothing_raises(make: Make, ask: Any) -> None:
    with pytest.raises(ContentRefused):
        await ask(make(events(chunk(finish="content_filter"))))


async def test_the_end_of_the_body_is_enough_after_a_finish_reason(make: Make, ask: Any) -> None:
    last = b"data: " + msgspec.json.encode(chunk(finish="stop"))
    assert (await ask(make(events(chunk({"content": "x"}), last, done=False)))).message.text == "x"


@pytest.mark.parametrize("pause", [Pause.CUT, Pause.CLOSE])
async def test_a_cut_connection_is_never_a_success(make: Make, ask: Any, pause: Pause) -> None:
    with pytest.raises(ConnectionLost) as lost:
        await ask(make(events(chunk({"content": "half"}), pause)))
    assert lost.value.partial
    with pytest.raises(ConnectionLost) as lost:
        await ask(make(events(chunk({"role": "assistant"}), pause)))
    assert not lost.value.partial


@pytest.mark.parametrize(
    "answer",
    [
        events(chunk({"content": "half"}), done=False),
        events(chunk({"content": "half"}), done=True),
        events(chunk({"content": "half"}), b'data: {"choices": [{"del', done=False),
        Answer(pieces=events(chunk({"content": "half"}), done=False).pieces, framing="close"),
    ],
    ids=["no end", "no finish reason", "a cut line", "closed"],
)
async def test_a_stream_without_a_finish_reason_is_lost(make: Make, ask: Any, answer: Answer) -> None:
    with pytest.raises(ConnectionLost, match="broke off") as lost:
        await ask(make(answer))
    assert lost.value.partial


@pytest.mark.parametrize(
    "answer",
    [
        events(b"data: {malformed\n\n"),
        events(b'data: {"choices": "none"}\n\n'),
        events(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'),
        events({**chunk(), "choices": []}),
        events(),
        json_answer({"choices": []}),
        json_answer(["not", "a", "completion"]),
        Answer(pieces=[b'{"choices": [{"mess'], framing="length"),
        Answer(pieces=[b"<html><body>Sign in</body></html>"], headers={"content-type": "text/html"}),
    ],
    ids=["json", "type", "utf-8", "no choices", "only done", "empty", "list", "half", "html"],
)
async def test_an_unreadable_answer_is_invalid(make: Make, ask: Any, answer: Answer) -> None:
    with pytest.raises(InvalidResponse):
        await ask(make(answer))


async def test_an_empty_body_is_a_lost_connection(make: Make, ask: Any) -> None:
    with pytest.raises(ConnectionLost):
        await ask(make(Answer(framing="length")))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error": {"message": "slow down", "code": 429}}, RateLimited),
        ({"error": {"message": "busy", "type": "overloaded_error"}}, Overloaded),
        ({"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "boom"}}}, Overloaded),
        ({"error": {"message": "bad key", "code": "invalid_api_key"}}, AuthFailed),
        ({"error": "something broke"}, Overloaded),
        ({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, BadRequest),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None}, RateLimited),
    ],
)
@pytest.mark.parametrize("began", [False, True])
async def test_an_error_within_an_answer_of_status_200_is_raised(
    make: Make, ask: Any, error: Any, kind: type[ProviderError], began: bool
) -> None:
    first = [chunk({"content": "x"})] if began else []
    with pytest.raises(kind):
        await ask(make(events(*first, error)))
    with pytest.raises(kind):
        await ask(make(json_answer(error)))


async def test_a_json_answer_to_a_streaming_request_is_taken(make: Make, ask: Any) -> None:
    ended = await ask(make(completion({"content": "whole", "reasoning_content": "hm"})))
    assert ended.message.parts == (Reasoning(text="hm"), Text(text="whole"))


async def test_a_stream_declared_as_json_is_taken(make: Make, ask: Any) -> None:
    stream = events(chunk({"content": "x"}), chunk(finish="stop"))
    answer = Answer(pieces=stream.pieces, headers={"content-type": "application/json"})
    assert (await ask(make(answer))).message.text == "x"


async def test_an_answer_that_ends_in_an_error_is_raised(make: Make, ask: Any) -> None:
    with pytest.raises(Overloaded):
        await ask(make(events(chunk({"content": "x"}), chunk(finish="error"))))


async def test_a_byte_order_mark_is_skipped(make: Make, ask: Any) -> None:
    answer = events(b"\xef\xbb\xbf", chunk({"content": "x"}), chunk(finish="stop")).joined()
    assert (await ask(make(answer))).message.text == "x"


async def test_further_choices_are_ignored(make: Make, ask: Any) -> None:
    other = chunk({"content": "other"}, index=1)
    assert (await ask(make(events(chunk({"content": "x"}), other, chunk(finish="stop"))))).message.text == "x"


async def test_packed_answers_are_unpacked(make: Make, ask: Any) -> None:
    import gzip

    body = gzip.compress(
        b"".join(p for p in events(chunk({"content": "x"}), chunk(finish="stop")).pieces if isinstance(p, bytes))
    )
    answer = Answer(pieces=[body[:20], body[20:]], headers={"content-encoding": "gzip"})
    assert (await ask(make(answer))).message.text == "x"


async def test_usage_after_the_finish_is_still_read(make: Make, ask: Any) -> None:
    ended = await ask(
        make(events(chunk({"content": "x"}), chunk(finish="stop"), usage_chunk(Usage(input=7, output=3))))
    )
    assert ended.usage == Usage(input=7, output=3)


async def test_the_failure_of_one_answer_leaves_the_next_alone(make: Make, ask: Any) -> None:
    provider = make(failure(500, "oops"), chat("fine"))
    with pytest.raises(Overloaded):
        await ask(provider)
    assert (await ask(provider)).message.text == "fine"


def test_a_key_broken_by_bytes_that_are_no_text_is_not_passed_over():
    from hermes_compatible.wire import decode_chunk

    good = b'{"choices":[{"delta":{"content":"hi"}}]}'
    assert decode_chunk(good).choices
    with pytest.raises(UnicodeDecodeError):
        decode_chunk(good.replace(b"delta", b"del\xff\xfe\x80ta"))
