"""What is sent: every part of a message in its wire form, and byte for byte the same beginning each time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_compatible.body import BodyBuilder
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider

from hermes_host.messages import (
    Media,
    Message,
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

Make = Callable[..., CompatibleProvider]

TOOLS = (
    ToolDefinition(
        name="look", summary="Look.", parameters={"type": "object", "properties": {"p": {"type": "string"}}}
    ),
)


def body(*messages: Message, quirks: Quirks | None = None, **more: Any) -> Any:
    builder = BodyBuilder("acme", quirks or Quirks())
    return json.loads(builder.build(ModelRequest(model="m", messages=messages, **more)))


def sent(*messages: Message, quirks: Quirks | None = None) -> Any:
    return body(*messages, quirks=quirks)["messages"]


def step(number: int) -> list[Message]:
    call = ToolCall(id=f"c{number}", name="look", arguments={"p": str(number)}, raw=f'{{"p": "{number}"}}')
    result = ToolResult(call_id=call.id, name="look", content=(Text(text="x" * 300),))
    return [assistant_message("Let me see.", call), tool_message(result)]


def test_request_n_plus_1_begins_with_the_bytes_of_request_n() -> None:
    builder = BodyBuilder("acme", Quirks(echo="reasoning_content"))
    messages: list[Message] = [user_message("go")]
    before = b""
    for number in range(30):
        settings = ModelSettings(temperature=number / 30, reasoning="high")
        request = ModelRequest(
            model="m", messages=tuple(messages), system="Be brief.", tools=TOOLS, settings=settings, session_id="s"
        )
        now = builder.build(request)
        end = before.rfind(b'],"stream":')
        assert now.startswith(before[:end] if before else b"")
        assert json.loads(now)["messages"][0] == {"role": "system", "content": "Be brief."}
        before = now
        messages += step(number)


def test_bytes_do_not_depend_on_what_was_sent_before() -> None:
    messages = [user_message("go"), *step(1), *step(2)]
    request = ModelRequest(model="m", messages=messages, tools=TOOLS, system="s", session_id="s")
    used = BodyBuilder("acme", Quirks())
    used.build(ModelRequest(model="m", messages=messages[:1], tools=TOOLS, system="s", session_id="s"))
    used.build(ModelRequest(model="m", messages=[user_message("another")], session_id="other"))
    assert used.build(request) == BodyBuilder("acme", Quirks()).build(request)


def test_another_model_system_prompt_or_tools_in_one_session_are_seen() -> None:
    builder = BodyBuilder("acme", Quirks())
    messages = [user_message("go")]
    for more in ({}, {"model": "n"}, {"system": "x"}, {"tools": TOOLS}, {}):
        request = ModelRequest(**{"model": "m", "messages": messages, "session_id": "s", **more})
        assert builder.build(request) == BodyBuilder("acme", Quirks()).build(request)


def test_text_is_sent_as_a_string() -> None:
    assert sent(user_message("a", "b")) == [{"role": "user", "content": "a\n\nb"}]


def test_images_are_sent_as_data_or_by_address() -> None:
    (message,) = sent(
        user_message(
            "see",
            Media(kind="image", mime="image/png", data=b"\x89PNG"),
            Media(kind="image", mime="image/png", url="https://example.com/a.png"),
        )
    )
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


def test_sound_documents_and_text_files_are_sent_and_the_rest_is_named() -> None:
    (message,) = sent(
        user_message(
            Media(kind="audio", mime="audio/wav", data=b"RIFF"),
            Media(kind="file", mime="application/pdf", data=b"%PDF", name="a.pdf"),
            Media(kind="file", mime="text/csv", data="ä,b".encode(), name="t.csv"),
            Media(kind="video", mime="video/mp4", data=b"x", name="v.mp4"),
        )
    )
    sound, document, table, video = message["content"]
    assert sound == {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    assert document["file"] == {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
    assert table["text"].endswith("ä,b") and "t.csv" in table["text"]
    assert video == {"type": "text", "text": "[video v.mp4: this provider does not take it]"}


def test_a_local_file_is_read_only_when_the_owner_attached_it(tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(b"\x89PNG")
    image = Media(kind="image", mime="image/png", url=path.as_uri(), name="a b.png")
    (own,) = sent(user_message(image))
    assert own["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    (foreign,) = sent(user_message(image, provenance="external"))
    assert foreign["content"] == [{"type": "text", "text": "[image a b.png: it could not be read]"}]
    result = sent(tool_message(ToolResult(call_id="c", name="look", content=(image,))))
    assert "iVBORw" not in json.dumps(result)


def test_pictures_in_a_result_follow_in_a_user_message_after_all_results() -> None:
    picture = Media(kind="image", mime="image/png", data=b"\x89PNG")
    results = tool_message(
        ToolResult(call_id="a", name="screenshot", content=(picture,)),
        ToolResult(call_id="b", name="look", content=(Text(text="text"),)),
    )
    wire = sent(results)
    assert [message["role"] for message in wire] == ["tool", "tool", "user"]
    assert [message.get("tool_call_id") for message in wire] == ["a", "b", None]
    assert wire[2]["content"][1]["type"] == "image_url"


def test_a_call_goes_back_as_the_model_wrote_it() -> None:
    (message,) = sent(step(1)[0])
    assert message["content"] == "Let me see."
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"p": "1"}'}}
    ]


@pytest.mark.parametrize("raw", ['{"p": "x', '{"a":1}{"a":1}', "nonsense", ""])
def test_a_broken_call_goes_back_as_valid_json(raw: str) -> None:
    (message,) = sent(assistant_message(ToolCall(id="c", name="look", arguments=None, raw=raw)))
    arguments = json.loads(message["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"unparsed_arguments": raw}


def test_an_empty_result_is_said_in_words() -> None:
    (message,) = sent(tool_message(ToolResult(call_id="c", name="look")))
    assert message["content"] == "(no output)"


def test_messages_of_which_nothing_can_be_sent_are_left_out() -> None:
    unknown = Unknown(data={"type": "hologram"})
    assert sent(user_message(unknown), assistant_message(Reasoning(text="hm")), user_message("x")) == [
        {"role": "user", "content": "x"}
    ]


THOUGHT = assistant_message(Reasoning(text="hm"), "yes", ToolCall(id="c", name="look", arguments={}))


def test_reasoning_goes_back_only_where_the_vendor_wants_it() -> None:
    assert "hm" not in json.dumps(sent(THOUGHT))
    assert sent(THOUGHT, quirks=Quirks(echo="reasoning_content"))[0]["reasoning_content"] == "hm"
    assert sent(THOUGHT, quirks=Quirks(echo="think"))[0]["content"] == "<think>\nhm\n</think>\n\nyes"


def test_a_call_without_thoughts_has_the_field_where_the_vendor_insists() -> None:
    assert sent(step(1)[0], quirks=Quirks(echo="reasoning_content"))[0]["reasoning_content"] == ""


def test_signed_reasoning_goes_only_to_the_provider_it_came_from() -> None:
    def message(provider: str) -> Message:
        meta = {"provider": provider, "reasoning_details": [{"type": "reasoning.encrypted", "data": "S"}]}
        return assistant_message(Reasoning(text="hm", meta=meta), "yes")

    quirks = Quirks(echo="reasoning_details")
    assert "reasoning_details" in sent(message("acme"), quirks=quirks)[0]
    assert "reasoning_details" not in sent(message("another"), quirks=quirks)[0]


def test_call_ids_are_shortened_alike_in_call_and_result_where_needed() -> None:
    call, result = sent(*step(1), quirks=Quirks(short_call_ids=True))
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) == 9 and result["tool_call_id"].isalnum()


@pytest.mark.parametrize(
    ("quirks", "effort", "wire"),
    [
        (Quirks(), "high", {}),
        (Quirks(reasoning="effort"), "xhigh", {"reasoning_effort": "xhigh"}),
        (Quirks(reasoning="effort", efforts=("low", "medium", "high")), "xhigh", {"reasoning_effort": "high"}),
        (Quirks(reasoning="effort", efforts=("low", "medium", "high")), "none", {"reasoning_effort": "low"}),
        (Quirks(reasoning="object"), "low", {"reasoning": {"effort": "low"}}),
        (Quirks(reasoning="object"), "none", {"reasoning": {"enabled": False}}),
        (Quirks(reasoning="thinking"), "none", {"thinking": {"type": "disabled"}}),
        (Quirks(reasoning="thinking"), "high", {"thinking": {"type": "enabled"}}),
        (Quirks(reasoning="enable_thinking"), "medium", {"enable_thinking": True}),
    ],
)
def test_effort_is_asked_for_in_the_vendors_way(quirks: Quirks, effort: Any, wire: dict[str, Any]) -> None:
    plain = body(user_message("x"), quirks=quirks)
    asked = body(user_message("x"), quirks=quirks, settings=ModelSettings(reasoning=effort))
    assert {key: value for key, value in asked.items() if key not in plain} == wire


def test_settings_are_sent_under_the_vendors_names() -> None:
    settings = ModelSettings(max_output_tokens=100, temperature=0.0, tool_choice="required")
    wire = body(user_message("x"), tools=TOOLS, settings=settings, session_id="s")
    assert (wire["max_tokens"], wire["temperature"], wire["tool_choice"]) == (100, 0.0, "required")
    assert wire["tools"][0]["function"]["name"] == "look"
    assert "prompt_cache_key" not in wire
    quirks = Quirks(max_tokens="max_completion_tokens", cache_key=True, stream_usage=False)
    wire = body(user_message("x"), settings=settings, session_id="s", quirks=quirks)
    assert wire["max_completion_tokens"] == 100 and "max_tokens" not in wire
    assert wire["prompt_cache_key"] == "s" and "stream_options" not in wire
    assert "tool_choice" not in wire, "a choice without tools is refused by most vendors"


def test_building_at_a_hundred_messages_costs_hardly_more_than_at_two() -> None:
    builder = BodyBuilder("acme", Quirks())

    def seconds(messages: list[Message]) -> float:
        request = ModelRequest(model="m", messages=messages, tools=TOOLS, system="s", session_id="s")
        builder.build(request)
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            builder.build(request)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert seconds([message for number in range(50) for message in step(number)]) < seconds(step(0)) + 0.001
