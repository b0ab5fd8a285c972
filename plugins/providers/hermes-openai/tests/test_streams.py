"""Responses streams as the vendor, proxies and networks really send them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from hermes_host.stream import PartDelta, PartEnded, PartStarted, Usage
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
from hermes_host.testing.model_server_responses import (
    call_item,
    error_event,
    events,
    failed,
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

Make = Callable[..., Any]

MESSAGE = message_item("Hello there")
LOOK = call_item("look", '{"a":1}')


def completed(*items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": response(*items, **more)}


def incomplete(*items: Any, reason: str) -> dict[str, Any]:
    return {"type": "response.incomplete", "response": response(*items, status="incomplete", reason=reason)}


# ------------------------------------------------------------------------------------------------------ what comes


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_an_answer_may_be_split_anywhere_even_within_a_character(make: Make, ask: Any, size: int) -> None:
    whole = assistant_message(
        Reasoning(text="Überlegen"), "Grüße 🙂", ToolCall(id="a", name="look", arguments={"ö": 1})
    )
    build = responses(message=whole)
    ended = await ask(await make(lambda request: build(request).split(size)))
    assert ended.message.text == "Grüße 🙂" and ended.message.tool_calls[0].arguments == {"ö": 1}


async def test_many_events_in_one_read_are_all_seen(make: Make, ask: Any) -> None:
    deltas = [text_delta(f"{number} ") for number in range(500)]
    ended = await ask(await make(events(item_added(message_item()), *deltas, completed()).joined()))
    assert ended.message.text == "".join(f"{number} " for number in range(500))


async def test_text_streams_while_it_is_written(make: Make, server: ModelServer) -> None:
    begun = (item_added(MESSAGE), text_delta("Hello "), Pause.HOLD, text_delta("there"), item_done(MESSAGE))
    provider = await make(events(*begun, completed(MESSAGE)))
    seen = []
    async with asyncio.timeout(5):
        async for event in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
            if isinstance(event, PartDelta):
                seen.append(event.text)
                if len(seen) == 1:
                    await server.holding.wait()
                    server.release()
    assert seen == ["Hello ", "there"]


async def test_a_call_shows_before_its_arguments_are_there(make: Make, server: ModelServer) -> None:
    provider = await make(events(item_added(LOOK), Pause.HOLD, *item_events(LOOK)[1:], completed(LOOK)))
    order = []
    async with asyncio.timeout(5):
        async for event in provider.stream(ModelRequest(model="m", messages=[user_message("hi")])):
            order.append(type(event))
            if isinstance(event, PartStarted):
                assert event.name == "look"
                await server.holding.wait()
                server.release()
    assert order.index(PartStarted) < order.index(PartEnded)


async def test_the_paragraphs_of_a_summary_stand_apart(make: Make, ask: Any) -> None:
    ended = await ask(await make(events(*item_events(reasoning_item("First.", "Second.")), completed())))
    assert ended.message.parts[0].text == "First.\n\nSecond."


async def test_a_thought_without_a_summary_is_a_redacted_part(make: Make, ask: Any) -> None:
    item = reasoning_item()
    ended = await ask(await make(events(*item_events(item), *item_events(MESSAGE, 1), completed(item, MESSAGE))))
    thought, text = ended.message.parts
    assert (thought.redacted, thought.text, thought.meta["openai"]["item"]) == (True, "", item)
    assert text.text == "Hello there"


async def test_a_thought_of_which_nothing_is_told_is_no_part(make: Make, ask: Any) -> None:
    ended = await ask(
        await make(events(*item_events(reasoning_item(hidden="")), *item_events(MESSAGE, 1), completed()))
    )
    assert [type(part) for part in ended.message.parts] == [Text]


async def test_raw_thoughts_of_open_models_are_reasoning(make: Make, ask: Any) -> None:
    item = {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    delta = {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "Hm."}
    ended = await ask(await make(events(item_added(item), delta, item_done(item), completed(item))))
    assert ended.message.parts[0].text == "Hm."


async def test_interleaved_items_come_one_after_the_other(make: Make, ask: Any) -> None:
    first, second = call_item("one", '{"a":1}'), call_item("two", '{"b":2}', call_id="call_2", id="fc_2")
    provider = await make(
        events(
            *(item_added(MESSAGE), item_added(first, 1), text_delta("Hello "), item_added(second, 2)),
            *(arguments_delta('{"b"', 2), arguments_delta('{"a"', 1), text_delta("there")),
            *(arguments_delta(":2}", 2), item_done(second, 2), arguments_delta(":1}", 1)),
            *(item_done(MESSAGE), item_done(first, 1), completed(MESSAGE, first, second)),
        )
    )
    ended = await ask(provider)
    assert ended.message.text == "Hello there"
    assert [(call.id, call.name, call.arguments) for call in ended.message.tool_calls] == [
        ("call_1", "one", {"a": 1}),
        ("call_2", "two", {"b": 2}),
    ]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_however_items_are_interleaved_each_keeps_its_text(make: Make, ask: Any, data: st.DataObject) -> None:
    items = [message_item("Hello there"), LOOK, reasoning_item("a", "b"), call_item("two", "{}", call_id="c2", id="f2")]
    queues = [list(item_events(item, index)) for index, item in enumerate(items)]
    mixed: list[dict[str, Any]] = []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        mixed.append(queue.pop(0))
    ended = await ask(await make(events(*mixed, completed(*items))))
    assert {call.name: call.arguments for call in ended.message.tool_calls} == {"look": {"a": 1}, "two": {}}
    assert ended.message.text == "Hello there"
    assert [part.text for part in ended.message.parts if isinstance(part, Reasoning)] == ["a\n\nb"]


async def test_missing_deltas_are_filled_in_from_the_whole(make: Make, ask: Any) -> None:
    provider = await make(
        events(item_added(MESSAGE), text_delta("Hello"), item_done(MESSAGE), completed(MESSAGE)),
        events(item_added(LOOK), item_done(LOOK), completed(LOOK)),
        events(item_added(LOOK), arguments_done('{"a":1}'), completed()),
        events(completed(reasoning_item("hm"), MESSAGE, LOOK)),
    )
    assert (await ask(provider)).message.text == "Hello there"
    for _ in range(2):
        assert (await ask(provider)).message.tool_calls[0].arguments == {"a": 1}
    assert [type(part) for part in (await ask(provider)).message.parts] == [Reasoning, Text, ToolCall]


async def test_items_of_other_kinds_are_passed_over(make: Make, ask: Any) -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    searching = {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"}
    stream = events(item_added(search), searching, item_done(search), *item_events(MESSAGE, 1), completed())
    assert (await ask(await make(stream))).message.text == "Hello there"


async def test_tokens_are_counted_with_their_kinds(make: Make, ask: Any) -> None:
    usage = Usage(input=100, output=20, cached=60, cache_write=10, reasoning=5)
    assert (await ask(await make(responses("x", usage=usage)))).usage == usage
    assert (await ask(await make(events(*item_events(MESSAGE), completed(MESSAGE, usage=None))))).usage == Usage()


async def test_an_answer_in_one_piece_is_taken(make: Make, ask: Any) -> None:
    provider = await make(json_answer(response(reasoning_item("hm"), MESSAGE, LOOK)))
    ended = await ask(provider)
    assert ended.stop_reason == "tool_calls"
    assert [type(part) for part in ended.message.parts] == [Reasoning, Text, ToolCall]


async def test_packed_answers_are_unpacked(make: Make, ask: Any) -> None:
    import gzip

    pieces = events(*item_events(MESSAGE), completed(MESSAGE)).pieces
    body = gzip.compress(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
    answer = Answer(pieces=[body[:20], body[20:]], headers={"content-encoding": "gzip"})
    assert (await ask(await make(answer))).message.text == "Hello there"


# ------------------------------------------------------------------------------------------------------------ ends


@pytest.mark.parametrize(
    ("reason", "stop"), [("max_output_tokens", "length"), ("content_filter", "refused"), ("max_messages", "other")]
)
async def test_an_incomplete_answer_says_why(make: Make, ask: Any, reason: str, stop: str) -> None:
    half = message_item("Hello", status="incomplete")
    ended = await ask(await make(events(item_added(half), text_delta("Hello"), incomplete(half, reason=reason))))
    assert (ended.stop_reason, ended.message.incomplete, ended.message.text) == (stop, True, "Hello")


async def test_a_call_cut_at_the_limit_is_never_whole(make: Make, ask: Any) -> None:
    cut = call_item("look", "", status="incomplete")
    half = call_item("look", '{"a":', call_id="c2", id="f2", status="incomplete")
    stream = events(*item_events(cut), item_added(half, 1), arguments_delta('{"a":', 1))
    provider = await make(
        Answer(pieces=[*stream.pieces, *events(incomplete(cut, half, reason="max_output_tokens")).pieces])
    )
    ended = await ask(provider)
    assert [(call.arguments, call.raw) for call in ended.message.tool_calls] == [(None, ""), (None, '{"a":')]
    assert ended.stop_reason == "length"


async def test_a_refusal_is_text_and_the_reason_to_stop(make: Make, ask: Any) -> None:
    item = message_item("Well. ", refusal="I cannot help.")
    stream = events(
        *(item_added(item), text_delta("Well. "), refusal_delta("I cannot ", content_index=1)),
        *(refusal_delta("help.", content_index=1), item_done(item), completed(item)),
    )
    ended = await ask(await make(stream, json_answer(response(item))))
    assert (ended.message.text, ended.stop_reason) == ("Well. I cannot help.", "refused")


async def test_a_filter_that_leaves_nothing_raises(make: Make, ask: Any) -> None:
    with pytest.raises(ContentRefused):
        await ask(await make(events(incomplete(reason="content_filter"))))


@pytest.mark.parametrize("items", [(), (message_item(),), (message_item(""),)], ids=["none", "no content", "no text"])
async def test_an_end_without_content_is_an_empty_message(make: Make, ask: Any, items: Any) -> None:
    added = [event for index, item in enumerate(items) for event in item_events(item, index)]
    for answer in (events(*added, completed(*items)), json_answer(response(*items))):
        ended = await ask(await make(answer))
        assert (ended.message.parts, ended.stop_reason) == ((), "end")


async def test_the_last_event_may_lack_its_empty_line(make: Make, ask: Any) -> None:
    last = b"data: " + msgspec.json.encode(completed(MESSAGE))
    assert (await ask(await make(events(*item_events(MESSAGE), last)))).message.text == "Hello there"


# ------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("pause", [Pause.CUT, Pause.CLOSE])
async def test_a_cut_connection_is_never_a_success(make: Make, ask: Any, pause: Pause) -> None:
    with pytest.raises(ConnectionLost) as lost:
        await ask(await make(events(item_added(MESSAGE), text_delta("half"), pause)))
    assert lost.value.partial
    with pytest.raises(ConnectionLost) as lost:
        await ask(await make(events(item_added(MESSAGE), pause)))
    assert not lost.value.partial


@pytest.mark.parametrize(
    "answer",
    [
        events(item_added(MESSAGE), text_delta("half")),
        events(item_added(MESSAGE), text_delta("half"), b"data: [DONE]\n\n"),
        events(*item_events(MESSAGE)),
        events(item_added(MESSAGE), text_delta("half"), b"event: response.output_te"),
        events(item_added(MESSAGE), text_delta("half"), b'data: {"type": "response.comp'),
        Answer(framing="length"),
    ],
    ids=["no end", "only done", "item but no end", "cut name", "cut data", "empty body"],
)
async def test_a_stream_without_its_last_event_is_lost(make: Make, ask: Any, answer: Answer) -> None:
    with pytest.raises(ConnectionLost, match="broke off"):
        await ask(await make(answer))


@pytest.mark.parametrize(
    "answer",
    [
        events(b"data: {malformed\n\n"),
        events(b'data: {"type": 5, "delta": "x"}\n\n'),
        events(b'data: {"type":"response.output_text.delta","delta":"\xff\xfe"}\n\n'),
        events(b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'),
        json_answer(["not", "a", "response"]),
        json_answer({"object": "response"}),
        Answer(pieces=[b'{"object": "response", "outp'], framing="length"),
        html_page(),
    ],
    ids=["json", "type", "utf-8", "chat completions", "list", "no output", "half", "html"],
)
async def test_an_unreadable_answer_is_invalid(make: Make, ask: Any, answer: Answer) -> None:
    with pytest.raises(InvalidResponse):
        await ask(await make(answer))


async def test_a_page_is_quoted_without_its_markup(make: Make, ask: Any) -> None:
    with pytest.raises(InvalidResponse, match="Sign in to continue") as caught:
        await ask(await make(html_page()))
    assert "<h1>" not in str(caught.value)


@pytest.mark.parametrize("told", [True, False], ids=["with the whole", "without"])
async def test_deltas_out_of_order_are_found(make: Make, ask: Any, told: bool) -> None:
    swapped = ({**text_delta("there"), "sequence_number": 9}, {**text_delta("Hello "), "sequence_number": 8})
    whole = {**(MESSAGE if told else message_item()), "id": "msg_0"}
    end = {**completed(whole), "sequence_number": 11}
    done = {**item_done(whole), "sequence_number": 10}
    with pytest.raises(InvalidResponse, match="out of order"):
        await ask(await make(events(item_added(MESSAGE), *swapped, done, end)))


async def test_arguments_that_contradict_the_whole_are_never_run(make: Make, ask: Any) -> None:
    stream = events(item_added(LOOK), arguments_delta(":1}"), arguments_delta('{"a"'), item_done(LOOK), completed(LOOK))
    with pytest.raises(InvalidResponse, match="out of order"):
        await ask(await make(stream))


async def test_deltas_before_their_item_wait_for_it(make: Make, ask: Any) -> None:
    ended = await ask(
        await make(
            events(arguments_delta('{"a"'), item_added(LOOK), arguments_delta(":1}"), item_done(LOOK), completed())
        )
    )
    assert [(call.name, call.arguments) for call in ended.message.tool_calls] == [("look", {"a": 1})]


async def test_two_calls_fused_into_one_are_handed_on_as_they_are(make: Make, ask: Any) -> None:
    fused = call_item("looklook", '{"a":1}{"a":2}')
    ended = await ask(await make(events(*item_events(fused), completed(fused))))
    (call,) = ended.message.tool_calls
    assert (call.name, call.arguments, call.raw) == ("looklook", None, '{"a":1}{"a":2}')


@pytest.mark.parametrize("raw", ['{"a":', "[1]", '"x"', "{'a': 1}"])
async def test_arguments_that_are_no_object_are_not_guessed(make: Make, ask: Any, raw: str) -> None:
    (call,) = (await ask(await make(responses(ToolCall(id="c", name="look", raw=raw))))).message.tool_calls
    assert (call.arguments, call.raw) == (None, raw)


async def test_a_call_without_a_name_or_an_id_is_still_a_call(make: Make, ask: Any) -> None:
    item = {"type": "function_call", "arguments": '{"a":1}'}
    stream = events(item_added(item), arguments_delta('{"a":1}'), item_done(item), completed(item))
    (call,) = (await ask(await make(stream))).message.tool_calls
    assert call.id and (call.name, call.arguments) == ("", {"a": 1})


async def test_a_silent_answer_is_given_up(make: Make, ask: Any) -> None:
    provider = await make(events(item_added(MESSAGE), text_delta("x"), Pause.HOLD), read_timeout=0.05)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionLost, match="silent") as lost:
            await ask(provider)
    assert lost.value.partial and "openai.read_timeout" in str(lost.value)


async def test_an_answer_that_never_begins_is_given_up(make: Make, ask: Any) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionLost, match="silent") as lost:
            await ask(await make(Answer(hold_first=True)), timeout=0.05)
    assert not lost.value.partial


# -------------------------------------------------------------------------------------------- errors of status 200


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("server_error", "oops", Overloaded),
        ("rate_limit_exceeded", "slow down", RateLimited),
        ("insufficient_quota", "no credit", RateLimited),
        ("context_length_exceeded", "Your input exceeds the context window of this model.", ContextTooLong),
        ("invalid_prompt", "flagged as potentially violating our usage policy", ContentRefused),
        ("bio_policy", "no", ContentRefused),
        ("image_too_large", "no", BadRequest),
        ("invalid_api_key", "no", AuthFailed),
        ("vector_store_timeout", "no", Overloaded),
        ("something_new", "no", Overloaded),
    ],
)
async def test_an_error_within_a_stream_is_raised_as_its_class(
    make: Make, ask: Any, code: str, message: str, kind: type[ProviderError]
) -> None:
    provider = await make(
        failed(code, message),
        events(error_event(code, message)),
        events({**error_event(code, message), "status": None}),
        events(item_added(MESSAGE), text_delta("half"), error_event(code, message, nested=True)),
        json_answer(response(status="failed", error={"code": code, "message": message})),
    )
    for _ in range(5):
        with pytest.raises(ProviderError, match=message) as caught:
            await ask(provider)
        assert type(caught.value) is kind


async def test_a_status_within_a_stream_counts(make: Make, ask: Any) -> None:
    with pytest.raises(RateLimited):
        await ask(await make(events({**error_event("new_words", nested=True), "status": 429})))


async def test_a_wait_that_stands_in_the_words_is_read(make: Make, ask: Any) -> None:
    provider = await make(
        failed("rate_limit_exceeded", "Rate limit reached. Please try again in 1.5s. See your limits."),
        failed("rate_limit_exceeded", "Please try again in 350ms."),
    )
    for seconds in (1.5, 0.35):
        with pytest.raises(RateLimited) as limited:
            await ask(provider)
        assert limited.value.retry_after == pytest.approx(seconds)


async def test_the_failure_of_one_answer_leaves_the_next_alone(make: Make, ask: Any) -> None:
    provider = await make(failed("server_error"), responses("fine"))
    with pytest.raises(Overloaded):
        await ask(provider)
    assert (await ask(provider)).message.text == "fine"


async def test_a_summary_delta_of_another_item_does_not_mix(make: Make, ask: Any) -> None:
    one, two = reasoning_item("one", id="a"), reasoning_item("two", id="b")
    stream = events(
        *(item_added(one), item_added(two, 1), summary_delta("tw", 1), summary_delta("one"), summary_delta("o", 1)),
        *(item_done(one), item_done(two, 1), completed(one, two)),
    )
    ended = await ask(await make(stream))
    assert [part.text for part in ended.message.parts] == ["one", "two"]
