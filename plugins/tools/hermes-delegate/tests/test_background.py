"""Subagents that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hermes_host import slash
from hermes_host.events import SteeringAdded, ToolStarted
from hermes_host.frontends import SlashCall
from hermes_host.messages import Message, ToolCall, assistant_message
from hermes_host.protocols import ModelRequest
from hermes_host.testing import StandInHost, events_of


def call(name: str, **arguments: Any) -> Message:
    return assistant_message(ToolCall(id="c", name=name, arguments=arguments))


def answer(request: ModelRequest) -> Any:
    """The subagent waits at the gate and reports; the agent does what it is told."""
    last = request.messages[-1]
    if "subagent" in request.system:
        return "The gate was open." if last.role == "tool" else call("pass_gate")
    if last.role == "tool":
        return "done: " + last.parts[0].content[0].text  # type: ignore[union-attr]
    word, _, rest = last.said.partition(" ")
    if word == "guard":
        return call("delegate_task", goal=f"Guard {rest}", background=True)
    return call("subagents", action=word) if word in ("list", "stop", "wait") else "heard"


@pytest.fixture
def opened() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def host(home: Path, opened: asyncio.Event, replying: Any) -> AsyncIterator[StandInHost]:
    async with with_gate(home, opened, replying) as host:
        yield host


def with_gate(home: Path, opened: asyncio.Event, replying: Any) -> StandInHost:
    host = StandInHost(home, plugins=["delegate"])

    @host.tool(effects=("read",), toolset="gates")
    async def pass_gate() -> str:
        """Wait at the gate."""
        await opened.wait()
        return "through"

    host.use_provider(replying(answer))
    return host


async def listening(host: StandInHost) -> tuple[Any, asyncio.Queue[str]]:
    session = await host.start()
    told: asyncio.Queue[str] = asyncio.Queue()
    session.listen(lambda notice: told.put_nowait(notice.text))
    return session, told


async def test_a_report_comes_once_with_the_next_message(host: StandInHost, opened: asyncio.Event) -> None:
    session, told = await listening(host)
    await events_of(session.run("guard the door"))
    opened.set()
    assert "is done: Guard the door" in await asyncio.wait_for(told.get(), 10)
    await events_of(session.run("what now?"))
    asked = session.messages[-2]
    assert asked.said == "what now?"
    assert "The gate was open." in asked.text
    await events_of(session.run("and now?"))
    assert session.messages[-2].text == "and now?"


async def test_a_report_reaches_a_working_agent_at_its_next_step(host: StandInHost, opened: asyncio.Event) -> None:
    session, _ = await listening(host)
    await events_of(session.run("guard the door"))
    steered: list[str] = []
    async for event in session.run("wait for it"):
        if isinstance(event, ToolStarted):
            opened.set()
        elif isinstance(event, SteeringAdded):
            steered.append(event.text)
    assert len(steered) == 1
    assert "The gate was open." in steered[0]


async def test_what_the_end_of_the_process_cut_off_is_reported_as_interrupted(
    home: Path, host: StandInHost, opened: asyncio.Event, replying: Any
) -> None:
    session, _ = await listening(host)
    await events_of(session.run("guard the door"))
    identity = session.id
    await host.aclose()
    async with with_gate(home, opened, replying) as again:
        resumed = await again.resume(identity)
        await events_of(resumed.run("what now?"))
        assert "ended (interrupted)" in resumed.messages[-2].text


async def test_too_many_at_once_are_refused(home: Path, host: StandInHost) -> None:
    session, _ = await listening(host)
    for number in range(4):
        await events_of(session.run(f"guard door {number}"))
    await events_of(session.run("guard one more"))
    assert "4 may at once" in session.messages[-1].text


async def test_they_are_listed_and_stopped(host: StandInHost) -> None:
    session, _ = await listening(host)
    await events_of(session.run("guard the door"))
    await events_of(session.run("list them"))
    assert '"state": "running"' in session.messages[-1].text
    command = await slash.find(host, session, "agents")
    for words, state in (("", "running"), ("stop", "interrupted")):
        shown = await slash.run(command, SlashCall(name="agents", arguments=words, host=host, session=session))
        assert "Guard the door" in shown
        assert state in shown
    assert session.children == []
