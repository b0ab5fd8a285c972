"""The plugin in a whole host: a scripted model, the approval gate, the slash command, the prompt and doctor."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hermes_host.events import TurnFinished
from hermes_host.frontends import SlashCall
from hermes_host.messages import ToolCall, ToolResult, assistant_message
from hermes_host.testing import PluginContract, ScriptedApprover, StandInHost, events_of


class TestPlugin(PluginContract):
    plugin = "terminal"


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StandInHost]:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    async with StandInHost(tmp_path / ".hermes", plugins=["local", "terminal"], environ=environ) as host:
        yield host


def call(number: int, name: str = "terminal", **arguments: Any) -> Any:
    return assistant_message(ToolCall(id=f"call{number}", name=name, arguments=arguments))


async def results(host: StandInHost, tmp_path: Path, *steps: Any, **options: Any) -> dict[str, str]:
    """Run one turn; gives each call's result by its id."""
    host.script(*steps, "done")
    session = await host.start(toolsets=["terminal"], directory=str(tmp_path / "work"), **options)
    events = await events_of(session.run("go"))
    assert isinstance(events[-1], TurnFinished)
    assert events[-1].outcome == "completed"
    parts = [part for message in session.messages for part in message.parts if isinstance(part, ToolResult)]
    return {part.call_id: "".join(getattr(text, "text", "") for text in part.content) for part in parts}


async def test_ordinary_work_is_never_asked_about(host: StandInHost, tmp_path: Path) -> None:
    approver = ScriptedApprover()
    found = await results(
        host,
        tmp_path,
        call(1, command="mkdir build && echo hi > build/x"),
        call(2, command="cat build/x; rm -r ./build"),
        approver=approver,
    )
    assert found["call2"] == "hi\n"
    assert approver.requests == []
    assert not (tmp_path / "work" / "build").exists()


async def test_a_drastic_command_waits_for_a_person_who_sees_all_of_it(host: StandInHost, tmp_path: Path) -> None:
    approver = ScriptedApprover("deny", "once")
    command = "rm -rf $UNSET_FOR_SURE/*.none; echo over"
    found = await results(
        host, tmp_path, call(1, command=command), call(2, command="git push; true"), approver=approver
    )
    assert "over" not in found["call1"]
    assert "denied" in found["call1"]
    assert approver.requests[0].shown == command
    assert approver.requests[0].reason == "It deletes something known only when it runs ('…/*.none')."
    assert approver.requests[0].terminal == "local"
    assert len(approver.requests) == 2


async def test_where_nobody_can_be_asked_the_answer_is_no(host: StandInHost, tmp_path: Path) -> None:
    found = await results(host, tmp_path, call(1, command="sudo true"))
    assert "nobody can be asked" in found["call1"]


async def test_a_denial_holds_even_for_those_who_allow_everything(host: StandInHost, tmp_path: Path) -> None:
    found = await results(
        host, tmp_path, call(1, command="echo x >> ~/.bashrc"), call(2, command="rm -rf ~"), yolo=True
    )
    assert "Denied by policy" in found["call1"]
    assert "Denied by policy" in found["call2"]
    assert not (tmp_path / ".bashrc").exists()
    assert (tmp_path / "work").exists()


async def test_stop_ends_the_background_processes_and_counts_them(host: StandInHost, tmp_path: Path) -> None:
    host.script(call(1, command="exec sleep 600", background=True), call(2, command="cat", background=True), "done")
    session = await host.start(toolsets=["terminal"], directory=str(tmp_path / "work"))
    await events_of(session.run("go"))
    jobs = (await host.terminals.shell(session.context)).jobs.list()
    assert [job.state for job in jobs] == ["running", "running"]
    spec = host.slash_commands.get("stop").spec
    assert spec.while_busy
    stop = host.target(host.slash_commands.get("stop"), spec.target)
    answer = await stop(SlashCall(name="stop", arguments="", host=host, session=session))
    assert answer.startswith("Killed 2 background processes:\n- `proc_")
    assert [job.state for job in jobs] == ["killed", "killed"]
    assert await stop(SlashCall(name="stop", arguments="", host=host, session=session)) == "Nothing is running."


async def test_a_closed_session_leaves_no_process_behind(host: StandInHost, tmp_path: Path) -> None:
    host.script(call(1, command="exec sleep 600", background=True), "done")
    session = await host.start(toolsets=["terminal"], directory=str(tmp_path / "work"))
    await events_of(session.run("go"))
    (job,) = (await host.terminals.shell(session.context)).jobs.list()
    assert job.pid is not None
    await session.close()
    with pytest.raises(ProcessLookupError):
        os.kill(job.pid, 0)


async def test_the_prompt_says_where_commands_run_in_few_words(host: StandInHost, tmp_path: Path) -> None:
    provider = host.script("done")
    session = await host.start(toolsets=["terminal"], directory=str(tmp_path / "work"))
    await events_of(session.run("go"))
    (section,) = [part for part in provider.requests[0].system.split("\n\n") if "Commands run on" in part]
    assert len(section.encode()) < 400
    assert "'local'" in section
    assert str(tmp_path / "work") in section
    assert "bash" in section
    assert os.uname().sysname in section


async def test_without_the_tool_the_prompt_is_silent(host: StandInHost, tmp_path: Path) -> None:
    provider = host.script("done")
    session = await host.start(toolsets=[], directory=str(tmp_path / "work"))
    await events_of(session.run("go"))
    assert "Commands run on" not in provider.requests[0].system


async def test_doctor_finds_that_the_judge_works(host: StandInHost) -> None:
    check = host.checks.get("terminal-judge")
    (finding,) = await host.target(check, check.spec.target)(host.context("terminal"))
    assert finding.status == "ok"
