"""Tool calls are put together right, or reported; never guessed and never doubled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hermes_compatible.calls import CallAssembler, parse_arguments
from hermes_compatible.provider import CompatibleProvider
from hermes_compatible.wire import CallDelta, FunctionDelta
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server_chat import call_delta, chunk, completion, events

Make = Callable[..., CompatibleProvider]


def piece(
    index: int | None = None, id: str | None = None, name: str | None = None, text: str | None = None
) -> CallDelta:
    return CallDelta(index=index, id=id, function=FunctionDelta(name=name, arguments=text))


def assembled(*deltas: CallDelta) -> list[ToolCall]:
    assembler = CallAssembler()
    for delta in deltas:
        assembler.add(delta)
    return [call.finished(cut=False) for call in assembler.calls]


def shapes(calls: list[ToolCall]) -> list[tuple[str, Any]]:
    return [(call.name, call.arguments) for call in calls]


def test_a_call_in_one_piece() -> None:
    (call,) = assembled(piece(0, "a", "look", '{"x":1}'))
    assert (call.id, call.name, call.arguments, call.raw) == ("a", "look", {"x": 1}, '{"x":1}')


def test_the_id_may_come_only_with_the_first_piece_or_with_every_one() -> None:
    once = assembled(piece(0, "a", "look", ""), piece(0, text='{"x"'), piece(0, text=":1}"))
    always = assembled(piece(0, "a", "look", ""), piece(0, "a", text='{"x"'), piece(0, "a", text=":1}"))
    empty = assembled(piece(0, "a", "look", ""), piece(0, "", "", '{"x"'), piece(0, "", "", ":1}"))
    assert once == always == empty


def test_a_late_id_belongs_to_the_call_at_its_index() -> None:
    (call,) = assembled(piece(0, name="look", text='{"x"'), piece(0, "a", text=":1}"))
    assert (call.id, call.arguments) == ("a", {"x": 1})


def test_a_new_id_for_every_piece_does_not_make_new_calls() -> None:
    (call,) = assembled(piece(0, "a", "look", '{"x"'), piece(0, "b", text=":1"), piece(0, "c", text="}"))
    assert (call.id, call.arguments) == ("a", {"x": 1})


def test_without_an_index_the_id_decides() -> None:
    calls = assembled(
        piece(None, "a", "look", '{"x"'),
        piece(None, "b", "look", '{"y"'),
        piece(None, "a", text=":1}"),
        piece(None, "b", text=":2}"),
    )
    assert shapes(calls) == [("look", {"x": 1}), ("look", {"y": 2})]


def test_without_index_and_id_pieces_go_on_with_the_last_call() -> None:
    calls = assembled(
        piece(name="look", text='{"x"'), piece(text=":1}"), piece(name="write", text='{"y"'), piece(text=":2}")
    )
    assert shapes(calls) == [("look", {"x": 1}), ("write", {"y": 2})]
    assert len({call.id for call in calls}) == 2 and all(call.id for call in calls)


def test_two_calls_at_one_index_with_different_ids_are_two() -> None:
    calls = assembled(piece(0, "a", "look", '{"x":1}'), piece(0, "b", "look", '{"x"'), piece(0, text=":2}"))
    assert [(call.id, call.arguments) for call in calls] == [("a", {"x": 1}), ("b", {"x": 2})]


def test_two_calls_at_one_index_without_ids_but_with_different_names_are_two() -> None:
    calls = assembled(piece(0, name="look", text='{"x":1}'), piece(0, name="write", text='{"y":2}'))
    assert shapes(calls) == [("look", {"x": 1}), ("write", {"y": 2})]


def test_one_id_for_two_calls_is_replaced_for_the_second() -> None:
    calls = assembled(piece(0, "call", "look", '{"x":1}'), piece(1, "call", "write", '{"y"'), piece(1, text=":2}"))
    assert shapes(calls) == [("look", {"x": 1}), ("write", {"y": 2})]
    assert calls[0].id == "call" and calls[1].id not in ("", "call")


def test_a_repeated_name_is_not_joined_to_itself() -> None:
    calls = assembled(
        piece(0, "a", "web_search", ""), piece(0, "a", "web_search", '{"q"'), piece(0, "a", "web_search", ":1}")
    )
    assert shapes(calls) == [("web_search", {"q": 1})]


def test_a_name_in_pieces_is_joined() -> None:
    assert shapes(assembled(piece(0, "a", "web_", ""), piece(0, name="search"), piece(0, text="{}"))) == [
        ("web_search", {})
    ]
    assert shapes(assembled(piece(0, "a", "web", ""), piece(0, "a", "web_search", "{}"))) == [("web_search", {})]


def test_a_piece_that_was_sent_twice_with_its_id_counts_once() -> None:
    once = piece(0, "a", "look", '{"x":1}')
    assert shapes(assembled(once, once)) == [("look", {"x": 1})]
    begin = piece(0, "a", "look", "")
    assert shapes(assembled(begin, begin, piece(0, text='{"x":1}'))) == [("look", {"x": 1})]


@pytest.mark.parametrize(
    "deltas",
    [
        (piece(0, "a", "look", '{"x":1}{"x":1}'),),
        (piece(0, "a", "look", '{"x":1}'), piece(0, text='{"x":1}')),
        (piece(0, name="look", text='{"x":1}'), piece(0, name="look", text='{"x":1}')),
        (piece(name="look", text='{"x":1}'), piece(name="look", text='{"x":1}')),
    ],
    ids=["in one piece", "in two pieces", "without an id", "without index and id"],
)
def test_fused_arguments_are_reported_and_not_run(deltas: tuple[CallDelta, ...]) -> None:
    (call,) = assembled(*deltas)
    assert call.arguments is None
    assert call.raw == '{"x":1}{"x":1}'


@pytest.mark.parametrize(
    "text", ['{"x":', '{"x":1', "[1]", '"x"', "x", '{"x":NaN}', '{"x":1},', '{"x":"\\ud800"}', "{}{}"]
)
def test_what_is_not_one_json_object_gives_none(text: str) -> None:
    assert parse_arguments(text) is None


@pytest.mark.parametrize("text", ["", "  \n", "null", "{}", " { } "])
def test_no_arguments_are_an_empty_object(text: str) -> None:
    assert parse_arguments(text) == {}


def test_arguments_given_as_an_object_are_taken() -> None:
    delta = CallDelta(index=0, id="a", function=FunctionDelta(name="look", arguments={"x": [1]}))
    (call,) = assembled(delta)
    assert (call.arguments, call.raw) == ({"x": [1]}, '{"x":[1]}')


Plan = list[tuple[str, dict[str, int]]]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[Plan, list[CallDelta]]:
    """Calls cut into pieces; pieces of one call keep their order, those of different calls mix, first pieces repeat."""
    plan = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["look", "write", "web_search"]),
                st.dictionaries(st.text(max_size=4), st.integers(-5, 5), max_size=3),
            ),
            min_size=1,
            max_size=4,
        )
    )
    queues: list[list[CallDelta]] = []
    everywhere = draw(st.booleans())
    for number, (name, arguments) in enumerate(plan):
        id, text = f"call_{number}", msgspec.json.encode(arguments).decode()
        queue = [piece(number, id, name, "")] * draw(st.integers(1, 3))
        while text:
            size = draw(st.integers(1, len(text)))
            queue.append(piece(number, id if everywhere else None, name if everywhere else None, text[:size]))
            text = text[size:]
        queues.append(queue)
    order = []
    heads = [queue.pop(0) for queue in queues]
    order += heads
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        order.append(queue.pop(0))
    return plan, order


@settings(deadline=None)
@given(interleaved())
def test_mixed_and_repeated_pieces_give_every_call_once_and_whole(drawn: tuple[Plan, list[CallDelta]]) -> None:
    plan, deltas = drawn
    calls = assembled(*deltas)
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        (f"call_{number}", name, arguments) for number, (name, arguments) in enumerate(plan)
    ]


# ------------------------------------------------------------------------------------------------ through the wire


async def test_arguments_that_the_output_limit_cut_away_are_not_an_empty_object(make: Make, ask: Any) -> None:
    ended = await ask(make(events(chunk(call_delta(0, id="a", name="look", arguments="")), chunk(finish="length"))))
    assert ended.message.tool_calls[0].arguments is None
    ended = await ask(make(events(chunk(call_delta(0, id="a", name="look", arguments="")), chunk(finish="tool_calls"))))
    assert ended.message.tool_calls[0].arguments == {}


async def test_the_old_function_call_field_is_read(make: Make, ask: Any) -> None:
    deltas = [{"function_call": {"name": "look", "arguments": '{"x"'}}, {"function_call": {"arguments": ":1}"}}]
    ended = await ask(make(events(*map(chunk, deltas), chunk(finish="function_call"))))
    assert shapes(ended.message.tool_calls) == [("look", {"x": 1})]
    assert ended.stop_reason == "tool_calls"


async def test_several_calls_in_one_delta_without_index_are_all_there(make: Make, ask: Any) -> None:
    calls = [{"id": f"c{n}", "function": {"name": "look", "arguments": {"n": n}}} for n in range(3)]
    ended = await ask(make(events(chunk({"tool_calls": calls}), chunk(finish="tool_calls"))))
    assert shapes(ended.message.tool_calls) == [("look", {"n": n}) for n in range(3)]
    whole = await ask(make(completion({"content": None, "tool_calls": calls}, finish="tool_calls")))
    assert whole.message.tool_calls == ended.message.tool_calls


async def test_a_signature_on_a_call_goes_back_with_it(make: Make, ask: Any, server: Any) -> None:
    delta = call_delta(0, id="a", name="look", arguments="{}")
    delta["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "SIGNED"}}
    provider = make(events(chunk(delta), chunk(finish="tool_calls")), completion({"content": "x"}))
    ended = await ask(provider)
    await ask(provider, ended.message)
    sent = server.requests[1].json["messages"][0]["tool_calls"][0]
    assert sent["extra_content"] == {"google": {"thought_signature": "SIGNED"}}
