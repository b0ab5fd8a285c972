"""What is sent: messages in the order the API demands, cache marks, images, documents, thoughts, limits."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hermes_anthropic.dialect import betas_of, quirks_of
from hermes_anthropic.provider import AnthropicProvider
from hermes_anthropic.settings import Settings
from hermes_compatible.messages.body import BodyBuilder
from hermes_compatible.messages.generation import BINDING_BETA

from hermes_host.messages import (
    Media,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    tool_message,
    user_message,
)
from hermes_host.protocols import ModelRequest, ModelSettings, ToolDefinition
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_messages import events, message_delta, message_start, message_stop, thinking_block
from hermes_host.testing.model_server_messages_rules import breakpoints, signature_of, violation

Make = Callable[..., AnthropicProvider]
Body = Callable[..., dict[str, Any]]

LOOK = ToolDefinition(name="look", summary="Look at a file.", parameters={"type": "object", "properties": {}})
PNG = b"\x89PNG not really"
MODEL = "claude-sonnet-5-5"


def building(*, bind: bool = False, **settings: Any) -> BodyBuilder:
    return BodyBuilder(quirks_of(Settings(**settings), bind=bind))


@pytest.fixture
def body() -> Body:
    """The body of one request, which keeps the API's rules."""

    def body(
        *messages: Message,
        model: str = MODEL,
        builder: BodyBuilder | None = None,
        settings: ModelSettings | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        request = ModelRequest(
            model=model, messages=messages or (user_message("Hello"),), settings=settings or ModelSettings(), **more
        )
        built: dict[str, Any] = msgspec.json.decode((builder or building()).build(request))
        assert violation(built) == ""
        return built

    return body


def call(id: str = "c1", **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name="look", arguments=arguments, raw=msgspec.json.encode(arguments).decode())


def result(id: str = "c1", text: str = "found") -> ToolResult:
    return ToolResult(call_id=id, name="look", content=(Text(text=text),))


def thought(text: str = "hm", model: str = MODEL) -> Reasoning:
    return Reasoning(text=text, meta={"anthropic": {"model": model, "signature": signature_of(text)}})


def shape(built: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(turn["role"], [block["type"] for block in turn["content"]]) for turn in built["messages"]]


# ---------------------------------------------------------------------------------------------------- order of turns


def test_messages_of_one_role_in_a_row_become_one_turn(body: Body) -> None:
    built = body(
        user_message("a"), user_message("b"), assistant_message("c"), assistant_message("d"), user_message("e")
    )
    assert shape(built) == [("user", ["text", "text"]), ("assistant", ["text", "text"]), ("user", ["text"])]


def test_results_stand_first_in_the_turn_after_their_calls_and_in_their_order(body: Body) -> None:
    answer = assistant_message("Let me see.", call("c1"), call("c2"))
    built = body(user_message("go"), answer, tool_message(result("c2"), result("c1")), user_message("quick!"))
    last = built["messages"][-1]["content"]
    assert [block.get("tool_use_id") for block in last] == ["c1", "c2", None]


def test_a_result_without_a_call_is_left_out(body: Body) -> None:
    built = body(user_message("go"), tool_message(result("c9")), assistant_message("x"), user_message("on"))
    assert "c9" not in str(built)
    built = body(user_message("go"), assistant_message(call("c1")), tool_message(result("c1"), result("c1", "twice")))
    assert "twice" not in str(built)


def test_a_call_without_a_result_gets_one_that_says_so(body: Body) -> None:
    built = body(user_message("go"), assistant_message(call("c1"), call("c2")), tool_message(result("c2")))
    first, second = built["messages"][-1]["content"]
    assert first["tool_use_id"] == "c1" and first["is_error"] and "interrupted" in first["content"][0]["text"]
    assert second["tool_use_id"] == "c2" and "is_error" not in second


def test_calls_that_nobody_answered_before_the_next_message_are_answered_there(body: Body) -> None:
    built = body(user_message("go"), assistant_message(call("c1")), user_message("stop that"))
    assert shape(built)[-1] == ("user", ["tool_result", "text"])
    built = body(user_message("go"), assistant_message(call("c1")), assistant_message(call("c2")), tool_message())
    assert [role for role, _ in shape(built)] == ["user", "assistant", "user", "assistant", "user"]


def test_an_incomplete_answer_keeps_what_can_go_back(body: Body) -> None:
    parts = (Reasoning(text="cut"), Text(text="half"), ToolCall(id="c1", name="look", arguments=None, raw='{"a'))
    half = Message(role="assistant", parts=parts, incomplete=True)
    built = body(user_message("go"), half, user_message("again"))
    assert shape(built)[1:] == [("assistant", ["text", "tool_use"]), ("user", ["tool_result", "text"])]


def test_a_conversation_that_begins_or_ends_with_an_answer_is_framed(body: Body) -> None:
    built = body(assistant_message("As I said …"))
    assert shape(built) == [("user", ["text"]), ("assistant", ["text"]), ("user", ["text"])]


def test_empty_messages_and_blank_texts_are_left_out(body: Body) -> None:
    built = body(user_message("a"), assistant_message(" \n"), user_message("", "b"), Message(role="assistant"))
    assert shape(built) == [("user", ["text", "text"])]


def test_a_broken_call_goes_back_as_an_object_that_shows_what_was_written(body: Body) -> None:
    broken = ToolCall(id="c1", name="look", arguments=None, raw='{"path": "a')
    built = body(user_message("go"), assistant_message(broken), tool_message(result("c1", "not JSON")))
    assert built["messages"][1]["content"][0]["input"] == {"unparsed_arguments": '{"path": "a'}


def test_ids_of_other_vendors_are_put_into_the_alphabet_of_the_api(body: Body) -> None:
    id = "functions.look:0"
    built = body(user_message("go"), assistant_message(call(id)), tool_message(result(id)))
    sent = built["messages"][1]["content"][0]["id"]
    assert sent != id and built["messages"][2]["content"][0]["tool_use_id"] == sent


def test_ids_that_come_again_in_a_later_answer_are_told_apart(body: Body) -> None:
    history: list[Message] = []
    for number in range(3):
        history += [user_message("go"), assistant_message(call("call_0")), tool_message(result("call_0", str(number)))]
    built = body(*history)
    asked = [turn["content"][0]["id"] for turn in built["messages"] if turn["role"] == "assistant"]
    answered = {
        block["tool_use_id"]: block["content"][0]["text"]
        for turn in built["messages"]
        for block in turn["content"]
        if block["type"] == "tool_result"
    }
    assert asked == ["call_0", "call_0_2", "call_0_3"]
    assert answered == {"call_0": "0", "call_0_2": "1", "call_0_3": "2"}


# ---------------------------------------------------------------------------------------------------------- thoughts


async def test_thoughts_go_back_unchanged_and_before_the_call(make: Make, ask: Any, server: ModelServer) -> None:
    answer = events(
        message_start(),
        thinking_block(0, "one", " two"),
        thinking_block(1, "secret", redacted=True),
        [{"type": "content_block_start", "index": 2, "content_block": call_start("c1")}],
        [{"type": "content_block_stop", "index": 2}],
        message_delta("tool_use"),
        message_stop(),
    )
    provider = make(answer, assistant_message("done"))
    asked = user_message("go")
    settings = ModelSettings(reasoning="high")
    first = await ask(provider, asked, tools=(LOOK,), settings=settings, model="claude-sonnet-4-5")
    again = (asked, first.message, tool_message(result("c1")))
    ended = await ask(provider, *again, tools=(LOOK,), settings=settings, model="claude-sonnet-4-5")
    assert ended.message.text == "done"
    sent = server.requests[1].json
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["thinking", "redacted_thinking", "tool_use"]
    assert sent["messages"][1]["content"][0]["thinking"] == "one two"
    assert sent["thinking"]["type"] == "enabled"


def call_start(id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "look", "input": {}}


def test_thoughts_of_other_models_and_unsigned_ones_stay_here(body: Body) -> None:
    other = thought("other", model="claude-opus-4-5")
    parts = (other, Reasoning(text="unsigned"), Reasoning(text="x", meta={"signature": "of another vendor"}), "answer")
    built = body(user_message("a"), assistant_message(*parts), user_message("b"))
    assert shape(built)[1] == ("assistant", ["text"])


def test_an_answer_that_was_cut_while_the_model_thought_does_not_spoil_the_conversation(body: Body) -> None:
    alone = body(user_message("a"), assistant_message(thought()), user_message("b"))
    assert shape(alone) == [("user", ["text", "text"])]
    cut = body(user_message("a"), assistant_message("x", thought()), user_message("b"))
    assert shape(cut)[1] == ("assistant", ["text"])


def test_changing_the_model_encodes_anew_and_changing_back_finds_the_thoughts(body: Body) -> None:
    builder = building()
    history = (user_message("a"), assistant_message(thought(), "x"), user_message("b"))
    kinds = [
        shape(body(*history, builder=builder, model=model, session_id="s"))[1][1]
        for model in (MODEL, "claude-haiku-5-5", MODEL)
    ]
    assert kinds == [["thinking", "text"], ["text"], ["thinking", "text"]]


def test_budgeted_thinking_is_not_asked_for_in_a_loop_that_began_without(body: Body) -> None:
    settings = ModelSettings(reasoning="high")
    loop = (user_message("go"), assistant_message(call("c1")), tool_message(result("c1")))
    more = {"model": "claude-sonnet-4-5", "settings": settings, "tools": (LOOK,)}
    assert "thinking" not in body(*loop, **more)
    assert body(*loop, assistant_message("x"), user_message("next"), **more)["thinking"]["type"] == "enabled"


# ------------------------------------------------------------------------------------------------------------ caching


def steps(count: int) -> list[Message]:
    history = [user_message("go")]
    for number in range(count):
        history += [assistant_message(call(f"c{number}")), tool_message(result(f"c{number}"))]
    return history


def marked(built: dict[str, Any]) -> list[int]:
    return [
        index for index, turn in enumerate(built["messages"]) for block in turn["content"] if block.get("cache_control")
    ]


def test_tools_system_and_the_ends_of_two_requests_are_marked(body: Body) -> None:
    history = steps(3)
    built = body(*history, system="Be brief.", tools=(LOOK, msgspec.structs.replace(LOOK, name="see")))
    assert breakpoints(built) == 4
    assert ["cache_control" in tool for tool in built["tools"]] == [False, True]
    assert built["system"] == [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    assert marked(built) == [4, 6]


def test_what_one_request_wrote_to_the_cache_the_next_one_finds(body: Body) -> None:
    builder = building()
    history = steps(6)
    ends = [marked(body(*history[:size], builder=builder, tools=(LOOK,), session_id="s")) for size in (9, 11, 13)]
    assert [end[0] for end in ends[1:]] == [end[1] for end in ends[:-1]]


@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_there_are_never_more_than_four_marks(body: Body, size: int) -> None:
    assert breakpoints(body(*steps(size), system="x", tools=(LOOK,))) <= 4


def test_the_hour_is_asked_for_where_it_is_set_and_off_is_off(body: Body) -> None:
    assert '"ttl": "1h"' not in str(body(system="x"))
    hour = body(system="x", tools=(LOOK,), builder=building(cache="1h"))
    assert hour["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert breakpoints(body(system="x", tools=(LOOK,), builder=building(cache="off"))) == 0


def test_each_request_begins_with_the_bytes_of_the_one_before_apart_from_the_marks() -> None:
    builder, history = building(), steps(10)
    before = b""
    for size in range(1, len(history), 2):
        request = ModelRequest(
            model=MODEL, messages=history[:size], system="x", tools=(LOOK,), session_id="s", settings=ModelSettings()
        )
        built = builder.build(request).replace(b',"cache_control":{"type":"ephemeral"}', b"")
        prefix = built[: built.rindex(b"]}],")]
        assert prefix.startswith(before)
        before = prefix


def test_a_message_is_encoded_once_so_that_a_file_that_changes_does_not_change_the_past(
    body: Body, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"first")
    history = [user_message(Media(kind="image", mime="image/png", url=path.as_uri()))]
    builder = building()
    body(*history, builder=builder, session_id="s")
    path.write_bytes(b"second")
    built = body(*history, assistant_message("x"), user_message("y"), builder=builder, session_id="s")
    assert b64decode(built["messages"][0]["content"][0]["source"]["data"]) == b"first"


# ------------------------------------------------------------------------------------------------ images and documents


def test_images_and_documents_are_native_blocks(body: Body) -> None:
    image = Media(kind="image", mime="image/png", data=PNG)
    linked = Media(kind="image", mime="image/jpeg", url="https://example.org/a.jpg")
    paper = Media(kind="file", mime="application/pdf", data=b"%PDF-1.7", name="paper.pdf")
    notes = Media(kind="file", mime="text/markdown", data="Größe".encode(), name="notes.md")
    content = body(user_message("look", image, linked, paper, notes))["messages"][0]["content"]
    assert b64decode(content[1]["source"]["data"]) == PNG
    assert content[2]["source"] == {"type": "url", "url": "https://example.org/a.jpg"}
    assert content[3]["source"] == {
        "type": "base64",
        "media_type": "application/pdf",
        "data": b64encode(b"%PDF-1.7").decode(),
    }
    assert content[3]["title"] == "paper.pdf"
    assert content[4]["source"] == {"type": "text", "media_type": "text/plain", "data": "Größe"}


def test_pictures_of_a_tool_are_in_its_result(body: Body) -> None:
    shot = ToolResult(
        call_id="c1", name="look", content=(Text(text="x"), Media(kind="image", mime="image/png", data=PNG))
    )
    built = body(user_message("go"), assistant_message(call("c1")), tool_message(shot))
    (block,) = built["messages"][-1]["content"]
    assert [item["type"] for item in block["content"]] == ["text", "image"]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="image", mime="image/tiff", data=b"x"),
        Media(kind="audio", mime="audio/wav", data=b"x"),
        Media(kind="file", mime="application/zip", data=b"x", name="a.zip"),
        Media(kind="image", mime="image/png"),
        Media(kind="file", mime="text/plain", data=b"  "),
    ],
)
def test_what_the_api_does_not_take_is_named_in_words(body: Body, media: Media) -> None:
    (block,) = body(user_message(media))["messages"][0]["content"]
    assert block["type"] == "text" and (media.name or media.mime) in block["text"]


def test_only_the_owner_may_attach_a_file_of_this_machine(body: Body, tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(PNG)
    attached = Media(kind="image", mime="image/png", url=path.as_uri())
    assert body(user_message(attached))["messages"][0]["content"][0]["type"] == "image"
    for message in (user_message(attached, provenance="external"), user_message(attached, provenance="member")):
        assert body(message)["messages"][0]["content"][0]["type"] == "text"


# --------------------------------------------------------------------------------------------- limits and reasoning


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-opus-5-5", 128_000),
        ("claude-haiku-4-5-20251001", 64_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-3-5-haiku-20241022", 8_192),
        ("claude-3-haiku-20240307", 4_096),
        ("claude-opus-9", 128_000),
        ("anthropic/claude-sonnet-4.5", 64_000),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", 32_000),
        ("MiniMax-M3", 32_000),
    ],
)
def test_the_output_limit_is_the_models_and_what_is_asked_for_is_clamped(body: Body, model: str, limit: int) -> None:
    assert body(model=model)["max_tokens"] == limit
    assert body(model=model, settings=ModelSettings(max_output_tokens=10**6))["max_tokens"] == limit
    assert body(model=model, settings=ModelSettings(max_output_tokens=100))["max_tokens"] == 100


SHOWN = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "level", "thinking", "effort"),
    [
        ("claude-opus-5-5", "", SHOWN, None),
        ("claude-opus-5-5", "none", SHOWN, "low"),
        ("claude-opus-5-5", "minimal", SHOWN, "low"),
        ("claude-opus-5-5", "xhigh", SHOWN, "xhigh"),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
        ("claude-haiku-5-5", "none", {"type": "disabled"}, None),
        ("claude-opus-4-8", "", None, None),
        ("claude-opus-4-8", "medium", SHOWN, "medium"),
        ("claude-opus-4-8", "none", None, None),
        ("claude-opus-4-6", "xhigh", SHOWN, "max"),
        ("claude-sonnet-4-5", "", None, None),
        ("claude-sonnet-4-5", "minimal", {"type": "enabled", "budget_tokens": 2_000}, None),
        ("claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 4_000}, None),
        ("claude-sonnet-4-5", "medium", {"type": "enabled", "budget_tokens": 8_000}, None),
        ("claude-sonnet-4-5", "high", {"type": "enabled", "budget_tokens": 16_000}, None),
        ("claude-sonnet-4-5", "xhigh", {"type": "enabled", "budget_tokens": 32_000}, None),
        ("claude-sonnet-4-5", "none", None, None),
        ("claude-3-5-haiku-20241022", "high", None, None),
        ("MiniMax-M3", "high", {"type": "enabled", "budget_tokens": 16_000}, None),
    ],
)
def test_reasoning_has_the_form_the_model_knows(body: Body, model: str, level: Any, thinking: Any, effort: Any) -> None:
    built = body(model=model, settings=ModelSettings(reasoning=level))
    assert built.get("thinking") == thinking
    assert built.get("output_config") == ({"effort": effort} if effort else None)


@pytest.mark.parametrize(("limit", "budget"), [(1_500, None), (4_000, 2_000), (20_000, 11_808), (64_000, 32_000)])
def test_thoughts_leave_room_for_the_answer(body: Body, limit: int, budget: int | None) -> None:
    settings = ModelSettings(reasoning="xhigh", max_output_tokens=limit)
    built = body(model="claude-sonnet-4-5", settings=settings)
    assert built["max_tokens"] == limit
    assert built.get("thinking", {}).get("budget_tokens") == budget


def test_temperature_goes_only_where_the_model_takes_it(body: Body) -> None:
    warm = ModelSettings(temperature=1.5)
    assert body(model="claude-sonnet-4-5", settings=warm)["temperature"] == 1.0
    assert "temperature" not in body(model="claude-opus-5-5", settings=warm)
    thinking = ModelSettings(temperature=0.2, reasoning="high")
    assert "temperature" not in body(model="claude-sonnet-4-5", settings=thinking)


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        ("claude-opus-4-8", "required", {"type": "any"}),
        ("claude-opus-5-5", "required", {"type": "auto"}),
        ("claude-opus-5-5", "none", {"type": "none"}),
        ("claude-opus-5-5", "auto", None),
    ],
)
def test_a_call_is_demanded_only_where_the_model_allows_it(body: Body, model: str, choice: Any, sent: Any) -> None:
    settings = ModelSettings(tool_choice=choice)
    assert body(model=model, settings=settings, tools=(LOOK,)).get("tool_choice") == sent
    assert "tool_choice" not in body(model=model, settings=settings)


def test_a_demanded_call_and_thoughts_are_not_asked_for_together(body: Body) -> None:
    settings = ModelSettings(tool_choice="required", reasoning="high")
    assert "thinking" not in body(model="claude-sonnet-4-5", settings=settings, tools=(LOOK,))
    assert body(model="claude-opus-5", settings=settings, tools=(LOOK,))["thinking"] == {"type": "disabled"}


def test_thoughts_that_no_longer_fit_are_dropped_by_the_models_that_bind_them(body: Body) -> None:
    binding = building(bind=True)
    built = body(model="claude-opus-5-5", builder=binding)
    assert built["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    assert "block_binding" not in body(model="claude-opus-5", builder=binding)["thinking"]
    assert "block_binding" not in body(model="claude-opus-5-5")["thinking"]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-opus-5", "claude-sonnet-4-5", "x"])
@pytest.mark.parametrize("bind", [True, False])
def test_the_beta_is_named_exactly_where_it_is_used(body: Body, model: str, bind: bool) -> None:
    built = body(model=model, builder=building(bind=bind))
    named = BINDING_BETA in betas_of(model, ["mine"], bind=bind)
    assert named or "block_binding" not in built.get("thinking", {})
    assert betas_of(model, ["mine"], bind=bind)[0] == "mine"


def test_thoughts_may_be_left_out_of_the_answer(body: Body) -> None:
    built = body(model="claude-opus-5-5", builder=building(thinking_display="omitted"))
    assert built["thinking"]["display"] == "omitted"
