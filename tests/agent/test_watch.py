"""Code that blocks the event loop is noticed and named."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from pathlib import Path

import pytest

from hermes_host import hookimpl
from hermes_host.events import Notice
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.protocols import ModelRequest
from hermes_host.specs import ToolSpec
from hermes_host.testing import StandInHost, events_of, finished

CODE = """
import time
async def block(arguments, call):
    began = time.monotonic()
    while not noticed() and time.monotonic() < began + 30:
        time.sleep(0.01)
    return "done"
"""


async def test_a_plugin_that_blocks_the_loop_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_host.agent.watch.LIMIT", 0.05)
    module = types.ModuleType("zz_blocker")
    exec(compile(CODE, "zz_blocker.py", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "zz_blocker", module)

    def hermes_tools() -> list[ToolSpec]:
        return [
            ToolSpec(
                name="block",
                summary="s",
                parameters={"type": "object"},
                target="zz_blocker:block",
                effects=frozenset({"read"}),
            )
        ]

    module.hermes_tools = hookimpl(hermes_tools)  # type: ignore[attr-defined]

    async def answer(request: ModelRequest) -> str:
        await asyncio.sleep(0)  # a real model lets the loop run
        return "ok"

    async with StandInHost(tmp_path) as host:
        host.add_plugin("blocker", module)
        module.noticed = lambda: host.plugins.record("blocker").problems  # type: ignore[attr-defined]
        host.script(assistant_message(ToolCall(id="1", name="block", arguments={})), answer)
        events = await events_of((await host.start()).run("go"))
        assert finished(events).outcome == "completed"
        (notice,) = [event.text for event in events if isinstance(event, Notice)]
        assert "plugin 'blocker'" in notice
        assert "zz_blocker.py:" in notice
        assert ", block)" in notice


async def test_turns_that_run_side_by_side_are_watched_by_one_thread(tmp_path: Path) -> None:
    watching: list[int] = []

    async def answer(request: ModelRequest) -> str:
        watching.append(sum(thread.name == "hermes-watch" for thread in threading.enumerate()))
        return "ok"

    before = sum(thread.name == "hermes-watch" for thread in threading.enumerate())
    async with StandInHost(tmp_path) as host:
        host.script(*[answer] * 5)
        sessions = [await host.start() for _ in range(5)]
        ended = await asyncio.gather(*(events_of(session.run("go")) for session in sessions))
    assert [finished(events).outcome for events in ended] == ["completed"] * 5
    assert {number - before for number in watching} == {1}
