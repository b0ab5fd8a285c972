"""The host's tools, called by the official client."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from mcp import MCPError


async def test_the_tools_of_the_chosen_toolsets_are_listed_with_schemas_and_hints(join, era):
    client = await join(mode=era)
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert "read_file" not in tools
    assert tools["save"].input_schema["required"] == ["what"]
    assert tools["save"].annotations.destructive_hint
    assert not tools["save"].annotations.read_only_hint
    assert tools["origin"].annotations.read_only_hint
    assert tools["json_schema_2020_12_tool"].input_schema["$defs"]["address"]["properties"]["street"]


async def test_the_default_is_every_tool_that_only_reads(bench):
    client = await bench.stdio("--no-converse")
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"read_file", "search_files", "origin"} <= names
    assert not {"converse", "write_file", "patch", "save", "terminal"} & names


async def test_a_result_keeps_its_kinds_of_content(join, era):
    client = await join(mode=era)
    result = await client.call_tool("test_multiple_content_types", {})
    assert [block.type for block in result.content] == ["text", "image", "resource"]
    assert result.content[2].resource.uri == "test://mixed-content-resource"
    assert result.content[2].resource.text == '{"test":"data"}'
    assert (await client.call_tool("test_audio_content", {})).content[0].type == "audio"


async def test_what_is_wrong_with_a_call_is_said(join, era, words):
    client = await join(mode=era)
    result = await client.call_tool("save", {})
    assert result.is_error
    assert "what" in words(result)
    with pytest.raises(MCPError, match="Unknown tool: nothing_like_it"):
        await client.call_tool("nothing_like_it", {})
    with pytest.raises(MCPError, match="Unknown tool: read_file"):
        await client.call_tool("read_file", {"path": "/etc/hostname"})


async def test_what_needs_consent_is_refused_where_nobody_can_be_asked(join, era, words):
    client = await join(mode=era)
    result = await client.call_tool("save", {"what": "tea"})
    assert result.is_error
    assert "nobody can be asked here" in words(result)
    assert "saved tea" not in words(result)


async def test_consent_is_asked_through_the_client(join, era, person, words):
    asked = person(decision="once")
    client = await join(mode=era, elicitation_callback=asked)
    assert words(await client.call_tool("save", {"what": "tea"})) == "saved tea"
    assert words(await client.call_tool("save", {"what": "tea"})) == "saved tea"
    assert len(asked.asked) == 2
    assert "save tea" in asked.asked[0]
    assert "It would be saved." in asked.asked[0]


async def test_consent_may_hold_for_the_session_but_not_for_good(join, person, words):
    asked = person(decision="session")
    client = await join(elicitation_callback=asked)
    for _ in range(2):
        assert words(await client.call_tool("save", {"what": "tea"})) == "saved tea"
    assert len(asked.asked) == 1
    other = await join(elicitation_callback=person(decision="always"))
    assert (await other.call_tool("save", {"what": "tea"})).is_error


async def test_without_a_connection_consent_holds_for_one_call(join, person):
    client = await join(mode="2026-07-28", elicitation_callback=person(decision="session"))
    assert (await client.call_tool("save", {"what": "tea"})).is_error
    client = await join(mode="2026-07-28", elicitation_callback=person(decision="once"))
    assert not (await client.call_tool("save", {"what": "tea"})).is_error


async def test_who_declines_is_obeyed_and_policy_is_final(join, era, person, words):
    client = await join(mode=era, elicitation_callback=person())
    assert "denied this call" in words(await client.call_tool("save", {"what": "tea"}))
    willing = person(decision="once")
    client = await join(mode=era, elicitation_callback=willing)
    assert "Denied by policy: That is forbidden." in words(await client.call_tool("save", {"what": "forbidden"}))
    assert willing.asked == []


async def test_a_call_within_a_call_passes_the_same_gate(join, era, person, words):
    client = await join(mode=era)
    assert "nobody can be asked here" in words(await client.call_tool("nested", {}))
    asked = person(decision="once")
    client = await join(mode=era, elicitation_callback=asked)
    assert words(await client.call_tool("nested", {})) == "saved from within"
    assert "save from within" in asked.asked[0]


async def test_elicitation_can_be_switched_off(bench, person, words):
    bench.configure(mcp_server={"elicitation": False})
    asked = person(decision="once")
    client = await bench.stdio("--toolsets", "fixture", elicitation_callback=asked)
    assert "nobody can be asked here" in words(await client.call_tool("save", {"what": "tea"}))
    assert asked.asked == []


async def test_a_tool_s_question_reaches_the_person(join, era, person, words):
    asked = person(answer="green")
    client = await join(mode=era, elicitation_callback=asked)
    assert words(await client.call_tool("question", {})) == "they said green"
    assert asked.asked == ["Which colour?"]
    client = await join(mode=era)
    assert words(await client.call_tool("question", {})) == "they said None"


async def test_a_client_s_words_are_not_the_owner_s(join, words):
    client = await join()
    assert words(await client.call_tool("origin", {})).startswith("member on mcp in ")


async def test_nothing_of_mere_calls_is_left_among_the_sessions(bench, words):
    client = await bench.stdio("--toolsets", "fixture")
    await client.call_tool("test_simple_text", {})
    await bench.leave()
    assert list((bench.home / "sessions").glob("**/*.jsonl")) == []


async def test_progress_comes_before_the_result(join, era):
    told = []

    async def heard(progress, total, message):
        told.append((progress, total))

    client = await join(mode=era)
    await client.call_tool("test_tool_with_progress", {}, progress_callback=heard)
    assert told == [(0, 100), (50, 100), (100, 100)]


async def test_a_cancelled_call_ends_and_the_next_one_works(bench, era, words):
    client = await bench.stdio("--toolsets", "fixture", mode=era)
    holding = anyio.Event()

    async def heard(progress, total, message):
        holding.set()

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: client.call_tool("hold", {}, progress_callback=heard))
        with anyio.fail_after(10):
            await holding.wait()
        group.cancel_scope.cancel()
    assert words(await client.call_tool("test_simple_text", {})).startswith("This is a simple text")
    await bench.leave()
    assert "the hold ended" in bench.errors.read_text(encoding="utf-8")


async def test_standard_output_carries_the_protocol_alone(bench, words):
    client = await bench.stdio("--toolsets", "fixture")
    assert words(await client.call_tool("stray", {})) == "Printed."
    await bench.leave()
    errors = bench.errors.read_text(encoding="utf-8")
    assert "this must not reach the client" in errors
    assert "nor must this" in errors


async def test_log_messages_come_from_the_level_asked_for(join):
    heard = []

    async def log(params):
        heard.append(params.data)

    client = await join(logging_callback=log)
    await client.call_tool("test_tool_with_logging", {})
    assert len(heard) == 3
    with pytest.warns(match="deprecated"):
        await client.set_logging_level("error")
    await client.call_tool("test_tool_with_logging", {})
    assert len(heard) == 3


async def test_clients_are_told_when_the_tools_change_and_can_call_the_new_one(bench, words):
    heard: asyncio.Queue = asyncio.Queue()
    client = await bench.stdio("--toolsets", "fixture", message_handler=heard.put)
    await client.call_tool("test_simple_text", {})
    (bench.home / "late").touch()
    await client.call_tool("converse", {"message": "Hello."})
    async with asyncio.timeout(10):
        while (await heard.get()).method != "notifications/tools/list_changed":
            pass
    assert "late" in [tool.name for tool in (await client.list_tools()).tools]
    assert words(await client.call_tool("late", {})).startswith("This is a simple text")


async def test_a_client_that_listens_is_told_when_the_tools_change(bench):
    client = await bench.stdio("--toolsets", "fixture", mode="2026-07-28")
    async with client.listen(tools_list_changed=True) as changes:
        (bench.home / "late").touch()
        await client.call_tool("converse", {"message": "Hello."})
        async with asyncio.timeout(10):
            assert "ToolsListChanged" in type(await anext(aiter(changes))).__name__


async def test_a_change_that_a_source_of_tools_tells_reaches_clients_by_itself(bench, words):
    heard: asyncio.Queue = asyncio.Queue()
    client = await bench.stdio("--toolsets", "fixture", message_handler=heard.put)
    assert words(await client.call_tool("reveal", {})) == "revealed"
    async with asyncio.timeout(10):
        while (await heard.get()).method != "notifications/tools/list_changed":
            pass
    assert words(await client.call_tool("revealed", {})).startswith("This is a simple text")
