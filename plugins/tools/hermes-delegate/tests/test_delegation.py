"""Handing tasks on: isolation, narrowing, limits, one gate, one deadline."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hermes_host.events import ToolProgress
from hermes_host.messages import Message, ToolCall, assistant_message
from hermes_host.protocols import ModelRequest
from hermes_host.testing import ScriptedApprover, StandInHost, events_of, finished


def delegate(call_id: str = "d", **arguments: Any) -> Message:
    return assistant_message(ToolCall(id=call_id, name="delegate_task", arguments=arguments))


def use(name: str, **arguments: Any) -> Message:
    return assistant_message(ToolCall(id="u", name=name, arguments=arguments))


def reports(request: ModelRequest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told(request))["results"]
    return found


def told(request: ModelRequest) -> str:
    """The first result in the last message."""
    return str(request.messages[-1].parts[0].content[0].text)  # type: ignore[union-attr]


async def test_a_subagent_sees_its_task_and_nothing_else(host: StandInHost) -> None:
    provider = host.script(delegate(goal="Count the sheep", context="They are in the barn."), "Seven sheep.", "ok")
    session = await host.start()
    events = await events_of(session.run("my secret plan"))
    assert finished(events).text == "ok"
    child = provider.requests[1]
    assert "subagent" in child.system
    (message,) = child.messages
    assert "Count the sheep" in message.text
    assert "They are in the barn." in message.text
    assert "secret plan" not in message.text + child.system
    (report,) = reports(provider.requests[2])
    assert (report["status"], report["summary"], report["task"]) == ("completed", "Seven sheep.", 0)
    kept = host.sessions.find(report["session"])
    assert (kept.source, kept.parent) == ("subagent", session.id)
    assert kept.id not in [info.id for info in host.sessions.list()]


async def test_its_tools_are_never_more_than_those_of_the_conversation(host: StandInHost) -> None:
    provider = host.script(delegate(goal="a"), "done", "ok")
    session = await host.start(toolsets=["looking", "asking", "memory", "delegation"])
    await events_of(session.run("go"))
    assert [tool.name for tool in provider.requests[1].tools] == ["look"]


@pytest.mark.parametrize("wanted", [["doing"], ["asking"], ["memory"], ["delegation"]])
async def test_when_nothing_is_left_nothing_is_started(host: StandInHost, wanted: list[str]) -> None:
    provider = host.script(delegate(goal="a", toolsets=wanted), "ok")
    session = await host.start(toolsets=["looking", "asking", "memory", "delegation"])
    await events_of(session.run("go"))
    assert len(provider.requests) == 2
    assert "Nothing was started" in told(provider.requests[1])
    assert "It can have: look" in told(provider.requests[1])


async def test_an_unknown_toolset_names_near_ones(host: StandInHost) -> None:
    provider = host.script(delegate(goal="a", toolsets=["lookin"]), "ok")
    await events_of((await host.start()).run("go"))
    assert "Did you mean 'looking'" in told(provider.requests[1])


async def test_several_tasks_are_worked_on_at_once_and_reported_in_their_order(
    host: StandInHost, replying: Any
) -> None:
    together = asyncio.Barrier(3)

    @host.tool(effects=("read",), toolset="meeting")
    async def meet() -> str:
        """Meet the others."""
        async with asyncio.timeout(10):
            await together.wait()
        return "met"

    def answer(request: ModelRequest) -> Any:
        if "subagent" not in request.system:
            return "all met" if len(request.messages) > 1 else delegate(tasks=tasks)
        number = re.findall(r"meeting (\d)", request.messages[0].text)[0]
        return f"report {number}" if len(request.messages) > 1 else use("meet")

    tasks = [{"goal": f"Go to meeting {number}"} for number in range(3)]
    host.use_provider(replying(answer))
    events = await events_of((await host.start()).run("go"))
    result = next(event.result for event in events if type(event).__name__ == "ToolFinished" and event.call_id == "d")
    found = json.loads(result.content[0].text)["results"]
    assert [(report["task"], report["summary"]) for report in found] == [(n, f"report {n}") for n in range(3)]
    shown = [event.text for event in events if isinstance(event, ToolProgress)]
    assert any("[2] meet" in text for text in shown)
    assert any("[3] ✓" in text for text in shown)


async def test_consent_is_asked_in_front_and_nobody_means_no(host: StandInHost, done: list[str]) -> None:
    steps = (delegate(goal="a"), use("act", what="one"), "child done", "ok")
    host.script(*steps, *steps)
    approver = ScriptedApprover("once")
    await events_of((await host.start(approver=approver)).run("go"))
    await events_of((await host.start()).run("go"))
    assert done == ["act one"]
    assert len(approver.requests) == 1


async def test_interrupting_the_turn_interrupts_its_subagents(host: StandInHost) -> None:
    waiting = asyncio.Event()

    @host.tool(effects=("read",))
    async def wait() -> str:
        """Wait."""
        waiting.set()
        await asyncio.Event().wait()
        return ""

    host.script(delegate(goal="a"), use("wait"))
    session = await host.start()
    running = asyncio.create_task(events_of(session.run("go")))
    await waiting.wait()
    (child,) = session.children
    session.interrupt()
    assert finished(await running).outcome == "interrupted"
    assert session.children == []
    assert host.session(child.id) is None
    (record,) = [record for record in host.sessions.load(child.id) if record.kind == "turn_finished"]
    assert record.outcome == "interrupted"


async def test_a_subagent_does_not_outlast_the_turns_deadline(host: StandInHost) -> None:
    @host.tool(effects=("read",))
    async def wait() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return ""

    provider = host.script(delegate(goal="a"), use("wait"), "ok")
    await events_of((await host.start()).run("go", deadline=3.0))
    (report,) = reports(provider.requests[2])
    assert report["status"] == "budget"


async def test_its_step_limit_can_be_lowered_but_not_raised(home: Path, host: StandInHost) -> None:
    provider = host.script(delegate(goal="a", max_iterations=1), use("look"), "Ran out.", "ok")
    await events_of((await host.start()).run("go"))
    (report,) = reports(provider.requests[3])
    assert report["status"] == "budget"


async def test_depth_is_limited(home: Path, done: list[str]) -> None:
    (home / "config.yaml").write_text("delegation: {max_depth: 2}\n", encoding="utf-8")
    async with StandInHost(home, plugins=["delegate"]) as host:
        host.tool(_look, name="look", effects=("read",))
        provider = host.script(delegate(goal="outer"), delegate(goal="inner"), "deep", "outer done", "ok")
        await events_of((await host.start()).run("go"))
    names = [[tool.name for tool in request.tools] for request in provider.requests[:3]]
    assert names == [["delegate_task", "look", "subagents"], ["delegate_task", "look"], ["look"]]


async def _look() -> str:
    """Look."""
    return "seen"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "either `goal` or `tasks`"),
        ({"goal": "a", "tasks": [{"goal": "b"}]}, "either `goal` or `tasks`"),
        ({"tasks": [{"goal": " "}]}, "Task 0 has no goal"),
        ({"tasks": [{"goal": "a"}] * 9}, "too many"),
        ({"goal": "a", "unknown": 1}, "unknown"),
    ],
)
async def test_a_call_that_makes_no_sense_starts_nothing(
    host: StandInHost, arguments: dict[str, Any], complaint: str
) -> None:
    provider = host.script(delegate(**arguments), "ok")
    await events_of((await host.start()).run("go"))
    assert complaint in told(provider.requests[1])
    assert len(provider.requests) == 2


async def test_one_that_cannot_begin_does_not_stop_the_others(home: Path) -> None:
    (home / "config.yaml").write_text("delegation: {model: 'nobody:nothing'}\n", encoding="utf-8")
    async with StandInHost(home, plugins=["delegate"]) as host:
        host.tool(_look, name="look", effects=("read",))
        provider = host.script(delegate(goal="a"), "ok")
        await events_of((await host.start()).run("go"))
    (report,) = reports(provider.requests[1])
    assert report["status"] == "failed"
    assert "nobody" in report["error"]
