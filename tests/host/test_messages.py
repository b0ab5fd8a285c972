"""Messages survive the way to disk and back, also with what this host does not know."""

from __future__ import annotations

import msgspec
import pytest

from hermes_host.messages import (
    Media,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
    assistant_message,
    decode_message,
    encode_message,
    user_message,
)


def test_a_message_with_every_kind_of_part_comes_back_equal() -> None:
    message = Message(
        role="assistant",
        parts=(
            Reasoning(text="hm", meta={"signature": "s"}),
            Text(text="a"),
            ToolCall(id="1", name="n", arguments={"a": [1, None]}, raw='{"a":[1,null]}'),
            ToolCall(id="2", name="n", arguments=None, raw='{"a":'),
            Media(kind="image", mime="image/png", data=bytes(range(256))),
            ToolResult(call_id="1", name="n", content=(Text(text="x"),), is_error=True),
        ),
        incomplete=True,
        meta={"id": "resp_1"},
    )
    line = msgspec.json.encode(encode_message(message))
    assert decode_message(msgspec.json.decode(line)) == message


def test_unknown_parts_and_keys_are_written_back_as_they_were_read() -> None:
    data = {
        "role": "user",
        "from_the_future": 1,
        "parts": [
            {"type": "text", "text": "a", "mood": "calm"},
            {"type": "hologram", "depth": 3},
            {"type": "tool_result", "call_id": "1", "name": "n", "content": [{"type": "scent", "of": "pine"}]},
        ],
    }
    message = decode_message(data)
    assert message.text == "a"
    assert isinstance(message.parts[1], Unknown)
    assert encode_message(message) == data


def test_a_known_field_of_a_wrong_type_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_message({"role": "user", "parts": [{"type": "text", "text": 5}]})


def test_text_is_the_text_parts_joined_and_tool_calls_come_in_order() -> None:
    call = ToolCall(id="1", name="n", arguments={})
    assert user_message("a", Media(kind="file", mime="text/plain", url="file:///x"), "b").text == "ab"
    assert assistant_message("a", call).tool_calls == (call,)
