"""Background jobs on the other machine, while hermes itself is killed with SIGKILL and resumed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from hermes_host.frontends import SlashCall
from hermes_host.messages import ToolCall
from hermes_host.testing import StandInHost, events_of
from hermes_host.testing.model_server import Answer, ModelServer
from hermes_host.testing.model_server_chat import chat

for plugin in ("hermes_terminal", "hermes_compatible"):
    pytest.importorskip(plugin)


class Run:
    """A home with the other machine as its terminal, and the real command."""

    def __init__(self, folder: Path, model: ModelServer, machine: Any) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._model = model
        settings = machine.settings()
        config = {
            "terminal": {"backend": "ssh"},
            "ssh": {name: getattr(settings, name) for name in ("host", "user", "port", "key", "known_hosts", "config")},
        }
        config["ssh"]["agent"] = False
        (self.home / "config.yaml").write_text(json.dumps(config), encoding="utf-8")

    async def hermes(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start it."""
        environ = {
            "HERMES_HOME": str(self.home),
            "HOME": str(self.home.parent),
            "PATH": os.environ["PATH"],
            "OPENAI_BASE_URL": self._model.url,
            "OPENAI_API_KEY": "sk-not-a-secret",
        }
        return await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("hermes")),
            *arguments,
            cwd=self.home,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


def process(action: str, id: str = "", **more: Any) -> Any:
    arguments = {"action": action, **({"session_id": id} if id else {}), **more}
    return chat(ToolCall(id=f"call-{action}", name="process", arguments=arguments))


def held(answer: Any) -> Any:
    """The same answer, held before its first byte."""
    return lambda request: Answer(pieces=answer(request).pieces, headers=answer(request).headers, hold_first=True)


def results(model: ModelServer) -> list[str]:
    """What the tools have said, as the last request tells it."""
    return [str(message["content"]) for message in model.requests[-1].json["messages"] if message["role"] == "tool"]


async def test_a_job_goes_on_when_hermes_is_killed_and_resume_finds_it(server: Any, tmp_path: Path) -> None:
    command = "echo one; read word; echo got $word; sleep 1000 & read word; echo then $word; exit 5"
    start = ToolCall(id="t1", name="terminal", arguments={"command": command, "background": True})
    async with asyncio.timeout(55), ModelServer([chat(start), held(chat("Begun."))]) as model:
        run = Run(tmp_path, model, server)
        first = await run.hermes("chat", "-Q", "-q", "begin", "--yolo", "--provider", "custom", "-m", "test-model")
        held_now = asyncio.ensure_future(model.holding.wait())
        ended = asyncio.ensure_future(first.communicate())
        await asyncio.wait({held_now, ended}, return_when=asyncio.FIRST_COMPLETED)
        assert held_now.done(), ended.result()
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        (said,) = results(model)
        id = said.partition("[")[2].split()[0]
        assert said.startswith("one\n"), said

        listing = await run.hermes("sessions", "list", "--json")
        (session,) = json.loads((await listing.communicate())[0])
        model.script = [
            process("list"),
            process("submit", id, data="two"),
            process("submit", id, data="three"),
            process("wait", id, timeout=30),
            chat("Done."),
        ]
        model.requests.clear()
        second = await run.hermes("chat", "-Q", "-r", session["id"], "-q", "go on", "--yolo")
        out, err = await second.communicate()
        assert second.returncode == 0, (out + err).decode()
        listed, *news = results(model)[1:]
        assert listed.startswith(f"{id}  running, pid "), listed
        assert "one" not in "".join(news), "what was read before the kill is not given again"
        assert "got two\n" in "".join(news)
        assert "then three\n" in "".join(news)
        assert "exit 5" in news[-1]

        model.script = [process("list"), process("log", id), chat("Done.")]
        model.requests.clear()
        third = await run.hermes("chat", "-Q", "-r", session["id"], "-q", "once more", "--yolo")
        out, err = await third.communicate()
        assert third.returncode == 0, (out + err).decode()
        *_, listed, log = results(model)
        assert listed.startswith(f"{id}  exit 5, after "), listed
        assert log.startswith("one\ngot two\nthen three\n"), log


def stand_in(folder: Path, machine: Any) -> StandInHost:
    settings = machine.settings()
    return StandInHost(
        folder / "home",
        plugins=["ssh", "terminal"],
        overrides={
            "terminal.backend": "ssh",
            "ssh.agent": False,
            **{
                f"ssh.{name}": getattr(settings, name)
                for name in ("host", "user", "port", "key", "known_hosts", "config")
            },
        },
    )


def runs(pid: int | None) -> bool:
    """Whether it runs: one that has ended may wait for a while for somebody to take note of it."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


async def test_stop_ends_what_an_earlier_hermes_has_left_running(server: Any, tmp_path: Path) -> None:
    async with stand_in(tmp_path, server) as host:
        host.script("done")
        session = await host.start(toolsets=["terminal"])
        await events_of(session.run("go"))
        job = await (await host.terminals.shell(session.context)).jobs.start("exec sleep 1011")
    assert runs(job.pid)
    async with stand_in(tmp_path, server) as host:
        host.script("done")
        session = await host.resume(session.id)
        spec = host.slash_commands.get("stop").spec
        stop = host.target(host.slash_commands.get("stop"), spec.target)
        answer = await stop(SlashCall(name="stop", arguments="", host=host, session=session))
        assert answer == f"Killed 1 background process:\n- `{job.id}` exec sleep 1011"
        assert not runs(job.pid)


async def test_jobs_of_sessions_nobody_comes_back_to_end_with_them(server: Any, tmp_path: Path) -> None:
    async with stand_in(tmp_path, server) as host:
        host.script("done")
        session = await host.start(toolsets=["terminal"], source="subagent")
        job = await (await host.terminals.shell(session.context)).jobs.start("exec sleep 1012")
        assert runs(job.pid)
        await session.close()
    assert not runs(job.pid)
