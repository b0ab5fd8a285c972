"""What is asked: request bodies, and how messages stand in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

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
from hermes_host.protocols import ModelSettings, ToolDefinition
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.model_server_responses import (
    call_item,
    events,
    message_item,
    reasoning_item,
    response,
    responses,
)
from hermes_host.testing.model_server_responses_events import item_events

Make = Callable[..., Any]

LOOK = ToolDefinition(
    name="look", summary="Look at a file.", parameters={"type": "object", "properties": {"path": {"type": "string"}}}
)
PNG = Media(kind="image", mime="image/png", data=b"\x89PNG")


def call(id: str = "call_1", **more: Any) -> ToolCall:
    return ToolCall(id=id, **{"name": "look", "arguments": {}, "raw": "{}", **more})


def result(id: str = "call_1", *content: Any) -> ToolResult:
    return ToolResult(call_id=id, name="look", content=content or (Text(text="found"),))


async def asked(make: Make, ask: Any, server: ModelServer, *messages: Message, **more: Any) -> Any:
    """The body of a request with these messages."""
    access = more.pop("access", {})
    await ask(await make(responses("ok"), **access), *messages, **more)
    return server.requests[-1].json


# ------------------------------------------------------------------------------------------------------ whole body


async def test_a_request_is_what_the_sdk_s_types_ask_for(make: Make, ask: Any, server: ModelServer) -> None:
    thought = reasoning_item("hm")
    first = await ask(
        await make(
            events(*item_events(thought), *item_events(call_item("look"), 1), _completed(thought, call_item("look")))
        )
    )
    document = Media(kind="file", mime="application/pdf", data=b"%PDF", name="a.pdf")
    body = await asked(
        make, ask, server,
        user_message("Look", PNG, document),
        first.message,
        tool_message(result("call_1", Text(text="a picture"), PNG)),
        model="gpt-5.4",
        system="Be brief.",
        tools=(LOOK,),
        session_id="session-1",
        settings=ModelSettings(reasoning="high", max_output_tokens=500, tool_choice="required"),
    )  # fmt: skip
    TypeAdapter(response_create_params.ResponseCreateParamsStreaming).validate_python(body)
    assert {key: value for key, value in body.items() if key not in ("input", "tools")} == {
        "model": "gpt-5.4",
        "instructions": "Be brief.",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high", "summary": "auto"},
        "max_output_tokens": 500,
        "parallel_tool_calls": True,
        "tool_choice": "required",
        "prompt_cache_key": "session-1",
    }
    assert body["tools"] == [
        {
            "type": "function",
            "name": "look",
            "description": "Look at a file.",
            "parameters": LOOK.parameters,
            "strict": False,
        }
    ]
    assert [item["type"] for item in body["input"]] == ["message", "reasoning", "function_call", "function_call_output"]


async def test_each_request_begins_with_the_bytes_of_the_one_before(make: Make, ask: Any, server: ModelServer) -> None:
    steps = [responses(Reasoning(text=f"thought {n}"), call(f"call_{n}")) for n in range(4)]
    provider = await make(*steps, responses("done"), responses("again"))
    history: list[Message] = [user_message("Look at all")]
    more: dict[str, Any] = {"model": "gpt-5.4", "system": "Be brief.", "tools": (LOOK,), "session_id": "s"}
    for number in range(5):
        ended = await ask(provider, *history, **more)
        history.append(ended.message)
        if ended.message.tool_calls:
            history.append(tool_message(result(f"call_{number}")))
    await ask(provider, *history, user_message("Thanks"), **more, settings=ModelSettings(reasoning="low"))
    bodies = [request.body for request in server.requests]
    ends = [body.rindex(b'],"stream"') for body in bodies]
    assert all(later.startswith(body[:end]) for body, end, later in zip(bodies, ends, bodies[1:], strict=False))
    assert len(bodies) == 6 and server.connections == 1


async def test_long_session_ids_become_cache_keys_the_vendor_takes(make: Make, ask: Any, server: ModelServer) -> None:
    body = await asked(make, ask, server, session_id="x" * 100)
    assert len(body["prompt_cache_key"]) == 64 and body["prompt_cache_key"] != "x" * 64
    assert "prompt_cache_key" not in await asked(make, ask, server)


async def test_further_fields_are_added_to_every_request(make: Make, ask: Any, server: ModelServer) -> None:
    extra = {"service_tier": "flex", "text": {"verbosity": "low"}}
    body = await asked(make, ask, server, access={"extra_body": extra})
    assert extra.items() <= body.items()
    await ask(await make(chat("ok"), api="chat", extra_body=extra))
    assert extra.items() <= server.requests[-1].json.items()


# -------------------------------------------------------------------------------------------------- models and effort


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("gpt-6-astra", "none", "low"),
        ("gpt-6.1-sol", "xhigh", "xhigh"),
        ("gpt-5.6-luna", "none", "none"),
        ("gpt-5.6-luna", "minimal", "low"),
        ("gpt-5.5", "xhigh", "xhigh"),
        ("gpt-5.4-mini-2026-03-17", "none", "none"),
        ("gpt-5.2-pro", "low", "medium"),
        ("gpt-5.3-codex", "none", "low"),
        ("gpt-5.1", "xhigh", "high"),
        ("gpt-5.1-codex-max", "xhigh", "xhigh"),
        ("gpt-5", "none", "minimal"),
        ("gpt-5-pro", "low", "high"),
        ("openai/gpt-5-mini", "minimal", "minimal"),
        ("ft:o4-mini-2025-04-16:acme", "xhigh", "high"),
        ("o3-deep-research", "high", "medium"),
    ],
)
async def test_efforts_are_moved_to_what_the_model_knows(
    make: Make, ask: Any, server: ModelServer, model: str, wanted: Any, sent: str
) -> None:
    settings = ModelSettings(reasoning=wanted)
    body = await asked(make, ask, server, model=model, settings=settings, access={"is_vendor": True})
    assert body["reasoning"]["effort"] == sent
    assert body["include"] == ["reasoning.encrypted_content"]
    assert ("summary" in body["reasoning"]) == (sent != "none")


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o-mini", "gpt-5-chat-latest", "ft:gpt-4.1-mini:acme::x1"])
async def test_models_that_do_not_think_are_not_asked_to(make: Make, ask: Any, server: ModelServer, model: str) -> None:
    settings = ModelSettings(temperature=0.5, reasoning="high")
    body = await asked(make, ask, server, model=model, settings=settings)
    assert not {"reasoning", "include"} & body.keys()
    assert body["temperature"] == 0.5
    await ask(await make(chat("ok"), api="chat"), model=model, settings=settings)
    assert "reasoning_effort" not in server.requests[-1].json


async def test_a_model_of_unknown_kind_is_sent_only_what_was_asked_for(
    make: Make, ask: Any, server: ModelServer
) -> None:
    body = await asked(make, ask, server, model="my-deployment")
    assert not {"reasoning", "include", "temperature"} & body.keys()
    body = await asked(make, ask, server, model="my-deployment", settings=ModelSettings(reasoning="low"))
    assert body["reasoning"] == {"effort": "low"}


async def test_a_thinking_model_gets_no_temperature(make: Make, ask: Any, server: ModelServer) -> None:
    assert "temperature" not in await asked(make, ask, server, model="gpt-5.4", settings=ModelSettings(temperature=0.5))
    still = ModelSettings(temperature=0.5, reasoning="none")
    assert (await asked(make, ask, server, model="gpt-5.4", settings=still))["temperature"] == 0.5


async def test_summaries_can_be_switched_off(make: Make, ask: Any, server: ModelServer) -> None:
    assert "reasoning" not in await asked(make, ask, server, model="gpt-5.4", access={"summary": "off"})
    detailed = await asked(make, ask, server, model="gpt-5.4", access={"summary": "detailed"})
    assert detailed["reasoning"] == {"summary": "detailed"}


async def test_the_least_output_the_vendor_takes_is_kept(make: Make, ask: Any, server: ModelServer) -> None:
    assert (await asked(make, ask, server, settings=ModelSettings(max_output_tokens=1)))["max_output_tokens"] == 16


# ------------------------------------------------------------------------------------------------- what came goes back


def _completed(*items: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": response(*items)}


async def test_what_the_vendor_gave_goes_back_as_it_was(
    make: Make, ask: Any, server: ModelServer, stored: Callable[[Message], Message]
) -> None:
    items = (
        reasoning_item("first", "second", id="rs_a"),
        message_item("Let me see.", id="msg_a", phase="commentary"),
        reasoning_item(id="rs_b", hidden="gAAAAAsealed"),
        call_item("look", '{ "path": "a" }', call_id="call_1", id="fc_a"),
    )
    stream = events(
        *(event for index, item in enumerate(items) for event in item_events(item, index)), _completed(*items)
    )
    provider = await make(stream, responses("ok"))
    asking = user_message("hi")
    ended = await ask(provider, asking)
    await ask(provider, asking, stored(ended.message), tool_message(result()))
    _, *back, _ = server.requests[-1].json["input"]
    assert back == [
        {key: value for key, value in item.items() if key != "status" or item["type"] == "message"} for item in items
    ]


async def test_refusals_go_back_as_refusals(make: Make, ask: Any, server: ModelServer) -> None:
    item = message_item("Well. ", refusal="No.", id="msg_a")
    provider = await make(events(*item_events(item), _completed(item)), responses("ok"))
    ended = await ask(provider)
    await ask(provider, user_message("hi"), ended.message, user_message("please"))
    assert server.requests[-1].json["input"][1] == item


async def test_what_another_origin_gave_does_not_go_back(make: Make, ask: Any, server: ModelServer) -> None:
    meta = {"openai": {"origin": "https://api.openai.com", "id": "x_1", "item": reasoning_item("secret")}}
    foreign = assistant_message(Reasoning(text="secret", meta=meta), Text(text="Hello", meta=meta), call(meta=meta))
    body = await asked(make, ask, server, user_message("hi"), foreign, tool_message(result()))
    assert body["input"][1:3] == [
        {"type": "message", "role": "assistant", "content": "Hello"},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
    ]
    assert "secret" not in server.requests[-1].body.decode()


async def test_a_model_that_does_not_think_gets_no_thoughts(make: Make, ask: Any, server: ModelServer) -> None:
    provider = await make(responses(Reasoning(text="hm"), "Hello"), *(responses("ok") for _ in range(3)))
    history = (
        user_message("hi"),
        (await ask(provider, model="gpt-5.4", session_id="s")).message,
        user_message("go on"),
    )
    for model in ("gpt-5.4", "gpt-4.1", "gpt-5.4"):
        await ask(provider, *history, model=model, session_id="s")
    sent = ["reasoning" in [item["type"] for item in request.json["input"]] for request in server.requests[1:]]
    assert sent == [True, False, True]


async def test_thoughts_that_lead_nowhere_stay_away(make: Make, ask: Any, server: ModelServer) -> None:
    """A thought at the end of a cut answer: the vendor refuses it without what follows."""
    provider = await make(responses(Reasoning(text="hm"), stop_reason="length"), responses("ok"))
    ended = await ask(provider)
    assert ended.message.incomplete
    await ask(provider, user_message("hi"), ended.message, user_message("go on"))
    assert [item["type"] for item in server.requests[-1].json["input"]] == ["message", "message"]


async def test_a_thought_that_cannot_be_read_again_stays_away(make: Make, ask: Any, server: ModelServer) -> None:
    item = reasoning_item("told only", hidden="")
    provider = await make(events(*item_events(item), *item_events(message_item("x"), 1), _completed()), responses("ok"))
    ended = await ask(provider)
    await ask(provider, user_message("hi"), ended.message, user_message("more"))
    assert "reasoning" not in [item["type"] for item in server.requests[-1].json["input"]]


# --------------------------------------------------------------------------------------------------- calls and results


async def test_broken_arguments_go_back_as_json(make: Make, ask: Any, server: ModelServer) -> None:
    broken = assistant_message(call(arguments=None, raw='{"path": "a'))
    body = await asked(make, ask, server, user_message("hi"), broken, tool_message(result()))
    assert msgspec.json.decode(body["input"][1]["arguments"]) == {"unparsed_arguments": '{"path": "a'}


@pytest.mark.parametrize("raw", ["", "null", "  "])
async def test_a_call_without_arguments_has_an_empty_object(
    make: Make, ask: Any, server: ModelServer, raw: str
) -> None:
    body = await asked(make, ask, server, user_message("hi"), assistant_message(call(raw=raw)), tool_message(result()))
    assert body["input"][1]["arguments"] == "{}"


async def test_names_and_ids_are_made_such_as_the_vendor_takes(make: Make, ask: Any, server: ModelServer) -> None:
    odd = assistant_message(call("i" * 100, name="look at.this"), call("", name=""))
    results = tool_message(result("i" * 100), result(""))
    _, first, second, *answers = (await asked(make, ask, server, user_message("hi"), odd, results))["input"]
    assert (first["name"], second["name"]) == ("look_at_this", "unnamed")
    assert [item["call_id"] for item in answers] == [first["call_id"], second["call_id"]]
    assert 0 < len(first["call_id"]) <= 64 and second["call_id"]


async def test_every_call_has_one_result_and_every_result_its_call(make: Make, ask: Any, server: ModelServer) -> None:
    history = (
        user_message("hi"),
        assistant_message(call("a"), call("b")),
        tool_message(result("b"), result("b"), result("stray")),
        user_message("go on"),
        assistant_message(call("c")),
    )
    shown = [(item["type"], item.get("call_id")) for item in (await asked(make, ask, server, *history))["input"]]
    assert shown == [
        *(("message", None), ("function_call", "a"), ("function_call", "b")),
        *(("function_call_output", "b"), ("function_call_output", "a")),
        *(("message", None), ("function_call", "c"), ("function_call_output", "c")),
    ]


async def test_a_result_keeps_its_pictures(make: Make, ask: Any, server: ModelServer) -> None:
    body = await asked(
        make, ask, server, user_message("hi"), assistant_message(call(), call("b")),
        tool_message(result("call_1", Text(text="see"), PNG), ToolResult(call_id="b", name="look")),
    )  # fmt: skip
    assert body["input"][-2]["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="},
    ]
    assert body["input"][-1]["output"] == "(no output)"


# --------------------------------------------------------------------------------------------------------------- media


async def test_pictures_and_files_go_as_what_they_are(
    make: Make, ask: Any, server: ModelServer, tmp_path: Path
) -> None:
    notes = tmp_path / "notes ä.txt"
    notes.write_text("remember", encoding="utf-8")
    message = user_message(
        "See",
        Media(kind="image", mime="image/png", url="https://example.org/a.png"),
        Media(kind="file", mime="application/pdf", data=b"%PDF", name="a.pdf"),
        Media(kind="file", mime="application/pdf", url="https://example.org/b.pdf"),
        Media(kind="file", mime="text/plain", url=notes.as_uri(), name="notes.txt"),
        Media(kind="audio", mime="audio/wav", data=b"RIFF", name="a.wav"),
        Media(kind="image", mime="image/png", url="file:///does/not/exist.png", name="gone.png"),
    )
    parts = (await asked(make, ask, server, message))["input"][0]["content"]
    assert parts == [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "detail": "auto", "image_url": "https://example.org/a.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_file", "file_url": "https://example.org/b.pdf"},
        {"type": "input_text", "text": "The file notes.txt:\n\nremember"},
        {"type": "input_text", "text": "[audio a.wav: this model interface does not take it]"},
        {"type": "input_text", "text": "[image gone.png: it could not be read]"},
    ]


@pytest.mark.parametrize("provenance", ["member", "external"])
async def test_only_the_owner_can_attach_a_file_of_this_machine(
    make: Make, ask: Any, server: ModelServer, tmp_path: Path, provenance: Any
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2", encoding="utf-8")
    attached = Media(kind="file", mime="text/plain", url=secret.as_uri())
    body = await asked(make, ask, server, user_message("See", attached, provenance=provenance))
    assert "hunter2" not in str(body)
    body = await asked(
        make, ask, server, user_message("x"), assistant_message(call()), tool_message(result("call_1", attached))
    )
    assert "hunter2" not in str(body)


# -------------------------------------------------------------------------------------------------------- chat instead


@pytest.mark.parametrize(
    ("model", "api", "vendor", "tools", "path"),
    [
        ("gpt-5.4", "", True, True, "responses"),
        ("gpt-5.4", "chat", True, True, "chat/completions"),
        ("gpt-5.3-codex", "chat", True, False, "responses"),
        ("gpt-5.3-codex", "chat", False, False, "chat/completions"),
        ("gpt-4o-audio-preview", "", True, False, "chat/completions"),
        ("gpt-6-astra", "chat", True, True, "responses"),
        ("gpt-6-astra", "chat", True, False, "chat/completions"),
        ("llama", "", False, True, "responses"),
    ],
)
async def test_each_model_is_asked_where_it_answers(
    make: Make, ask: Any, server: ModelServer, model: str, api: str, vendor: bool, tools: bool, path: str
) -> None:
    provider = await make(chat("ok") if "chat" in path else responses("ok"), api=api, is_vendor=vendor)
    await ask(provider, model=model, tools=(LOOK,) if tools else ())
    assert server.requests[0].path == f"/v1/{path}"


async def test_chat_requests_are_fitted_to_the_model(make: Make, ask: Any, server: ModelServer) -> None:
    provider = await make(chat("ok"), chat("ok"), api="chat")
    settings = ModelSettings(reasoning="xhigh", temperature=0.5, max_output_tokens=100)
    await ask(provider, model="gpt-5", settings=settings, session_id="x" * 100)
    await ask(provider, model="gpt-4.1", settings=ModelSettings(temperature=0.5))
    thinking, plain = (request.json for request in server.requests)
    assert (thinking["reasoning_effort"], thinking["max_completion_tokens"]) == ("high", 100)
    assert "temperature" not in thinking and len(thinking["prompt_cache_key"]) == 64
    assert plain["temperature"] == 0.5 and "reasoning_effort" not in plain


async def test_a_conversation_goes_on_when_the_wire_changes(make: Make, ask: Any, server: ModelServer) -> None:
    said = (await ask(await make(responses(Reasoning(text="hm"), "Hello", call())))).message
    history = (user_message("hi"), said, tool_message(result()))
    await ask(await make(chat("ok"), api="chat"), *history)
    back = server.requests[-1].json["messages"]
    assert [message["role"] for message in back] == ["user", "assistant", "tool"]
    assert back[1]["tool_calls"][0]["id"] == "call_1" and "openai" not in str(back)
