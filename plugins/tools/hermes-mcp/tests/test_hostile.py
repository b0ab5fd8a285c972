"""Servers that answer badly: every answer is bounded, and every error says what happened."""

from __future__ import annotations

import pytest

from hermes_host.messages import text_of
from hermes_host.testing import ScriptedApprover


async def test_an_answer_that_comes_twice_counts_once(bench, entry):
    host = await bench.open(it=entry("by_hand", "twice"))
    assert text_of((await bench.call(host, "mcp_it_go")).content) == "first"
    assert text_of((await bench.call(host, "mcp_it_go")).content) == "first"


async def test_an_answer_that_comes_late_is_not_taken_for_the_next_one(bench, entry):
    host = await bench.open(it=entry("by_hand", "late", timeout=0.5))
    assert "did not answer within 0.5 s" in text_of((await bench.call(host, "mcp_it_go")).content)
    (await bench.servers(host)).get("it").settings  # noqa: B018
    second = text_of((await bench.call(host, "mcp_it_go", x="on")).content)
    assert second in ("went on", "The MCP server 'it' did not answer within 0.5 s; the call was cancelled there.") or (
        "did not answer" in second
    )
    assert "too late" not in second


async def test_fifty_megabytes_are_thrown_away_as_they_arrive(bench, entry):
    host = await bench.open(it=entry("by_hand", "huge"))
    result = await bench.call(host, "mcp_it_go")
    assert result.is_error
    assert "The answer has 50 MB; at most 16 MB are taken." in text_of(result.content)


async def test_three_hundred_tools_over_pages_all_arrive(bench, entry):
    host = await bench.open(it=entry("by_hand", "pages"))
    assert len((await host.start()).tools()) == 300


async def test_a_list_without_an_end_is_refused(bench, entry):
    host = await bench.open(it=entry("by_hand", "endless"))
    assert "does not end" in (await bench.servers(host)).get("it").failure


@pytest.mark.parametrize("how", ["garbage", "deep"])
async def test_what_is_no_proper_answer_fails_one_call_only(bench, entry, how):
    host = await bench.open(it=entry("by_hand", how))
    assert (await bench.call(host, "mcp_it_go")).call_id == "1"
    assert (await bench.servers(host)).get("it").state == "running"


async def test_names_are_always_valid_and_never_ambiguous(bench, entry):
    host = await bench.open(it=entry("by_hand", "names"), **{"it-a": entry("by_hand", "process")})
    names = [tool.name for tool in (await host.start()).tools()]
    assert len(names) == len(set(names)) == 7
    assert "mcp_it_a_b" not in names, "three tools claim it, so nobody has it"
    assert len([name for name in names if name.startswith("mcp_it_a_b_")]) == 3
    assert "mcp_it_same" in names
    assert all(len(name) <= 64 for name in names)
    again = await bench.open(it=entry("by_hand", "names"), **{"it-a": entry("by_hand", "process")})
    assert [tool.name for tool in (await again.start()).tools()] == names


async def test_two_servers_whose_names_read_the_same_never_share_a_tool(bench, entry):
    host = await bench.open(**{"my-it": entry("by_hand", "process"), "my_it": entry("by_hand", "crash")})
    names = [tool.name for tool in (await host.start()).tools()]
    assert "mcp_my_it_go" not in names
    answers = {text_of((await bench.call(host, name, x="on")).content) for name in names}
    assert len(answers) == 2
    assert "went on" in answers


async def test_schemas_that_loop_fetch_or_backtrack_do_no_harm(bench, entry):
    host = await bench.open(it=entry("by_hand", "schemas"))
    tools = {tool.name: tool for tool in (await host.start()).tools()}
    assert len(tools) == 4
    for name in tools:
        result = await bench.call(host, name, a="a" * 40 + "!")
        assert text_of(result.content).startswith("went"), name
    assert "not checked here" in tools["mcp_it_schema0"].summary
    assert tools["mcp_it_schema2"].parameters["properties"]["a"] == {}
    assert "pattern" not in str(tools["mcp_it_schema3"].parameters)


async def test_suspicious_descriptions_are_withheld_and_such_a_tool_asks_with_the_reason(bench, entry):
    host = await bench.open(it=entry("by_hand", "poisoned"))
    tools = {tool.name: tool for tool in (await host.start()).tools()}
    for name in ("mcp_it_weather", "mcp_it_unseen", "mcp_it_quiet"):
        assert "withheld" in tools[name].summary
        assert "id_rsa" not in str(tools[name])
        assert "user about" not in str(tools[name].parameters)
    assert tools["mcp_it_plain"].summary == "Does something."
    approver = ScriptedApprover("deny")
    result = await bench.call(host, "mcp_it_weather", more={"approver": approver})
    assert result.is_error
    assert "description is suspicious" in approver.requests[0].reason
    assert "gives orders about other tools" in approver.requests[0].reason
    assert "id_rsa" in approver.requests[0].shown
    approver = ScriptedApprover("deny")
    await bench.call(host, "mcp_it_unseen", more={"approver": approver})
    assert "invisible" in approver.requests[0].reason
    assert not (await bench.call(host, "mcp_it_plain")).is_error


async def test_a_suspicious_tool_that_a_person_accepted_is_used_like_others(bench, entry):
    host = await bench.open(it=entry("by_hand", "poisoned"))
    server = (await bench.servers(host)).get("it")
    server.accept(server.offer.tool("weather"), clear=True)
    assert not (await bench.call(host, "mcp_it_weather")).is_error
