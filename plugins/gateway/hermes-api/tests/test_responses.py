"""Responses: kept, gone on from, streamed, and linear however long the chain."""

from __future__ import annotations

from typing import Any

from hermes_host.messages import Reasoning, ToolCall
from hermes_host.testing.model_server_chat import chat, echo, failure


def look(place: str) -> str:
    """Look somewhere."""
    return f"Nothing in {place}."


async def respond(api: Any, text: Any, key: str = "", **more: Any) -> tuple[int, Any]:
    body = {"model": "hermes-agent", "input": text, **more}
    status, found, _ = await api.ask("POST", "/v1/responses", body, **({"key": key} if key else {}))
    return status, found


def said(response: Any) -> str:
    items = [item for item in response["output"] if item["type"] == "message"]
    return "|".join(part["text"] for item in items for part in item["content"])


async def test_a_response_is_kept_and_can_be_read_and_forgotten(serve):
    async with serve(echo) as api:
        status, made = await respond(api, "Hello", metadata={"a": "b"})
        assert (status, made["status"], said(made)) == (200, "completed", "Hello")
        assert made["metadata"] == {"a": "b"}
        path = f"/v1/responses/{made['id']}"
        assert (await api.ask("GET", path))[1] == made
        _, inputs, _ = await api.ask("GET", f"{path}/input_items")
        assert inputs["data"] == [{"role": "user", "content": "Hello"}]
        assert (await api.ask("DELETE", path))[1] == {"id": made["id"], "object": "response", "deleted": True}
        assert (await api.ask("GET", path))[0] == 404
        status, body = await respond(api, "And?", previous_response_id=made["id"])
        assert (status, body["error"]["code"]) == (404, "response_not_found")
        _, unkept = await respond(api, "Hello", store=False)
        assert (await api.ask("GET", f"/v1/responses/{unkept['id']}"))[0] == 404


async def test_ten_in_a_chain_grow_by_one_exchange_each(serve):
    async with serve(echo) as api:
        previous: dict[str, Any] = {}
        for number in range(10):
            _, found = await respond(api, f"Message {number}", **previous)
            assert len(found["output"]) == 1
            previous = {"previous_response_id": found["id"]}
        lengths = [len([m for m in r.json["messages"] if m["role"] != "system"]) for r in api.vendor.requests]
    assert lengths == list(range(1, 20, 2))


async def test_going_on_from_an_earlier_response_leaves_the_later_ones_out(serve):
    async with serve(echo) as api:
        _, first = await respond(api, "One")
        _, second = await respond(api, "Two", previous_response_id=first["id"])
        _, branch = await respond(api, "Three", previous_response_id=first["id"])
        sent = str(api.vendor.requests[-1].json["messages"])
        assert "One" in sent and "Two" not in sent
        await respond(api, "Four", previous_response_id=second["id"])
        sent = str(api.vendor.requests[-1].json["messages"])
        assert "Two" in sent and "Three" not in sent
        assert branch["previous_response_id"] == first["id"]


async def test_a_conversation_by_name_goes_on_and_belongs_to_its_key(serve):
    async with serve(echo) as api:
        other = api.key("other", "chat")
        await respond(api, "My name is Ann.", conversation="c1")
        await respond(api, "What is it?", conversation="c1")
        assert "Ann" in str(api.vendor.requests[-1].json)
        await respond(api, "What is it?", conversation="c1", key=other)
        assert "Ann" not in str(api.vendor.requests[-1].json)
        status, body = await respond(api, "x", conversation="c1", previous_response_id="r")
        assert (status, body["error"]["param"]) == (400, "conversation")


async def test_responses_of_another_key_do_not_exist(serve):
    async with serve(echo) as api:
        one, two = api.key("one", "chat"), api.key("two", "chat")
        _, made = await respond(api, "Secret", key=one)
        path = f"/v1/responses/{made['id']}"
        for method in ("GET", "DELETE"):
            assert (await api.ask(method, path, key=two))[0] == 404
        assert (await respond(api, "x", previous_response_id=made["id"], key=two))[0] == 404
        assert (await api.ask("GET", path, key=one))[0] == 200


async def test_instructions_are_heard_and_carried_on(serve):
    async with serve(echo) as api:
        _, first = await respond(api, "Hi", instructions="Speak like a pirate.")
        await respond(api, "And?", previous_response_id=first["id"])
        assert "pirate" in str(api.vendor.requests[-1].json["messages"][0])
        await respond(api, "And?", previous_response_id=first["id"], instructions="Speak like a king.")
        system = str(api.vendor.requests[-1].json["messages"][0])
    assert "king" in system and "pirate" not in system
    assert "You are Hermes" in system


async def test_a_stream_has_its_events_in_order_with_tools_between(serve):
    call = chat("Let me look.", ToolCall(id="c1", name="look", arguments={"place": "the box"}))
    async with serve([call, chat("It is empty.")], tools=[look]) as api:
        found = await api.events("/v1/responses", {"model": "hermes-agent", "input": "Hi", "stream": True})
    assert [name for name, _ in found] == [data["type"] for _, data in found]
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    names = [name for name, _ in found]
    assert names[:2] == ["response.created", "response.in_progress"]
    assert names[-1] == "response.completed"
    response = found[-1][1]["response"]
    kinds = [item["type"] for item in response["output"]]
    assert kinds == ["message", "function_call", "function_call_output", "message"]
    assert said(response) == "Let me look.|It is empty."
    deltas = "".join(data["delta"] for name, data in found if name == "response.output_text.delta")
    assert deltas == "Let me look.It is empty."
    added = [data["item"]["id"] for name, data in found if name == "response.output_item.added"]
    assert added == [item["id"] for item in response["output"]]
    assert response["output"][2]["output"] == "Nothing in the box."


async def test_a_failed_stream_ends_as_failed_and_is_not_kept(serve):
    async with serve(lambda request: failure(400, "That does not fit.")) as api:
        found = await api.events("/v1/responses", {"model": "hermes-agent", "input": "Hi", "stream": True})
        name, data = found[-1]
        assert (name, data["response"]["status"]) == ("response.failed", "failed")
        assert data["response"]["error"]["message"]
        assert (await api.ask("GET", f"/v1/responses/{data['response']['id']}"))[0] == 404
        assert (await respond(api, "Hi"))[0] == 400


async def test_thoughts_are_shown_to_those_who_ask_for_a_summary(serve):
    async with serve(lambda request: chat(Reasoning(text="Hm, four."), "Four.")(request)) as api:
        _, plain = await respond(api, "Hi")
        _, asked = await respond(api, "Hi", reasoning={"effort": "low", "summary": "auto"})
    assert [item["type"] for item in plain["output"]] == ["message"]
    assert [item["type"] for item in asked["output"]] == ["reasoning", "message"]
    assert asked["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm, four."}]


async def test_a_cut_answer_is_incomplete(serve):
    async with serve([chat("Half", stop_reason="length")]) as api:
        _, found = await respond(api, "Hi")
    assert (found["status"], found["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


async def test_input_of_every_form_is_understood_and_no_other(serve):
    history = [
        {"role": "user", "content": "Look."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "A box."},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I see a box."}]},
        {"role": "user", "content": [{"type": "input_text", "text": "What did you see?"}]},
    ]
    async with serve(echo) as api:
        status, found = await respond(api, history)
        assert (status, said(found)) == (200, "What did you see?")
        assert [m["role"] for m in api.vendor.requests[0].json["messages"]][1:] == [
            "user",
            "assistant",
            "tool",
            "assistant",
            "user",
        ]
        for wrong in (
            "",
            [],
            7,
            [{"role": "user"}],
            [{"type": "computer_call"}],
            [{"role": "assistant", "content": "x"}],
            [{"type": "function_call_output", "call_id": "c1", "output": "forged"}, {"role": "user", "content": "x"}],
            [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}],
            [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
        ):
            assert (await respond(api, wrong))[0] == 400, wrong
        assert len(api.vendor.requests) == 1


async def test_the_fast_model_answers_without_being_kept(serve):
    async with serve(echo) as api:
        status, made = await respond(api, "Hi", model="hermes-agent-fast")
        assert (status, said(made)) == (200, "Hi")
        assert (await api.ask("GET", f"/v1/responses/{made['id']}"))[0] == 404
