"""What is sent in the Messages wire: accepted by the vendor's rules, and byte for byte the same beginning each time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hermes_compatible.messages.body import BodyBuilder
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.messages import (
    Media,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
    assistant_message,
    tool_message,
    user_message,
)
from hermes_host.protocols import ModelRequest, ModelSettings, ToolDefinition
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_messages import messages
from hermes_host.testing.model_server_messages_rules import breakpoints, signature_of, violation

Make = Callable[..., CompatibleProvider]

TOOLS = (
    ToolDefinition(
        name="look", summary="Look.", parameters={"type": "object", "properties": {"p": {"type": "string"}}}
    ),
    ToolDefinition(name="go", summary="Go.", parameters={}),
)
MARK = b',"cache_control":{"type":"ephemeral"}'
OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-5-5"


def body(
    *conversation: Message, quirks: Quirks | None = None, model: str = "m", valid: bool = True, **more: Any
) -> Any:
    builder = BodyBuilder(quirks or Quirks())
    wire = json.loads(builder.build(ModelRequest(model=model, messages=conversation, **more)))
    assert not valid or violation(wire) == ""
    return wire


def turns(*conversation: Message, **more: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    """The turns with their blocks, cache marks left out."""
    wire = body(*conversation, **more)["messages"]
    return [(turn["role"], [unmarked(block) for block in turn["content"]]) for turn in wire]


def unmarked(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "cache_control"}


def call(id: str, **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name="look", arguments=arguments, raw=json.dumps(arguments))


def result(id: str, text: str = "found", **more: Any) -> ToolResult:
    return ToolResult(call_id=id, name="look", content=(Text(text=text),), **more)


def thought(text: str = "hm", model: str = "m") -> Reasoning:
    return Reasoning(text=text, meta={"anthropic": {"model": model, "signature": signature_of(text)}})


def step(number: int, calls: int = 1, size: int = 300) -> list[Message]:
    made = [call(f"c{number}_{n}", p="ä" * n) for n in range(calls)]
    return [
        assistant_message(thought(f"step {number}"), "Let me see.", *made),
        tool_message(*(result(each.id, "x" * size) for each in made)),
    ]


def ids(content: Sequence[dict[str, Any]], key: str) -> list[str]:
    return [block[key] for block in content if key in block]


# ------------------------------------------------------------------------------------------------ bytes and cache marks


def without_closing(sent: bytes) -> bytes:
    """A request up to the end of its last block, without the mark there."""
    return sent[: sent.rfind(b"]}],")].removesuffix(MARK + b"}")


def test_request_n_plus_1_begins_with_the_bytes_of_request_n() -> None:
    builder = BodyBuilder(Quirks())
    conversation: list[Message] = [user_message("go")]
    before = b""
    for number in range(30):
        wishes = ModelSettings(temperature=number / 30, max_output_tokens=5000 + number)
        request = ModelRequest(
            model="m", messages=tuple(conversation), system="Be brief.", tools=TOOLS, settings=wishes, session_id="s"
        )
        now = builder.build(request)
        assert now.startswith(without_closing(before))
        assert violation(json.loads(now)) == ""
        assert now.count(MARK) == 3, "the last tool, the system prompt, the end"
        before = now
        conversation += step(number)
    assert len(without_closing(before)) > 10_000


def test_a_step_that_is_longer_than_the_cache_looks_back_marks_the_end_of_the_request_before() -> None:
    conversation = [user_message("go"), *step(0), *step(1, calls=12)]
    wire = body(*conversation, system="s", tools=TOOLS)
    assert breakpoints(wire) == 4
    marked = [position for position, turn in enumerate(wire["messages"]) if "cache_control" in turn["content"][-1]]
    assert marked == [2, 4], "where the request before ended, and where this one ends"
    conversation += step(2)
    assert breakpoints(body(*conversation, system="s", tools=TOOLS)) == 3


@pytest.mark.parametrize("calls", [1, 8, 9, 30])
def test_what_the_request_before_cached_is_within_twenty_blocks_of_a_mark(calls: int) -> None:
    conversation = [user_message("go"), *step(0), *step(1, calls=calls)]
    blocks = [block for turn in body(*conversation)["messages"] for block in turn["content"]]
    ended_before = sum(len(turn["content"]) for turn in body(*conversation[:3])["messages"]) - 1
    marks = [place for place, block in enumerate(blocks) if "cache_control" in block]
    assert any(0 <= mark - ended_before < 20 for mark in marks)


@pytest.mark.parametrize("size", range(0, 40, 3))
def test_there_are_never_more_than_four_marks(size: int) -> None:
    conversation = [user_message("go")]
    for number in range(size):
        conversation += step(number, calls=1 + number % 25)
    assert breakpoints(body(*conversation, system="s", tools=TOOLS)) <= 4


def test_an_endpoint_that_knows_no_marks_gets_none_and_the_bytes_only_grow() -> None:
    builder = BodyBuilder(Quirks(cache_marks=False))
    conversation = [user_message("go"), *step(0)]
    first = builder.build(ModelRequest(model="m", messages=conversation[:1], system="s", tools=TOOLS, session_id="s"))
    second = builder.build(ModelRequest(model="m", messages=conversation, system="s", tools=TOOLS, session_id="s"))
    assert MARK not in second
    assert second.startswith(first[: first.rfind(b"],")])


def test_bytes_do_not_depend_on_what_was_sent_before() -> None:
    conversation = [user_message("go"), *step(1), *step(2)]
    request = ModelRequest(model="m", messages=conversation, tools=TOOLS, system="s", session_id="s")
    used = BodyBuilder(Quirks())
    used.build(ModelRequest(model="m", messages=conversation[:1], tools=TOOLS, system="s", session_id="s"))
    used.build(ModelRequest(model="n", messages=conversation, session_id="s"))
    used.build(ModelRequest(model="m", messages=[user_message("a title?")], session_id="s", purpose="title"))
    assert used.build(request) == BodyBuilder(Quirks()).build(request)
    assert used.build(request) == used.build(request)


def test_building_at_a_hundred_messages_costs_hardly_more_than_at_two() -> None:
    builder = BodyBuilder(Quirks())

    def seconds(conversation: list[Message]) -> float:
        request = ModelRequest(model="m", messages=conversation, tools=TOOLS, system="s", session_id="s")
        builder.build(request)
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            builder.build(request)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert seconds([message for number in range(50) for message in step(number)]) < seconds(step(0)) + 0.001


IDS = st.sampled_from(["a", "b", "call_0", "call|7", ""])
SPOKEN = st.sampled_from(["", " ", "text", "ä"])
ANSWER_PARTS = st.one_of(
    SPOKEN.map(lambda text: Text(text=text)),
    IDS.map(call),
    IDS.map(lambda id: ToolCall(id=id, name="look", arguments=None, raw='{"p": "x')),
    st.sampled_from([thought(), thought(model=OLD), Reasoning(text="unsigned"), Unknown(data={"type": "x"})]),
)
HISTORY = st.lists(
    st.one_of(
        SPOKEN.map(user_message),
        st.lists(ANSWER_PARTS, max_size=4).map(lambda parts: assistant_message(*parts)),
        st.lists(IDS.map(result), max_size=3).map(lambda results: tool_message(*results)),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=300)
@given(HISTORY, st.sampled_from(["", "none", "high"]), st.sampled_from(["m", OLD, NEW]))
def test_whatever_the_conversation_was_the_request_keeps_the_vendor_s_rules(
    history: list[Message], reasoning: Any, model: str
) -> None:
    more = {"tools": TOOLS, "system": "s", "settings": ModelSettings(reasoning=reasoning)}
    wire = body(*history, model=model, **more)
    spoken = [part.text for message in history if message.role == "user" for part in message.parts if part.text.strip()]
    sent = [block.get("text") for turn in wire["messages"] if turn["role"] == "user" for block in turn["content"]]
    assert [text for text in sent if text in ("text", "ä")] == spoken, "nothing the user said is lost or moved"


async def test_a_conversation_with_tools_and_thoughts_is_accepted_at_every_step(
    make_messages: Make, ask: Any, server: ModelServer
) -> None:
    provider = make_messages(
        messages(Reasoning(text="First look."), "Let me see.", call("c1", p="ä"), call("c2")),
        messages(Reasoning(text="secret", redacted=True), call("c3")),
        messages("It is done."),
    )
    conversation: list[Message] = [user_message("go")]
    for _ in range(3):
        ended = await ask(provider, *conversation, system="Be brief.", tools=TOOLS, session_id="s")
        conversation.append(ended.message)
        if ended.message.tool_calls:
            conversation.append(tool_message(*(result(each.id) for each in ended.message.tool_calls)))
    assert conversation[-1].text == "It is done."
    first, second, third = (request.body for request in server.requests)
    assert second.startswith(without_closing(first))
    assert third.startswith(without_closing(second))


# --------------------------------------------------------------------------------------------------------- roles, calls


def test_messages_of_one_role_in_a_row_become_one_turn() -> None:
    sent = turns(
        user_message("a"), user_message("b"), assistant_message("c"), assistant_message("d"), user_message("e")
    )
    assert [(role, [block["text"] for block in blocks]) for role, blocks in sent] == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_results_stand_first_in_the_turn_after_their_calls_and_in_their_order() -> None:
    *_, (role, blocks) = turns(
        user_message("go"),
        assistant_message(call("a"), call("b")),
        user_message("by the way"),
        tool_message(result("b"), result("a")),
    )
    assert role == "user"
    assert ids(blocks, "tool_use_id") == ["a", "b"]
    assert blocks[-1] == {"type": "text", "text": "by the way"}


def test_a_result_without_a_call_is_left_out() -> None:
    assert turns(user_message("go"), tool_message(result("gone"))) == [("user", [{"type": "text", "text": "go"}])]


def test_a_second_result_of_a_call_is_left_out() -> None:
    *_, (_, blocks) = turns(
        user_message("go"), assistant_message(call("a")), tool_message(result("a", "one"), result("a", "two"))
    )
    assert [block["content"][0]["text"] for block in blocks] == ["one"]


@pytest.mark.parametrize("then", [[], [user_message("well?")], [assistant_message("I stopped.")]])
def test_a_call_without_a_result_gets_one_that_says_so(then: list[Message]) -> None:
    sent = turns(user_message("go"), assistant_message(call("a"), call("b")), tool_message(result("a")), *then)
    assert ids(sent[2][1], "tool_use_id") == ["a", "b"]
    assert sent[2][1][1]["is_error"] is True
    assert "interrupted" in sent[2][1][1]["content"][0]["text"]


def test_a_conversation_that_begins_or_ends_with_an_answer_is_framed() -> None:
    assert [role for role, _ in turns(assistant_message("hello"))] == ["user", "assistant", "user"]


def test_an_empty_conversation_is_still_a_request_that_can_be_answered() -> None:
    assert [role for role, _ in turns()] == ["user"]


def test_messages_of_which_nothing_can_be_sent_are_left_out() -> None:
    unknown = Unknown(data={"type": "hologram"})
    blank = [user_message(" \n"), assistant_message(Reasoning(text="hm"), "\t"), user_message(unknown)]
    assert turns(*blank, user_message("x")) == [("user", [{"type": "text", "text": "x"}])]


def test_a_failed_call_says_that_it_failed() -> None:
    *_, (_, blocks) = turns(
        user_message("go"), assistant_message(call("a")), tool_message(result("a", "no such file", is_error=True))
    )
    assert blocks[0]["is_error"] is True


def test_an_empty_result_is_said_in_words() -> None:
    *_, (_, blocks) = turns(
        user_message("go"), assistant_message(call("a")), tool_message(ToolResult(call_id="a", name="look"))
    )
    assert blocks[0]["content"] == "(no output)"


@pytest.mark.parametrize("raw", ['{"p": "x', '{"a":1}{"a":1}', "nonsense", "[1]", ""])
def test_a_broken_call_goes_back_as_an_object_that_shows_what_was_written(raw: str) -> None:
    broken = ToolCall(id="a", name="look", arguments=None, raw=raw)
    sent = turns(user_message("go"), assistant_message(broken), tool_message(result("a")))
    assert sent[1][1][0]["input"] == {"unparsed_arguments": raw}


@pytest.mark.parametrize("id", ["call|7/ü", "", "a b", "x" * 5 + "."])
def test_ids_of_other_vendors_are_put_into_the_alphabet_of_the_format(id: str) -> None:
    sent = turns(user_message("go"), assistant_message(call(id)), tool_message(result(id)))
    assert ids(sent[1][1], "id") == ids(sent[2][1], "tool_use_id") != [id]


def test_ids_that_come_again_in_a_later_answer_are_told_apart() -> None:
    again = [assistant_message(call("call_0")), tool_message(result("call_0"))]
    sent = turns(
        user_message("go"), *again, assistant_message(call("call_0")), tool_message(result("call_0", "second"))
    )
    assert ids(sent[1][1], "id") == ids(sent[2][1], "tool_use_id") == ["call_0"]
    assert ids(sent[3][1], "id") == ids(sent[4][1], "tool_use_id") == ["call_0_2"]
    assert sent[4][1][0]["content"][0]["text"] == "second"


def test_an_incomplete_answer_keeps_what_can_go_back() -> None:
    cut = Message(role="assistant", parts=(Reasoning(text="half a th"), Text(text="I was ab")), incomplete=True)
    assert turns(user_message("go"), cut, user_message("go on"))[1] == (
        "assistant",
        [{"type": "text", "text": "I was ab"}],
    )


# ------------------------------------------------------------------------------------------------------------- thoughts


def answered(
    *parts: Part, model: str = "m", quirks: Quirks | None = None, incomplete: bool = False
) -> list[dict[str, Any]]:
    message = Message(role="assistant", parts=parts, incomplete=incomplete)
    sent = turns(user_message("go"), message, user_message("x"), model=model, quirks=quirks, valid=False)
    return sent[1][1] if len(sent) > 1 else []


def test_thoughts_go_back_unchanged_with_their_signature_and_in_their_place() -> None:
    sent = answered(thought("one"), Text(text="a"), thought("two"), Text(text="b"))
    assert [block["type"] for block in sent] == ["thinking", "text", "thinking", "text"]
    assert sent[0] == {"type": "thinking", "thinking": "one", "signature": signature_of("one")}


def test_encrypted_thoughts_go_back_as_they_came() -> None:
    hidden = Reasoning(redacted=True, meta={"anthropic": {"model": "m", "data": "ENCRYPTED"}})
    assert answered(hidden, Text(text="a"))[0] == {"type": "redacted_thinking", "data": "ENCRYPTED"}


def test_thoughts_of_another_model_stay_here() -> None:
    assert answered(thought(model="n"), Text(text="a")) == [{"type": "text", "text": "a"}]


def test_an_answer_does_not_end_in_a_thought() -> None:
    assert [block["type"] for block in answered(Text(text="a"), thought("cut"))] == ["text"]
    assert answered(thought("alone")) == []


def test_unsigned_thoughts_go_back_only_where_the_vendor_takes_them_and_only_whole() -> None:
    unsigned = Reasoning(text="hm", meta={"anthropic": {"model": "m"}})
    quirks = Quirks(unsigned_thinking=True)
    assert [block["type"] for block in answered(unsigned, Text(text="a"))] == ["text"]
    assert answered(unsigned, Text(text="a"), quirks=quirks)[0]["thinking"] == "hm"
    assert [block["type"] for block in answered(unsigned, Text(text="a"), quirks=quirks, incomplete=True)] == ["text"]
    assert [block["type"] for block in answered(Reasoning(text="x"), Text(text="a"), quirks=quirks)] == ["text"]


def test_changing_the_model_and_changing_back_finds_the_thoughts_again() -> None:
    builder = BodyBuilder(Quirks())
    conversation = [user_message("go"), *step(0)]
    sizes = [
        len(builder.build(ModelRequest(model=model, messages=conversation, session_id="s")))
        for model in ("m", "n", "m")
    ]
    assert sizes[0] == sizes[2] > sizes[1]


# ---------------------------------------------------------------------------------------------------------- attachments


def user_blocks(*parts: Part, quirks: Quirks | None = None, **more: Any) -> list[dict[str, Any]]:
    return turns(user_message(*parts, **more), quirks=quirks)[0][1]


def test_images_go_as_data_or_by_address() -> None:
    sent = user_blocks(
        Text(text="see"),
        Media(kind="image", mime="image/png", data=b"\x89PNG"),
        Media(kind="image", mime="image/webp", url="https://example.com/a.webp"),
    )
    assert sent[1]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    assert sent[2]["source"] == {"type": "url", "url": "https://example.com/a.webp"}


def test_documents_go_as_documents_where_the_endpoint_takes_them() -> None:
    pdf = Media(kind="file", mime="application/pdf", data=b"%PDF", name="a.pdf")
    text = Media(kind="file", mime="text/csv", data="ä;b".encode(), name="a.csv")
    assert user_blocks(pdf, text) == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ä;b"}, "title": "a.csv"},
    ]
    assert user_blocks(pdf, text, quirks=Quirks(documents=False)) == [
        {"type": "text", "text": "[file a.pdf: this provider does not take it]"},
        {"type": "text", "text": "The file a.csv:\n\nä;b"},
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="audio", mime="audio/wav", data=b"x", name="a.wav"),
        Media(kind="video", mime="video/mp4", data=b"x", name="a.mp4"),
        Media(kind="image", mime="image/svg+xml", data=b"<svg/>", name="a.svg"),
        Media(kind="image", mime="image/png", url="file:///nowhere/a.png", name="a.png"),
        Media(kind="file", mime="text/plain", data=b" \n", name="a.txt"),
    ],
    ids=lambda media: media.name,
)
def test_what_cannot_be_sent_is_named_in_words(media: Media) -> None:
    (block,) = user_blocks(media)
    assert block["type"] == "text"
    assert media.name in block["text"]


def test_a_picture_of_a_tool_is_in_its_result() -> None:
    picture = Media(kind="image", mime="image/png", data=b"\x89PNG")
    *_, (_, blocks) = turns(
        user_message("go"),
        assistant_message(call("a")),
        tool_message(ToolResult(call_id="a", name="look", content=(Text(text="see"), picture))),
    )
    assert [block["type"] for block in blocks[0]["content"]] == ["text", "image"]


def test_a_local_file_is_read_only_when_the_owner_attached_it(tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(b"\x89PNG")
    image = Media(kind="image", mime="image/png", url=path.as_uri(), name="a b.png")
    assert user_blocks(image)[0]["source"]["data"] == "iVBORw=="
    assert user_blocks(image, provenance="external")[0]["text"] == "[image a b.png: it could not be read]"
    shown = turns(
        user_message("go"),
        assistant_message(call("a")),
        tool_message(ToolResult(call_id="a", name="look", content=(image,))),
    )
    assert "iVBORw" not in json.dumps(shown)
