"""Tools, resources and prompts of an ordinary server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hermes_host.events import ToolProgress
from hermes_host.messages import Media, text_of
from hermes_host.testing import ScriptedApprover, ScriptedQuestioner


@pytest.fixture
def friendly(entry, tmp_path):
    return entry("friendly", "stdio", env={"NOTES": str(tmp_path / "notes")})


@pytest.fixture
async def host(bench, friendly):
    return await bench.open(friendly=friendly)


async def test_a_conversation_has_the_tools_of_a_server_under_its_name(bench, host):
    session = await host.start()
    names = [tool.name for tool in session.tools()]
    assert "mcp_friendly_add" in names
    assert "mcp_friendly_read_resource" in names
    add = next(tool for tool in session.tools() if tool.name == "mcp_friendly_add")
    assert add.summary == "Add two numbers."
    assert set(add.parameters["properties"]) == {"a", "b"}
    assert add.effects == {"read", "net"}
    assert add.toolset == "mcp-friendly"


async def test_a_conversation_starts_no_server_whose_list_is_known(bench, host):
    session = await host.start()
    assert session.tools()
    assert [server.state for server in await bench.servers(host)] == ["stopped"]


async def test_structured_content_reaches_the_model_once(bench, host):
    result = await bench.call(host, "mcp_friendly_add", a=2, b=3)
    assert json.loads(text_of(result.content)) == {"total": 5}
    assert result.provenance == "external"
    assert not result.is_error


async def test_a_text_result_is_not_repeated_as_structured_content(bench, host):
    assert text_of((await bench.call(host, "mcp_friendly_echo", text="so")).content) == "so"


async def test_a_picture_arrives_as_a_picture(bench, host):
    (part,) = (await bench.call(host, "mcp_friendly_picture")).content
    assert isinstance(part, Media)
    assert (part.kind, part.mime, part.data[:4]) == ("image", "image/png", b"\x89PNG")


async def test_a_failure_of_the_tool_is_an_error_result_with_its_words(bench, host):
    result = await bench.call(host, "mcp_friendly_broken")
    assert result.is_error
    assert "the kettle is empty" in text_of(result.content)


async def test_wrong_arguments_are_refused_before_the_server_sees_them(bench, host):
    result = await bench.call(host, "mcp_friendly_add", a="two", b=3)
    assert result.is_error
    assert "The arguments do not fit" in text_of(result.content)


async def test_a_tool_that_does_not_only_read_needs_consent(bench, host, tmp_path):
    denied = await bench.call(host, "mcp_friendly_note", text="tea")
    assert "nobody can be asked" in text_of(denied.content)
    assert not (tmp_path / "notes").exists()
    approver = ScriptedApprover("once")
    allowed = await bench.call(host, "mcp_friendly_note", text="tea", more={"approver": approver})
    assert text_of(allowed.content) == "noted"
    assert (tmp_path / "notes").read_text(encoding="utf-8") == "tea"
    assert "can have effects" in approver.requests[0].reason
    assert '"text": "tea"' in approver.requests[0].shown


async def test_a_server_sees_only_its_own_variables_and_the_common_ones(bench, entry, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-servers")
    host = await bench.open(friendly=entry("friendly", "stdio", env={"MY_TOKEN": "mine"}))
    names = text_of((await bench.call(host, "mcp_friendly_environment")).content).split()
    assert "MY_TOKEN" in names
    assert "PATH" in names
    assert "OPENAI_API_KEY" not in names


async def test_progress_is_shown_while_a_call_runs_and_a_time_limit_ends_it_there_too(bench, entry, tmp_path):
    notes = tmp_path / "notes"
    host = await bench.open(friendly=entry("friendly", "stdio", env={"NOTES": str(notes)}, timeout=0.5))
    events = []
    result = await bench.call(host, "mcp_friendly_slow", events=events)
    assert result.is_error
    assert "did not answer within 0.5 s" in text_of(result.content)
    assert [event.text for event in events if isinstance(event, ToolProgress)] == ["1/3 one of three\n"]
    assert text_of((await bench.call(host, "mcp_friendly_echo", text="still there")).content) == "still there"
    assert notes.read_text(encoding="utf-8") == "cancelled"


async def test_resources_are_listed_and_read(bench, host):
    listing = json.loads(text_of((await bench.call(host, "mcp_friendly_list_resources")).content))
    assert listing["resources"][0]["uri"] == "notes://today"
    assert listing["templates"][0]["uri_template"] == "notes://{day}"
    result = await bench.call(host, "mcp_friendly_read_resource", uri="notes://today")
    assert "Buy tea." in text_of(result.content)
    unknown = await bench.call(host, "mcp_friendly_read_resource", uri="other://x")
    assert unknown.is_error


async def test_the_tools_of_resources_can_be_switched_off_and_tools_left_out(bench, friendly):
    host = await bench.open(friendly={**friendly, "tools": {"include": ["e*"], "resources": False}})
    session = await host.start()
    assert [tool.name for tool in session.tools()] == ["mcp_friendly_echo", "mcp_friendly_environment"]


async def test_a_server_that_is_switched_off_offers_nothing(bench, friendly):
    host = await bench.open(friendly={**friendly, "enabled": False})
    assert (await host.start()).tools() == []


async def test_calls_of_one_process_share_one_server(bench, host):
    first = text_of((await bench.call(host, "mcp_friendly_process")).content)
    assert text_of((await bench.call(host, "mcp_friendly_process")).content) == first


async def test_an_idle_server_is_stopped_and_started_again_by_the_next_call(bench, friendly, gone):
    host = await bench.open(friendly={**friendly, "idle_timeout": 0.2})
    first = text_of((await bench.call(host, "mcp_friendly_process")).content)
    assert await gone(int(first))
    assert text_of((await bench.call(host, "mcp_friendly_process")).content) != first


async def test_the_working_directory_is_told_as_a_root_only_during_a_call(bench, host, tmp_path):
    if "2026" in (await bench.servers(host)).get("friendly").offer.protocol:
        pytest.skip("a server cannot ask by itself in this protocol")
    result = await bench.call(host, "mcp_friendly_roots", more={"directory": str(tmp_path)})
    assert text_of(result.content) == tmp_path.as_uri()


async def test_http_servers_work_the_same(bench, http_server):
    host = await bench.open(web={"url": http_server})
    assert json.loads(text_of((await bench.call(host, "mcp_web_add", a=1, b=1)).content)) == {"total": 2}
    assert "Buy tea." in text_of((await bench.call(host, "mcp_web_read_resource", uri="notes://today")).content)


async def test_an_address_where_nothing_listens_is_a_clear_error(bench):
    host = await bench.open(web={"url": "http://127.0.0.1:9/mcp", "connect_timeout": 5})
    server = (await bench.servers(host)).get("web")
    assert server.state == "failed"
    assert "'web' cannot be used" in server.failure


async def test_prompts_are_slash_commands(bench, host, tmp_path):
    from hermes_host.frontends import SlashCall
    from hermes_host.services import SlashCommands
    from hermes_mcp.slash import run_prompt

    session = await host.start()
    found = [each for part in await host.services.all(SlashCommands) for each in await part.commands(session.context)]
    assert [(command.name, command.usage) for command in found] == [("mcp_friendly_review", "topic=… [tone=…]")]
    sent = []
    call = SlashCall(
        name="mcp_friendly_review", arguments="the plan tone=strict", host=host, session=session, submit=sent.append
    )
    with pytest.raises(Exception, match="It does not take 'plan'"):
        await run_prompt(call)
    call.arguments = "'the plan' tone=strict"
    await run_prompt(call)
    assert sent[0].text == "Review the plan in a strict tone."
    assert sent[0].provenance == "external"


async def test_the_first_list_is_fetched_beside_the_conversation_and_announced(tmp_path, bench, friendly):
    from hermes_host.events import Notice
    from hermes_host.testing import StandInHost

    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text(json.dumps({"mcp_servers": {"friendly": friendly}}), encoding="utf-8")
    async with StandInHost(home, plugins=["mcp"]) as host:
        host.script("hello", "hello")
        session = await host.start()
        assert session.tools() == []
        told = []
        session.context._announce = told.append
        async for _ in session.run("hi"):
            pass
        await (await bench.servers(host)).first_lists()
        assert "friendly" in session.system
        assert [notice.text for notice in told if isinstance(notice, Notice)] == [
            "The MCP server 'friendly' offers 11 tools; they can be used in the next conversation (/new)."
        ]
        assert len((await host.start()).tools()) == 13


async def test_servers_end_with_the_host(tmp_path, bench, friendly, gone):
    from hermes_host.testing import StandInHost

    host = await bench.open(friendly=friendly)
    await host.aclose()
    async with StandInHost(bench.home, plugins=["mcp"]) as second:
        pid = int(text_of((await bench.call(second, "mcp_friendly_process")).content))
        os.kill(pid, 0)
    assert await gone(pid)


async def test_sampling_is_refused_until_it_is_allowed(bench, host):
    result = await bench.call(host, "mcp_friendly_ask_model", more={"questioner": ScriptedQuestioner("Allow once")})
    assert result.is_error


async def test_a_question_of_a_server_is_refused_until_it_is_allowed(bench, host):
    asked = ScriptedQuestioner("Ada")
    result = await bench.call(host, "mcp_friendly_ask_user", more={"questioner": asked})
    assert result.is_error
    assert asked.questions == []


async def test_nothing_is_imported_from_the_sdk_before_a_server_is_used(bench, host):
    import subprocess
    import sys

    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom hermes_host.testing.hosts import StandInHost\n"
        "async def main():\n  async with StandInHost(Path(sys.argv[1]), plugins=['mcp']) as host:\n"
        "    host.script('x')\n    session = await host.start()\n    print(len(session.tools()))\n"
        "asyncio.run(main())\nprint([name for name in ('mcp', 'httpx2', 'anyio', 'pydantic') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(bench.home)], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[0] == "13"
    assert "mcp" not in run.stdout.split("\n")[1]


def test_the_programs_are_there():
    assert (Path(__file__).with_name("programs") / "friendly.py").is_file()
