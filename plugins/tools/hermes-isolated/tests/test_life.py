"""The processes of isolated plugins: begun, listed, ended."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hermes_isolated.measure import begun, tree

from hermes_host.protocols import ChangingToolSource

HOST = """
import asyncio, os, sys
from pathlib import Path
from hermes_host.context import SessionContext, ToolContext
from hermes_host.testing import StandInHost
from hermes_host.protocols import ChangingToolSource
async def main():
    async with StandInHost(Path(sys.argv[1]), plugins=["isolated"]) as host:
        await host.refresh_tools()
        tool = host.tools.get("sample_fork_away")
        call = ToolContext(host.context("isolated"), SessionContext("s"), tool=tool.name)
        await host.target(tool, tool.spec.target)({}, call)
        print("ready", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("confined", [True, False])
def test_no_process_outlives_a_killed_host(home, use_sample, number, confined):
    use_sample()
    program = HOST
    if not confined:
        home.settings["require_sandbox"] = False
        program = "import hermes_isolated.sandbox as s; s.trouble = lambda: 'none here'\n" + HOST
    home.write()
    host = subprocess.Popen(
        [sys.executable, "-c", program, str(home.path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert host.stdout.readline() == b"ready\n"
    family = {pid: begun(pid) for pid in tree(host.pid)[1:]}
    assert len(family) >= 3
    watched = [os.pidfd_open(pid) for pid in family]
    host.send_signal(number)
    host.wait(20)
    host.stdout.close()
    for descriptor in watched:
        assert select.select([descriptor], [], [], 10)[0], "a process outlived its host"
        os.close(descriptor)


async def test_an_idle_process_ends_and_the_next_call_starts_it_again(home, use_sample, start):
    home.settings["idle_seconds"] = 0.2
    use_sample()
    user = await start()
    await user("echo", "one")
    guest = user.resident("sample").guest
    async with asyncio.timeout(10):
        assert await guest.over == "it was idle"
    assert await user("echo", "two") == "two"
    assert user.resident("sample").starts == 2


async def test_a_call_keeps_its_process_from_being_idle(home, use_sample, start):
    home.settings["idle_seconds"] = 0.2
    use_sample(tools={"timeout": 1.0})
    user = await start()
    with pytest.raises(Exception, match="did not answer within 1 s"):
        await user("loop_thread")


async def test_top_shows_what_runs(home, user):
    assert _top() == []
    await user("echo", "one")
    await user("echo", "two")
    (row,) = _top()
    assert (row["plugin"], row["version"], row["host"], row["restarts"]) == ("sample", "1.0", os.getpid(), 0)
    assert row["memory"] > 10_000_000
    assert row["cpu_seconds"] > 0
    with pytest.raises(Exception, match="exit code 3"):
        await user("exit_now")
    assert _top() == []
    await user("echo", "three")
    (row,) = _top()
    assert (row["restarts"], row["calls"] >= 3) == (1, True)
    text = _hermes("plugins", "top")
    assert "sample" in text and "MiB" in text


def test_top_leaves_out_what_is_no_longer_there(home):
    folder = home.path / "cache" / "isolated" / "running"
    folder.mkdir(parents=True)
    row = {"plugin": "x", "version": "1", "workspace": "", "since": 0, "calls": 1, "restarts": 0}
    stale = folder / "1.json"
    stale.write_text(json.dumps({"host": os.getpid(), "begun": 1, "rows": [row | {"pid": 1, "begun": begun(1)}]}))
    home.write()
    assert _top() == []
    assert not stale.exists()


def _top():
    return json.loads(_hermes("plugins", "top", "--json"))


def _hermes(*words: str) -> str:
    program = Path(sys.executable).with_name("hermes")
    outcome = subprocess.run([sys.executable, program, *words], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


async def test_doctor_says_what_is_wrong(home, use_sample, start):
    use_sample()
    home.plugins["gone"] = {**home.plugins["sample"], "environment": "/nowhere", "description": {}}
    user = await start()
    from hermes_isolated.checks import confined

    found = {result.name: result for result in await confined(user.host.context("isolated"))}
    assert found["isolated sandbox"].status == "ok"
    assert found["isolated sample"].status == "ok"
    assert "is not there" in found["isolated gone"].detail


async def test_whoever_waits_is_told_of_tools_that_are_gone(home, use_sample, start):
    use_sample()
    user = await start()
    source = await user.host.part(user.host.registry("tool_sources").get("isolated"))
    assert isinstance(source, ChangingToolSource)
    waiting = [asyncio.create_task(source.changed()) for _ in range(2)]
    assert await source.tools()
    ended, _ = await asyncio.wait(waiting, timeout=0.1)
    assert not ended
    home.plugins.clear()
    home.write()
    assert not await source.tools()
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)


def test_tools_of_isolated_plugins_are_listed_and_can_be_switched(home, use_sample):
    use_sample()
    home.write()
    found = {tool["name"]: tool for tool in json.loads(_hermes("tools", "list", "--json"))["tools"]}
    assert (found["sample_echo"]["plugin"], found["sample_echo"]["toolset"]) == ("isolated", "sample")
    _hermes("tools", "disable", "sample")
    found = {tool["name"]: tool for tool in json.loads(_hermes("tools", "list", "--json"))["tools"]}
    assert not found["sample_echo"]["on"]
    assert found["read_file"]["on"]
