"""The life of a server's process, and of its list."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from hermes_host.events import ToolProgress
from hermes_host.messages import text_of
from hermes_host.testing import StandInHost

RUN = """\
import asyncio, sys
from pathlib import Path
from hermes_host.messages import ToolCall, assistant_message, text_of
from hermes_host.testing import StandInHost
async def main():
    async with StandInHost(Path(sys.argv[1]), plugins=["mcp"]) as host:
        model = host.script(assistant_message(ToolCall(id="1", name="mcp_it_go", arguments={})), "done")
        session = await host.start()
        async for event in session.run("go"):
            pass
        print(text_of(model.requests[1].messages[-1].parts[0].content), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_server_sees_only_its_own_variables_and_the_common_ones(bench, entry, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-servers")
    host = await bench.open(it=entry("by_hand", "environment", env={"MY_TOKEN": "mine"}))
    names = text_of((await bench.call(host, "mcp_it_go")).content).split()
    assert "MY_TOKEN" in names
    assert "PATH" in names
    assert "OPENAI_API_KEY" not in names
    assert not [name for name in names if name.startswith("HERMES")]


async def test_progress_is_shown_and_a_time_limit_cancels_the_call_at_the_server(bench, entry, tmp_path):
    state = tmp_path / "state"
    host = await bench.open(it=entry("by_hand", "slow", env={"STATE": str(state)}, timeout=1.0))
    events = []
    result = await bench.call(host, "mcp_it_go", events=events)
    assert result.is_error
    assert "did not answer within 1 s" in text_of(result.content)
    assert [event.text for event in events if isinstance(event, ToolProgress)] == ["1/3 a\n"]
    assert text_of((await bench.call(host, "mcp_it_go", x="on")).content) == "went on"
    assert state.read_text(encoding="utf-8") == "notifications/cancelled"


async def test_calls_of_one_process_share_one_server(bench, entry):
    host = await bench.open(it=entry("by_hand", "process"))
    first = text_of((await bench.call(host, "mcp_it_go")).content)
    assert text_of((await bench.call(host, "mcp_it_go")).content) == first


async def test_an_idle_server_is_stopped_and_started_again_by_the_next_call(bench, entry, gone):
    host = await bench.open(it=entry("by_hand", "process", idle_timeout=0.2))
    first = text_of((await bench.call(host, "mcp_it_go")).content)
    assert await gone(int(first))
    assert text_of((await bench.call(host, "mcp_it_go")).content) != first


async def test_an_address_where_nothing_listens_is_a_clear_error(bench):
    host = await bench.open(web={"url": "http://127.0.0.1:9/mcp", "connect_timeout": 10})
    server = (await bench.servers(host)).get("web")
    assert server.state == "failed"
    assert "'web' cannot be used" in server.failure


async def test_the_first_list_is_fetched_beside_the_conversation_and_announced(bench, entry):
    bench.home.mkdir()
    text = json.dumps({"mcp_servers": {"it": entry("by_hand", "process")}})
    (bench.home / "config.yaml").write_text(text, encoding="utf-8")
    async with StandInHost(bench.home, plugins=["mcp"]) as host:
        host.script("hello", "hello")
        session = await host.start()
        assert session.tools() == []
        told = []
        session.context._announce = told.append
        async for _ in session.run("hi"):
            pass
        await (await bench.servers(host)).first_lists()
        assert "from the next conversation on: it" in session.system
        assert [notice.text for notice in told] == [
            "The MCP server 'it' offers 1 tool, for use in the next conversation (/new)."
        ]
        assert [tool.name for tool in (await host.start()).tools()] == ["mcp_it_go"]


async def test_nothing_of_a_server_is_left_when_the_host_ends(bench, entry, gone):
    host = await bench.open(it=entry("by_hand", "children"))
    pids = text_of((await bench.call(host, "mcp_it_go")).content).split()
    for pid in pids:
        os.kill(int(pid), 0)
    await host.aclose()
    for pid in pids:
        assert await gone(int(pid))


async def test_nothing_of_a_server_is_left_when_the_host_is_killed(bench, entry, gone):
    await bench.open(it=entry("by_hand", "children"))
    pids = await asyncio.to_thread(_run_and_kill, str(bench.home))
    assert len(pids) == 3
    for pid in pids:
        assert await gone(int(pid))


async def test_nothing_of_a_server_is_left_when_its_keeper_is_killed(bench, entry, gone):
    host = await bench.open(it=entry("by_hand", "process"))
    pid = int(text_of((await bench.call(host, "mcp_it_go")).content))
    os.kill(_parent(pid), 9)
    assert await gone(pid)
    assert text_of((await bench.call(host, "mcp_it_go")).content) != str(pid)


async def test_a_crash_is_an_error_of_one_call_and_says_what_the_server_wrote(bench, entry):
    host = await bench.open(it=entry("by_hand", "crash"))
    crashed = await bench.call(host, "mcp_it_go", x="crash")
    assert crashed.is_error
    assert "exit code 3" in text_of(crashed.content)
    assert "out of cheese" in text_of(crashed.content)
    assert text_of((await bench.call(host, "mcp_it_go", x="on")).content) == "went on"


async def test_a_server_that_cannot_start_is_not_tried_again_at_once(bench, entry):
    host = await bench.open(it=entry("by_hand", "no-start"))
    server = (await bench.servers(host)).get("it")
    assert "missing TOKEN" in server.failure
    for _ in range(3):
        try:
            await server.connection()
        except Exception as error:
            last = str(error)
    assert "times in a row" in last
    assert "It is tried again in" in last


async def test_a_program_that_does_not_exist_is_named(bench):
    host = await bench.open(it={"command": "no-such-program-here"})
    failure = (await bench.servers(host)).get("it").failure
    assert "'no-such-program-here' cannot be started: No such file or directory" in failure


async def test_a_server_that_says_nothing_is_given_up_after_the_time_limit(bench, entry):
    host = await bench.open(it=entry("by_hand", "mute", connect_timeout=0.5))
    assert "did not connect within 0.5 s" in (await bench.servers(host)).get("it").failure


async def test_what_a_server_writes_to_standard_error_is_kept_and_bounded(bench, entry):
    host = await bench.open(it=entry("by_hand", "flood"))
    assert text_of((await bench.call(host, "mcp_it_go")).content) == "done"
    await host.aclose()
    log = bench.home / "logs" / "mcp-it.log"
    assert "noise noise" in log.read_text(encoding="utf-8")
    assert log.stat().st_size < 500_000
    assert log.stat().st_mode & 0o777 == 0o600


async def test_secrets_of_a_server_do_not_reach_its_log(bench, entry):
    host = await bench.open(it=entry("by_hand", "no-start", env={"API_TOKEN": "documentation"}))
    log = (await bench.servers(host)).get("it").log
    assert "see the [secret API_TOKEN]" in "\n".join(log.tail(20))
    assert "see the documentation" not in (await bench.servers(host)).get("it").failure


def _run_and_kill(home):
    command = [sys.executable, "-c", RUN, home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        pids = process.stdout.readline().split()
        process.kill()
    return pids


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
