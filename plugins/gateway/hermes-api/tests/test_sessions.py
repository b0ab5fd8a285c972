"""Conversations, approvals and repeated requests over the API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import Pause
from hermes_host.testing.model_server_chat import chat, chunk, echo, events, failure


def act(what: str) -> str:
    """Do something."""
    return f"Did {what}."


ACT = {"function": act, "effects": ("write",)}
CALL = chat(ToolCall(id="c1", name="act", arguments={"what": "it"}))


async def test_a_conversation_is_begun_named_gone_on_with_forked_and_deleted(serve):
    async with serve(echo) as api:
        key = api.key("phone", "chat", "sessions")
        status, made, headers = await api.ask(
            "POST",
            "/api/sessions",
            {"title": "Work", "instructions": "Be brief.", "messages": [{"role": "user", "content": "I am Ann."}]},
            key=key,
        )
        assert (status, made["title"], made["source"]) == (201, "Work", "api")
        assert headers["X-Hermes-Session-Id"] == made["id"]
        path = f"/api/sessions/{made['id']}"
        status, told, _ = await api.ask("POST", f"{path}/messages", {"content": "Hi", "stream": False}, key=key)
        assert (status, told["outcome"], told["text"]) == (200, "completed", "Hi")
        sent = str(api.vendor.requests[0].json)
        assert "I am Ann." in sent and "Be brief." in sent
        assert (await api.ask("PATCH", path, {"title": "Play"}, key=key))[1]["title"] == "Play"
        _, messages, _ = await api.ask("GET", f"{path}/messages", key=key)
        assert [message["role"] for message in messages["data"]] == ["user", "user", "assistant"]
        _, fork, _ = await api.ask("POST", f"{path}/fork", {"until": messages["data"][0]["id"]}, key=key)
        assert (fork["parent"], fork["messages"]) == (made["id"], 1)
        _, listed, _ = await api.ask("GET", "/api/sessions", key=key)
        assert {item["id"] for item in listed["data"]} == {made["id"], fork["id"]}
        assert (await api.ask("DELETE", path, key=key))[1]["deleted"] is True
        assert (await api.ask("GET", path))[0] == 404


async def test_the_events_of_a_turn_are_the_hosts_own(serve):
    async with serve(echo) as api:
        _, made, _ = await api.ask("POST", "/api/sessions", {})
        found = await api.events(f"/api/sessions/{made['id']}/messages", {"content": "Hi"})
    names = [name for name, _ in found]
    assert names[0] == "turn_started"
    assert names[-1] == "turn_finished"
    assert all(name == data["type"] for name, data in found)


async def test_a_session_id_goes_on_with_its_history_and_without_one_there_is_none(serve):
    async with serve(echo) as api:
        _, _, headers = await api.chat("My name is Ann.")
        session = headers["X-Hermes-Session-Id"]
        # A client that sends the whole history again does not double it.
        _, _, headers = await api.chat(
            "My name is Ann.",
            {"role": "assistant", "content": "My name is Ann."},
            "What is it?",
            headers={"X_Hermes_Session_Id": session},
        )
        assert headers["X-Hermes-Session-Id"] == session
        assert [m["role"] for m in api.vendor.requests[-1].json["messages"]] == ["system", "user", "assistant", "user"]
        await api.chat("What is it?")
        assert "Ann" not in str(api.vendor.requests[-1].json)
        assert (await api.chat("x", headers={"X_Hermes_Session_Id": "20260101_000000_abcdef"}))[0] == 404
        assert (await api.chat("x", headers={"X_Hermes_Session_Id": session[:12]}))[0] == 404


async def test_chats_that_are_not_to_be_kept_leave_nothing(serve):
    async with serve(echo, keep_chats=False) as api:
        _, _, headers = await api.chat("Hi")
        assert "X-Hermes-Session-Id" not in headers
        assert list(api.host.sessions.list()) == []


async def test_a_turn_at_work_can_be_steered_and_stopped(serve):
    held = events(chunk({"content": "a"}), Pause.HOLD, done=False)
    async with serve([held]) as api:
        _, made, _ = await api.ask("POST", "/api/sessions", {})
        path = f"/api/sessions/{made['id']}"
        assert (await api.ask("POST", f"{path}/stop"))[0] == 409
        body = {"content": "Hi", "stream": False}
        running = asyncio.create_task(api.ask("POST", f"{path}/messages", body))
        await api.vendor.holds(1)
        assert (await api.ask("POST", f"{path}/steer", {"content": "Hurry."}))[0] == 202
        assert (await api.ask("POST", f"{path}/stop"))[0] == 202
        assert (await running)[1]["outcome"] == "interrupted"


# -------------------------------------------------------------------------------------------------------- approvals


async def test_without_somebody_to_ask_consent_is_refused(serve):
    async with serve([CALL, chat("I may not.")], tools=[ACT]) as api:
        _, body, _ = await api.chat("Do it")
        assert body["choices"][0]["message"]["content"] == "I may not."
        assert "nobody can be asked" in str(api.vendor.requests[1].json["messages"][-1])


async def waiting(api: Any, key: str) -> Any:
    async with asyncio.timeout(5):
        while True:
            _, found, _ = await api.ask("GET", "/api/approvals", key=key)
            if found["data"]:
                return found["data"][0]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("choice", "expected"), [("once", "Did it."), ("deny", "The user denied this call.")])
async def test_consent_is_given_over_the_api_once(serve, choice: str, expected: str):
    async with serve([CALL, chat("Ready.")], tools=[ACT]) as api:
        one, two = api.key("one", "chat", "approvals"), api.key("two", "chat", "approvals")
        body = {"model": "hermes-agent", "messages": [{"role": "user", "content": "Do it"}], "stream": True}
        running = asyncio.create_task(
            api.events("/v1/chat/completions", body, key=one, X_Hermes_Approvals="wait", X_Hermes_Events="1")
        )
        request = await waiting(api, one)
        assert (request["tool"], request["shown"]) == ("act", '{"what":"it"}')
        assert (await api.ask("GET", "/api/approvals", key=two))[1]["data"] == []
        path = f"/api/approvals/{request['id']}"
        assert (await api.ask("POST", path, {"choice": "once"}, key=two))[0] == 403
        assert (await api.ask("POST", path, {"choice": "always"}, key=one))[0] == 400
        assert (await api.ask("POST", path, {"choice": "yes"}, key=one))[0] == 400
        assert (await api.ask("POST", path, {"choice": choice}, key=one))[0] == 200
        assert (await api.ask("POST", path, {"choice": "once"}, key=one))[0] == 409
        found = await running
        assert (await api.ask("POST", path, {"choice": "once"}, key=one))[0] == 409
        assert (await api.ask("POST", "/api/approvals/nothing", {"choice": "once"}, key=one))[0] == 404
        states = [data["status"] for name, data in found if name == "hermes.approval"]
        assert states == ["waiting", "decided"]
        assert expected in str(api.vendor.requests[1].json["messages"][-1])


async def test_a_late_answer_is_refused_and_silence_is_no(serve):
    async with serve([CALL, chat("Too late.")], tools=[ACT], overrides={"approvals.timeout": 0.3}) as api:
        running = asyncio.create_task(api.chat("Do it", headers={"X_Hermes_Approvals": "wait"}))
        request = await waiting(api, "main-key-of-the-owner-1234")
        assert (await running)[1]["choices"][0]["message"]["content"] == "Too late."
        assert (await api.ask("POST", f"/api/approvals/{request['id']}", {"choice": "once"}))[0] == 409
        assert "nobody answered in time" in str(api.vendor.requests[1].json["messages"][-1])


# ------------------------------------------------------------------------------------------------- repeated requests


async def test_a_request_sent_twice_at_once_happens_once(serve):
    held = events(chunk({"content": "a"}), Pause.HOLD, chunk({}, finish="stop"))
    async with serve([held]) as api:
        two = {"Idempotency_Key": "k1"}
        asking = [asyncio.create_task(api.chat("Hi", headers=two)) for _ in range(3)]
        await api.vendor.holds(1)
        assert (await api.chat("Something else", headers=two))[0] == 409
        api.vendor.release()
        found = await asyncio.gather(*asking)
        again = await api.chat("Hi", headers=two)
        assert len(api.vendor.requests) == 1
    assert len({answer[1]["id"] for answer in [*found, again]}) == 1
    assert again[2]["Idempotent-Replayed"] == "true"
    assert again[2]["X-Hermes-Session-Id"]


async def test_an_answer_is_remembered_across_a_restart_and_for_its_key_alone(serve):
    async with serve([chat("One."), chat("Two.")]) as api:
        other = api.key("other", "chat")
        _, first, _ = await api.chat("Hi", headers={"Idempotency_Key": "k1"})
        _, second, _ = await api.chat("Hi", headers={"Idempotency_Key": "k1"}, key=other)
        assert first["choices"][0]["message"]["content"] != second["choices"][0]["message"]["content"]
    async with serve([]) as api:
        assert (await api.chat("Hi", headers={"Idempotency_Key": "k1"}))[1] == first
        status, body, _ = await api.chat("Ho", headers={"Idempotency_Key": "k1"})
        assert (status, body["error"]["code"]) == (409, "idempotency_conflict")


async def test_a_stream_is_repeated_byte_for_byte(serve):
    body = {"model": "hermes-agent", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with serve([chat("Once.")]) as api:
        first = await api.events("/v1/chat/completions", body, Idempotency_Key="k1")
        assert await api.events("/v1/chat/completions", body, Idempotency_Key="k1") == first


async def test_what_failed_may_be_tried_again(serve):
    async with serve([failure(400, "no"), chat("Now.")]) as api:
        assert (await api.chat("Hi", headers={"Idempotency_Key": "k1"}))[0] == 400
        assert (await api.chat("Hi", headers={"Idempotency_Key": "k1"}))[0] == 200


async def test_a_request_that_a_crash_cut_off_is_not_done_again(serve):
    from hermes_api.ledger import Ledger

    async with serve([chat("One.")]) as api:
        await api.chat("Hi", headers={"Idempotency_Key": "k1"})
        ledger = Ledger(api.host.context("api").state_directory, most=10)
        known = ledger.remembered("main", "k1")
        ledger.remember(
            "main",
            "k1",
            type(known)(fingerprint=known.fingerprint, made=known.made, status=0, kind="", session="", body=b""),
        )
        ledger.close()
    async with serve([chat("Again.")]) as api:
        status, body, _ = await api.chat("Hi", headers={"Idempotency_Key": "k1"})
        assert (status, body["error"]["code"]) == (409, "idempotency_unknown")
        assert api.vendor.requests == []


async def test_when_the_gateway_ends_a_turn_that_takes_too_long_says_so(serve):
    held = events(chunk({"content": "a"}), Pause.HOLD, done=False)
    body = {"model": "hermes-agent", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with serve([held], drain_seconds=0.1) as api:
        running = asyncio.create_task(api.events("/v1/chat/completions", body))
        await api.vendor.holds(1)
        api.task.cancel()
        found = await running
    assert found[-2][1]["error"]["code"] == "interrupted"
    assert found[-1] == ("", "[DONE]")


async def test_when_the_gateway_ends_running_turns_get_a_little_time(serve):
    held = events(chunk({"content": "a"}), Pause.HOLD, chunk({"content": "b"}), chunk({}, finish="stop"))
    async with serve([held], drain_seconds=5.0) as api:
        running = asyncio.create_task(api.chat("Hi"))
        await api.vendor.holds(1)
        api.task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        status, body, _ = await api.chat("Another")
        assert (status, body["error"]["code"]) == (503, "stopping")
        api.vendor.release()
        assert (await running)[1]["choices"][0]["message"]["content"] == "ab"
