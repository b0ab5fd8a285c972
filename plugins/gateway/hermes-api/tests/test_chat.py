"""Chat completions: in one piece and as a stream, with tools between, errors, and what a client may set."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hermes_host.messages import Reasoning, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import Pause
from hermes_host.testing.model_server_chat import chat, chunk, echo, events, failure, usage_chunk


def look(place: str) -> str:
    """Look somewhere."""
    return f"Nothing in {place}."


LOOK = chat("Let me look.", ToolCall(id="c1", name="look", arguments={"place": "the box"}))


def texts(found: list[tuple[str, Any]]) -> str:
    return "".join(
        data["choices"][0]["delta"].get("content") or ""
        for _, data in found
        if isinstance(data, dict) and data.get("choices")
    )


def reason(found: list[tuple[str, Any]]) -> Any:
    return [data["choices"][0]["finish_reason"] for _, data in found if isinstance(data, dict) and data.get("choices")][
        -1
    ]


BODY = {"model": "hermes-agent", "messages": [{"role": "user", "content": "Hi"}], "stream": True}


async def test_an_answer_has_every_field_the_format_requires(serve):
    async with serve([chat("Hello there.", usage=Usage(input=7, output=3))]) as api:
        status, body, headers = await api.chat("Hi")
    assert status == 200
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "hermes-agent"
    choice = body["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "Hello there.", "refusal": None, "annotations": []}
    assert (choice["finish_reason"], choice["logprobs"], choice["index"]) == ("stop", None, 0)
    assert (body["usage"]["prompt_tokens"], body["usage"]["total_tokens"]) == (7, 10)
    assert headers["X-Hermes-Session-Id"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_text_before_and_after_a_tool_arrives_in_order_and_whole(serve):
    for stream in (False, True):
        async with serve([LOOK, chat("It is empty.")], tools=[look]) as api:
            if stream:
                found = await api.events("/v1/chat/completions", BODY)
                assert found[-1] == ("", "[DONE]")
                assert all(name == "" for name, _ in found), "no events a plain client does not know"
                text, ended = texts(found), reason(found)
            else:
                _, body, _ = await api.chat("Hi")
                text, ended = body["choices"][0]["message"]["content"], body["choices"][0]["finish_reason"]
        assert text == "Let me look.\n\nIt is empty."
        assert ended == "stop"


async def test_a_model_that_does_not_stream_is_still_heard(serve):
    whole = events(chunk({"role": "assistant"}), chunk({"content": "All at once."}), chunk({}, finish="stop"))
    async with serve([whole]) as api:
        found = await api.events("/v1/chat/completions", BODY)
    assert texts(found) == "All at once."


async def test_usage_comes_as_a_chunk_of_its_own_when_it_is_asked_for(serve):
    async with serve(echo) as api:
        plain = await api.events("/v1/chat/completions", BODY)
        asked = await api.events("/v1/chat/completions", {**BODY, "stream_options": {"include_usage": True}})
    assert not any("usage" in data for _, data in plain if isinstance(data, dict))
    last = asked[-2][1]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert all(data["usage"] is None for _, data in asked[:-2])


async def test_tools_show_only_to_clients_that_ask(serve):
    async with serve([LOOK, chat("Done.")], tools=[look]) as api:
        found = await api.events("/v1/chat/completions", BODY, X_Hermes_Events="1")
    tools = [data for name, data in found if name == "hermes.tool"]
    assert [data["status"] for data in tools] == ["running", "completed"]
    assert tools[0]["tool"] == "look"
    assert texts(found) == "Let me look.\n\nDone."


async def test_reasoning_is_sent_only_to_clients_that_ask(serve):
    async with serve(lambda request: chat(Reasoning(text="Hm."), "Yes.")(request)) as api:
        plain = await api.events("/v1/chat/completions", BODY)
        asked = await api.events("/v1/chat/completions", BODY, X_Hermes_Reasoning="1")
    thoughts = [data["choices"][0]["delta"].get("reasoning_content", "") for _, data in asked if data != "[DONE]"]
    assert "".join(thoughts) == "Hm."
    assert texts(plain) == texts(asked) == "Yes."
    assert "reasoning_content" not in str(plain)


@pytest.mark.parametrize(("stop", "expected"), [("length", "length"), ("refused", "content_filter")])
async def test_why_it_ended_is_told_truly(serve, stop: str, expected: str):
    async with serve(lambda request: chat("Half", stop_reason=stop)(request)) as api:
        _, body, _ = await api.chat("Hi")
        found = await api.events("/v1/chat/completions", BODY)
    assert body["choices"][0]["finish_reason"] == reason(found) == expected


async def test_an_error_of_the_model_is_an_error_and_never_an_answer(serve):
    async with serve(lambda request: failure(401, "bad key sk-office-1234")) as api:
        status, body, _ = await api.chat("Hi")
        found = await api.events("/v1/chat/completions", BODY)
    assert status == 502
    assert body["error"]["code"] == "model_auth_failed"
    assert "sk-office-1234" not in str(body) + str(found)
    assert found[-1] == ("", "[DONE]")
    assert found[-2][1]["error"]["code"] == "model_auth_failed"
    assert "stop" not in [data["choices"][0]["finish_reason"] for _, data in found[:-2]]


async def test_a_connection_that_breaks_does_not_show_an_answer_twice(serve):
    broken = events(chunk({"content": "The answer "}), chunk({"content": "is"}), Pause.CUT, done=False)
    async with serve([broken, chat("The answer is 42.", pieces=6)], plugins=["resilience"]) as api:
        found = await api.events("/v1/chat/completions", BODY)
    assert texts(found) in ("The answer is 42.", "The answer is"), texts(found)


async def test_a_silent_stream_shows_signs_of_life(serve):
    held = events(chunk({"content": "a"}), Pause.HOLD, chunk({"content": "b"}), chunk({}, finish="stop"), usage_chunk())
    async with serve([held], keep_alive_seconds=0.05) as api:
        asking = asyncio.create_task(api.events("/v1/chat/completions", BODY))
        await api.vendor.holds(1)
        await asyncio.sleep(0.3)  # the silence itself is what is tested
        api.vendor.release()
        found = await asking
    assert (":", "keep-alive") in found
    assert texts(found) == "ab"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_ends_the_turn_within_two_seconds(serve, stream: bool):
    held = events(chunk({"content": "a"}), Pause.HOLD, done=False)
    async with serve([held, chat("Still here.")]) as api:
        asking = asyncio.create_task(api.chat("Hi", stream=stream))
        await api.vendor.holds(1)
        asking.cancel()
        async with asyncio.timeout(2):
            await api.vendor.requests[0].gone.wait()
        status, body, _ = await api.chat("Are you there?")
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Still here.")


async def test_what_the_client_says_before_is_the_past_and_its_system_stands_beside_ours(serve):
    async with serve(echo) as api:
        await api.chat(
            {"role": "system", "content": "Speak like a pirate."},
            {"role": "developer", "content": "Be brief."},
            "My name is Ann.",
            {"role": "assistant", "content": "Aye, Ann."},
            {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
        )
        sent = api.vendor.requests[0].json["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "You are Hermes" in str(sent[0])
    assert sent[0]["content"].endswith("Speak like a pirate.\n\nBe brief.")
    assert "What is my name?" in str(sent[3])


async def test_settings_of_the_answer_reach_the_model(serve):
    async with serve(echo) as api:
        await api.chat("Hi", temperature=0.25, max_tokens=77)
        sent = api.vendor.requests[0].json
        wrong = [
            (await api.chat("Hi", **more))[1]["error"]["param"]
            for more in ({"temperature": 7}, {"max_tokens": 0}, {"n": 2}, {"logprobs": True}, {"reasoning_effort": "x"})
        ]
    assert sent["temperature"] == 0.25
    assert 77 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))
    assert wrong == ["temperature", "max_tokens", "n", "logprobs", "reasoning_effort"]


async def test_images_reach_the_model_and_nothing_is_fetched(serve):
    pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    part = {"type": "image_url", "image_url": {"url": pixel}}
    async with serve(lambda request: chat("A pixel.")(request)) as api:
        status, _, _ = await api.chat({"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]})
        assert status == 200
        assert pixel in str(api.vendor.requests[0].json)
        for url in (
            "http://127.0.0.1/x.png",
            "file:///etc/passwd",
            "data:text/html;base64,AAAA",
            "data:image/png;base64,%%%",
            "https://user:pw@example.org/x.png",
            "https://",
        ):
            wrong = {"type": "image_url", "image_url": {"url": url}}
            status, body, _ = await api.chat({"role": "user", "content": [wrong]})
            assert (status, body["error"]["param"]) == (400, "messages[0].content[0].image_url"), url


async def test_models_that_there_are_not_are_refused(serve):
    async with serve(echo, models={"gpt-x": "office:other-model"}) as api:
        _, models, _ = await api.ask("GET", "/v1/models")
        assert [model["id"] for model in models["data"]] == ["hermes-agent", "hermes-agent-fast", "gpt-x"]
        assert (await api.ask("GET", "/v1/models/gpt-x"))[0] == 200
        status, body, _ = await api.chat("Hi", model="gpt-4o")
        assert (status, body["error"]["code"]) == (404, "model_not_found")
        assert (await api.ask("POST", "/v1/chat/completions", {"messages": []}))[0] == 400
        await api.chat("Hi", model="gpt-x")
        assert api.vendor.requests[-1].json["model"] == "other-model"
    async with serve(echo, echo_models=True) as api:
        _, body, _ = await api.chat("Hi", model="gpt-4o")
        assert body["model"] == "gpt-4o"


async def test_the_fast_model_has_neither_tools_nor_our_prompt_and_leaves_nothing(serve):
    async with serve(echo, tools=[look]) as api:
        await api.chat({"role": "system", "content": "Give a title."}, "Hi", model="hermes-agent-fast")
        sent = api.vendor.requests[0].json
        _, listed, _ = await api.ask("GET", "/api/sessions")
    assert not sent.get("tools")
    assert "Hermes" not in str(sent["messages"])
    assert "Give a title." in str(sent["messages"][0])
    assert listed["data"] == []


async def test_tools_of_the_client_are_refused_clearly(serve):
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    async with serve(echo) as api:
        status, body, _ = await api.chat("Hi", tools=[tool])
        assert (status, body["error"]["code"]) == (400, "unsupported_tools")
        assert (await api.chat("Hi", tools=[], tool_choice="auto"))[0] == 200


SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}


async def test_an_answer_of_a_wrong_form_is_asked_for_once_more(serve):
    async with serve([chat("It is four."), chat('```json\n{"n": 4}\n```')]) as api:
        _, body, _ = await api.chat("How many?", response_format=SCHEMA)
        assert body["choices"][0]["message"]["content"] == '{"n": 4}'
        assert "it is no JSON" in str(api.vendor.requests[1].json["messages"][-1])
    async with serve([chat('{"n": "x"}'), chat('{"n": 5}')]) as api:
        found = await api.events("/v1/chat/completions", {**BODY, "response_format": SCHEMA})
        assert texts(found) == '{"n": 5}'
    async with serve([chat("no"), chat("no")]) as api:
        status, body, _ = await api.chat("How many?", response_format={"type": "json_object"})
        assert (status, body["error"]["code"]) == (502, "invalid_structure")


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "http://127.0.0.1:1/x"}, {"type": 7}, "x", {"properties": {"a": {"$ref": "file:///etc/passwd"}}}],
)
async def test_a_schema_leads_nowhere(serve, schema: Any):
    async with serve(echo) as api:
        wish = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        assert (await api.chat("Hi", response_format=wish))[0] == 400
        assert api.vendor.requests == []
