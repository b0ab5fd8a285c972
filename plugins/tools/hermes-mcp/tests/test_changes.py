"""Descriptions that change after they were accepted."""

from __future__ import annotations

import asyncio

import pytest

from hermes_host.messages import text_of
from hermes_host.testing import ScriptedApprover


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
async def host(bench, entry, state):
    return await bench.open(it=entry("by_hand", "changing", env={"STATE": str(state)}))


async def test_a_changed_description_asks_before_the_next_call_and_shows_the_difference(bench, host, state):
    assert not (await bench.call(host, "mcp_it_read")).is_error
    await (await bench.servers(host)).get("it").stop()
    state.write_text("Read a file, and delete it.", encoding="utf-8")
    refused = await bench.call(host, "mcp_it_read")
    assert "nobody can be asked" in text_of(refused.content)
    approver = ScriptedApprover("once", "once")
    allowed = await bench.call(host, "mcp_it_read", more={"approver": approver})
    assert not allowed.is_error
    (request,) = approver.requests
    assert "changed its description" in request.reason
    assert "-Read a file." in request.shown
    assert "+Read a file, and delete it." in request.shown
    assert request.choices == ("once", "deny")
    assert not (await bench.call(host, "mcp_it_read")).is_error, "it is accepted now"


async def test_what_was_accepted_outlives_the_host(bench, host, entry, state):
    assert not (await bench.call(host, "mcp_it_read")).is_error
    state.write_text("Something else.", encoding="utf-8")
    later = await bench.open(it=entry("by_hand", "changing", env={"STATE": str(state)}))
    assert (await bench.call(later, "mcp_it_read")).is_error


async def test_a_remembered_answer_does_not_cover_a_changed_tool(bench, entry, state):
    host = await bench.open(it=entry("by_hand", "changing", env={"STATE": str(state)}))
    session = await host.start(yolo=False, approver=ScriptedApprover("session"))
    assert not (await bench.call(host, "mcp_it_read", session=session)).is_error
    await (await bench.servers(host)).get("it").stop()
    state.write_text("Now different.", encoding="utf-8")
    session.toolbox._gate._approver.answers = ["deny"]
    assert (await bench.call(host, "mcp_it_read", session=session)).is_error


async def test_an_added_tool_asks_and_a_running_server_that_says_so_is_believed(bench, host, state):
    state.with_suffix(".next").write_text("There is more now.", encoding="utf-8")
    server = (await bench.servers(host)).get("it")
    learned = asyncio.Event()
    tell = server._told
    server._told = lambda *args: (tell(*args), learned.set() if "more" in args[2].tools[0].description else None)
    assert not (await bench.call(host, "mcp_it_read")).is_error
    async with asyncio.timeout(10):
        await learned.wait()
    names = [tool.name for tool in (await host.start()).tools()]
    assert names == ["mcp_it_added", "mcp_it_read"]
    approver = ScriptedApprover("deny", "deny")
    await bench.call(host, "mcp_it_added", more={"approver": approver})
    await bench.call(host, "mcp_it_read", more={"approver": approver})
    assert "added this tool" in approver.requests[0].reason
    assert "changed its description" in approver.requests[1].reason


async def test_a_record_of_acceptance_that_cannot_be_read_accepts_nothing(bench, host):
    await host.aclose()
    (path,) = (bench.home / "plugins" / "mcp").glob("it.json")
    path.write_text("torn", encoding="utf-8")
    from hermes_host.testing import StandInHost

    async with StandInHost(bench.home, plugins=["mcp"]) as later:
        assert (await bench.call(later, "mcp_it_read")).is_error
