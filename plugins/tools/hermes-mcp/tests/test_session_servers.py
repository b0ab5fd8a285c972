"""Servers that are handed over for one conversation."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from hermes_mcp import session_servers

from hermes_host.messages import text_of
from hermes_host.protocols import ChangingToolSource
from hermes_host.services import SessionToolServers, SlashCommands
from hermes_host.testing import ScriptedApprover


@pytest.fixture
async def host(bench):
    return await bench.open()


@pytest.fixture
def open_servers(host):
    async def open_them(directory="", **entries):
        service = await host.context("mcp").services.get(SessionToolServers)
        return await service.open(entries, directory=directory)

    return open_them


@pytest.fixture
def begin(host):
    async def start(handed_over, **more):
        session = await host.start(extra_tools=handed_over.specs, **more)
        handed_over.attach(session.context)
        return session

    return start


async def test_their_tools_are_there_at_once_in_that_conversation_and_end_with_it(
    bench, host, entry, open_servers, begin, gone
):
    handed_over = await open_servers(it=entry("by_hand", "process"))
    session = await begin(handed_over)
    other = await host.start()
    assert [tool.name for tool in session.tools()] == ["mcp_it_go"]
    assert list(other.tools()) == []
    pid = int(text_of((await bench.call(host, "mcp_it_go", session=session)).content))
    os.kill(pid, 0)
    await session.close()
    assert await gone(pid)


async def test_two_conversations_have_processes_of_their_own(bench, host, entry, open_servers, begin):
    pids = set()
    for _ in range(2):
        session = await begin(await open_servers(it=entry("by_hand", "process")))
        pids.add(text_of((await bench.call(host, "mcp_it_go", session=session)).content))
    assert len(pids) == 2


async def test_a_server_that_was_seen_before_is_started_by_its_first_call_only(bench, host, entry, open_servers, begin):
    await (await open_servers(it=entry("by_hand", "process"))).aclose()
    handed_over = await open_servers(it=entry("by_hand", "process"))
    session = await begin(handed_over)
    (server,) = handed_over.servers
    assert server.state == "stopped"
    assert not (await bench.call(host, "mcp_it_go", session=session)).is_error
    assert server.state == "running"


async def test_it_gets_the_variables_of_its_entry_as_they_stand_and_runs_where_it_is_told(
    bench, host, entry, open_servers, begin, monkeypatch, tmp_path
):
    monkeypatch.setenv("SECRET_OF_THE_HOST", "sk-not-for-servers")
    asked = entry("by_hand", "shown", env={"MINE": "${SECRET_OF_THE_HOST}"})
    session = await begin(await open_servers(directory=str(tmp_path), it=asked))
    shown = json.loads(text_of((await bench.call(host, "mcp_it_go", session=session)).content))
    assert shown["directory"] == str(tmp_path)
    assert shown["environment"]["MINE"] == "${SECRET_OF_THE_HOST}"
    assert "SECRET_OF_THE_HOST" not in shown["environment"]


async def test_a_secret_of_its_entry_does_not_reach_the_model(bench, host, entry, open_servers, begin):
    session = await begin(await open_servers(it=entry("by_hand", "shown", env={"API_TOKEN": "only-for-the-server"})))
    text = text_of((await bench.call(host, "mcp_it_go", session=session)).content)
    assert "[secret API_TOKEN]" in text
    assert "only-for-the-server" not in text


async def test_an_address_is_reached_with_the_headers_of_its_entry(bench, host, web_server, open_servers, begin):
    handed_over = await open_servers(web={"type": "http", "url": web_server("friendly", "http"), "headers": {"X": "1"}})
    assert handed_over.left_out == {}
    session = await begin(handed_over)
    result = await bench.call(host, "mcp_web_add", session=session, a=1, b=2)
    assert "3" in text_of(result.content)


async def test_what_cannot_be_used_costs_only_itself_and_is_explained(entry, open_servers):
    handed_over = await open_servers(
        it=entry("by_hand", "process"),
        old={"type": "sse", "url": "http://127.0.0.1:9/sse"},
        nothing={"args": []},
        wrong={"command": "x", "args": "not a list"},
        absent={"command": "/no/such/program"},
        broken=entry("by_hand", "no-start"),
    )
    assert [spec.name for spec in handed_over.specs] == ["mcp_it_go"]
    assert "legacy SSE" in handed_over.left_out["old"]
    assert "neither a command nor a url" in handed_over.left_out["nothing"]
    assert "args" in handed_over.left_out["wrong"]
    assert "No such file" in handed_over.left_out["absent"]
    assert "missing TOKEN" in handed_over.left_out["broken"]


async def test_one_that_is_late_is_not_waited_for_and_leaves_nothing(entry, open_servers, monkeypatch, tmp_path, gone):
    monkeypatch.setattr(session_servers, "PATIENCE", 1.5)
    late = entry("by_hand", "mute", env={"STATE": str(tmp_path / "pid")})
    handed_over = await open_servers(late=late, it=entry("by_hand", "process"))
    assert [spec.name for spec in handed_over.specs] == ["mcp_it_go"]
    assert "did not say within 1.5 s" in handed_over.left_out["late"]
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    await handed_over.aclose()
    assert await gone(pid)


async def test_settings_of_the_person_cannot_be_handed_over(entry, open_servers):
    handed_over = await open_servers(it=entry("by_hand", "asks", sampling={"enabled": True}, auth="oauth"))
    (server,) = handed_over.servers
    assert not server.settings.sampling.enabled
    assert server.settings.auth == ""


async def test_a_configured_server_of_the_same_name_is_used_in_its_place(bench, entry):
    host = await bench.open(it=entry("by_hand", "process"), off=entry("by_hand", "process", enabled=False))
    service = await host.context("mcp").services.get(SessionToolServers)
    same = await service.open({"it": entry("by_hand", "process")})
    assert (list(same.specs), dict(same.left_out)) == ([], {})
    other = await service.open({"it": entry("by_hand", "crash"), "off": entry("by_hand", "process")})
    assert "another server of that name" in other.left_out["it"]
    assert "switched off" in other.left_out["off"]


async def test_no_tool_gets_the_name_of_a_configured_servers(bench, entry):
    host = await bench.open(**{"a": entry("friendly", "stdio")})
    names = {tool.name for tool in (await host.start()).tools()}
    assert "mcp_a_add" in names
    service = await host.context("mcp").services.get(SessionToolServers)
    handed_over = await service.open({"A": entry("friendly", "stdio")})
    session = await host.start(extra_tools=handed_over.specs)
    handed_over.attach(session.context)
    assert {spec.name for spec in session.tools()} > names
    assert not {spec.name for spec in handed_over.specs} & names


async def test_another_server_of_a_known_name_gets_other_names_for_its_tools(entry, open_servers):
    first = await open_servers(it=entry("by_hand", "process"))
    second = await open_servers(it=entry("by_hand", "crash"))
    again = await open_servers(it=entry("by_hand", "process"))
    assert [spec.name for spec in first.specs] == [spec.name for spec in again.specs] == ["mcp_it_go"]
    (name,) = [spec.name for spec in second.specs]
    assert name.startswith("mcp_it_")
    assert name != "mcp_it_go"
    assert [spec.name for spec in (await open_servers(it=entry("by_hand", "crash"))).specs] == [name]


async def test_a_description_that_changes_between_conversations_asks(bench, host, entry, open_servers, begin, tmp_path):
    state = tmp_path / "state"
    asked = entry("by_hand", "changing", env={"STATE": str(state)})
    session = await begin(await open_servers(it=asked))
    assert not (await bench.call(host, "mcp_it_read", session=session)).is_error
    await session.close()
    state.write_text("Read a file, and delete it.", encoding="utf-8")
    approver = ScriptedApprover("deny")
    session = await begin(await open_servers(it=asked), approver=approver)
    assert (await bench.call(host, "mcp_it_read", session=session)).is_error
    assert "+Read a file, and delete it." in approver.requests[0].shown


async def test_what_works_for_the_conversation_reaches_them_by_their_names(bench, host, entry, open_servers, begin):
    session = await begin(await open_servers(it=entry("by_hand", "process")))
    behind = await host.start(source="subagent", behind=session.id, toolsets=["mcp_it_go"])
    found = text_of((await bench.call(host, "mcp_it_go", session=behind)).content)
    await behind.close()
    assert text_of((await bench.call(host, "mcp_it_go", session=session)).content) == found, "and they outlive it"


async def test_its_prompts_are_commands_of_that_conversation_alone(bench, host, entry, open_servers, begin):
    session = await begin(await open_servers(it=entry("friendly", "stdio")))
    (commands,) = await host.services.all(SlashCommands)
    own = {spec.name for spec in await commands.commands(session.context)}
    assert own
    assert all(name.startswith("mcp_it_") for name in own)
    assert await commands.commands((await host.start()).context) == []


async def test_the_source_says_when_a_server_offers_other_tools(bench, entry, tmp_path):
    state = tmp_path / "state"
    host = await bench.open(it=entry("by_hand", "changing", env={"STATE": str(state)}))
    (contribution,) = host.registry("tool_sources")
    source = await host.part(contribution)
    assert isinstance(source, ChangingToolSource)
    waiting = [asyncio.create_task(source.changed()) for _ in range(2)]
    server = (await bench.servers(host)).get("it")
    await server.refresh()
    assert not any(task.done() for task in waiting), "the same list again is no change"
    state.write_text("There is more.", encoding="utf-8")
    await server.refresh()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
    assert [spec.name for spec in await source.tools()] == ["mcp_it_added", "mcp_it_read"]


async def test_only_the_servers_used_last_are_remembered(bench, host, entry, open_servers, monkeypatch):
    monkeypatch.setattr(session_servers, "_REMEMBERED", 1)
    for name in ("one", "two", "three"):
        await (await open_servers(**{name: entry("by_hand", "process")})).aclose()
    await open_servers()
    for folder in ("cache", "plugins"):
        assert [path.name for path in (bench.home / folder / "mcp" / "handed_over").iterdir()] == ["three.json"]
