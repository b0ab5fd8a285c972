"""Sessions that work for another one, and tools that call tools."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hermes_host.context import ToolContext
from hermes_host.errors import NotFound
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.specs import TerminalSpec
from hermes_host.testing import FakeTerminalBackend, ScriptedApprover, StandInHost, events_of


@pytest.fixture
def done(host: StandInHost) -> list[str]:
    found: list[str] = []

    @host.tool(effects=("write",))
    async def act(what: str) -> str:
        """Act."""
        found.append(what)
        return f"did {what}"

    @host.tool(effects=("read",))
    async def script(call: ToolContext) -> str:
        """Run a script that calls tools."""
        results = [
            await call.call_tool("act", {"what": "one"}),
            await call.call_tool("act", {"what": 2}),
            await call.call_tool("nothing", {}),
        ]
        return " | ".join(f"{result.is_error} {result.content[0].text}" for result in results)  # type: ignore[union-attr]

    return found


async def test_whoever_can_be_asked_in_front_is_asked_behind(host: StandInHost, done: list[str]) -> None:
    call = assistant_message(ToolCall(id="1", name="act", arguments={"what": "tea"}))
    host.script(call, "ok", call, "ok")
    approver = ScriptedApprover("session")
    front = await host.start(approver=approver)
    behind = await host.start(source="subagent", parent=front.id, behind=front.id)
    assert front.children == [behind]
    await events_of(behind.run("go"))
    await events_of(front.run("go"))
    assert done == ["tea", "tea"]
    assert [request.session_id for request in approver.requests] == [behind.id], "one consent holds for both"
    await behind.close()
    assert front.children == []


async def test_a_session_behind_can_have_a_prompt_of_its_own(host: StandInHost) -> None:
    provider = host.script("ok", "ok")
    front = await host.start()
    behind = await host.start(source="subagent", behind=front.id, system="You count sheep.", memory="none")
    await events_of(behind.run("go"))
    identity = behind.id
    assert behind.leader is front
    await behind.close()
    await events_of((await host.resume(identity)).run("go on"))
    assert [request.system for request in provider.requests] == ["You count sheep."] * 2


async def test_nobody_works_for_a_session_that_is_not_there(host: StandInHost) -> None:
    host.script()
    with pytest.raises(NotFound, match="no live session"):
        await host.start(behind="20260101_000000_abcdef")


async def test_interrupting_and_steering_reach_the_session_behind(host: StandInHost) -> None:
    waiting = asyncio.Event()

    @host.tool(effects=("read",))
    async def wait() -> str:
        """Wait for ever."""
        waiting.set()
        await asyncio.Event().wait()
        return ""

    host.script(assistant_message(ToolCall(id="1", name="wait", arguments={})), "ok")
    front = await host.start()
    behind = await host.start(source="subagent", behind=front.id)
    running = asyncio.create_task(events_of(behind.run("go")))
    await waiting.wait()
    front.steer("hurry")
    assert list(behind.steering) == ["hurry"]
    front.interrupt()
    events: list[Any] = await running
    assert events[-1].outcome == "interrupted"


async def test_a_tool_calls_other_tools_on_the_same_path_as_the_model(host: StandInHost, done: list[str]) -> None:
    provider = host.script(assistant_message(ToolCall(id="1", name="script", arguments={})), "ok")
    approver = ScriptedApprover("once")
    session = await host.start(approver=approver)
    await events_of(session.run("go"))
    assert done == ["one"]
    assert [request.call.arguments for request in approver.requests] == [{"what": "one"}]
    said = provider.requests[1].messages[-1].parts[0].content[0].text  # type: ignore[union-attr]
    assert said.startswith("False did one | True Error:")
    assert "There is no tool 'nothing'" in said


async def test_a_conversation_keeps_the_terminal_that_was_chosen_for_it(host: StandInHost) -> None:
    for name in ("near", "far"):
        spec = TerminalSpec(name=name, summary="s", target="a:b", features=frozenset({"files"}))
        host.use_part("terminals", spec, FakeTerminalBackend())
    host.script("ok")
    session = await host.start(terminal="far")
    assert host.terminals.backend(session.context) == "far"
    with pytest.raises(NotFound, match="nowhere"):
        await session.use_terminal("nowhere")
    await session.use_terminal("near")
    await events_of(session.run("go"))
    identity = session.id
    await session.close()
    again = await host.resume(identity)
    assert host.terminals.backend(again.context) == "near"
