"""MCP servers that an editor hands over with a conversation, where hermes-mcp is installed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from acp.schema import EnvVariable, HttpHeader, HttpMcpServer, McpServerStdio, SseMcpServer

from hermes_host.messages import Text, ToolCall
from hermes_host.testing.model_server_chat import chat

SERVER = Path(__file__).parents[3] / "tools" / "hermes-mcp" / "tests" / "programs" / "by_hand.py"

pytestmark = pytest.mark.skipif(not SERVER.exists(), reason="the server lies beside hermes-mcp")


def stdio(name, how, **env):
    variables = [EnvVariable(name=key, value=value) for key, value in env.items()]
    return McpServerStdio(name=name, command=sys.executable, args=[str(SERVER), how], env=variables)


def using(tool, **arguments):
    return [chat(ToolCall(id="c", name=tool, arguments=arguments)), chat(Text(text="Done"))]


def results(editor, session):
    return [update.raw_output["text"] for update in editor.of(session, "tool_call_update") if update.raw_output]


@pytest.fixture
def equipped(place):
    async def make(*script):
        there = await place([*script])
        there.plugins += ",mcp"
        return there

    return make


async def begin(there, editor, *servers):
    return await editor.agent.new_session(cwd=str(there.project), mcp_servers=[*servers])


async def test_the_agent_says_truly_how_servers_may_be_reached(equipped):
    there = await equipped()
    capabilities = (await there.editor()).hello.agent_capabilities.mcp_capabilities
    assert (capabilities.http, capabilities.sse) == (True, False)
    there.plugins = there.plugins.removesuffix(",mcp")
    capabilities = (await there.editor()).hello.agent_capabilities.mcp_capabilities
    assert (capabilities.http, capabilities.sse) == (False, False)


async def test_their_tools_work_in_that_conversation_alone_and_end_with_it(equipped):
    there = await equipped(*using("mcp_weather_go"), chat(Text(text="None")))
    editor = await there.editor()
    opened = await begin(there, editor, stdio("weather", "shown", PLACE="Lima"))
    assert opened.field_meta is None
    session = opened.session_id
    await editor.say(session, "Look")
    (text,) = results(editor, session)
    shown = json.loads(text)
    assert shown["directory"] == str(there.project)
    assert shown["environment"]["PLACE"] == "Lima"
    assert not [name for name in shown["environment"] if name.startswith("HERMES")]
    other = await there.begin(editor)
    await editor.say(other, "And here?")
    assert "mcp_weather_go" not in [tool["function"]["name"] for tool in there.server.requests[-1].json["tools"]]


async def test_the_servers_end_when_the_conversation_is_closed(equipped):
    there = await equipped(*using("mcp_weather_go"))
    editor = await there.editor()
    session = (await begin(there, editor, stdio("weather", "process"))).session_id
    await editor.say(session, "Look")
    pid = int(results(editor, session)[0])
    os.kill(pid, 0)
    await editor.agent.close_session(session_id=session)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_conversation_that_is_loaded_gets_the_servers_it_is_loaded_with(equipped):
    there = await equipped(chat(Text(text="Hello")), *using("mcp_clock_go"), *using("mcp_clock_go"))
    editor = await there.editor()
    session = (await begin(there, editor)).session_id
    await editor.say(session, "Hello")
    clock = stdio("clock", "process")
    await editor.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[clock])
    await editor.say(session, "When?")
    first = results(editor, session)[-1]
    await editor.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[clock])
    await editor.say(session, "And now?")
    assert results(editor, session)[-1] == first, "the same servers go on"
    loaded = await editor.agent.resume_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    assert loaded.field_meta is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(first), 0)


async def test_an_open_conversation_without_a_word_keeps_its_servers_and_says_so(equipped):
    there = await equipped()
    editor = await there.editor()
    session = (await begin(there, editor, stdio("weather", "process"))).session_id
    loaded = await editor.agent.load_session(
        session_id=session, cwd=str(there.project), mcp_servers=[stdio("clock", "process")]
    )
    assert loaded.field_meta == {"hermes": {"mcpServersNotUsed": ["clock"]}}
    await editor.until(lambda: "does not get: clock" in editor.text(session))


async def test_servers_that_cannot_be_used_are_named_with_the_reason_and_the_others_work(equipped):
    there = await equipped(*using("mcp_good_go"))
    editor = await there.editor()
    opened = await begin(
        there,
        editor,
        stdio("good", "process"),
        stdio("broken", "no-start"),
        SseMcpServer(type="sse", name="old", url="http://127.0.0.1:9/sse", headers=[]),
        HttpMcpServer(
            type="http", name="away", url="http://127.0.0.1:9/mcp", headers=[HttpHeader(name="X", value="1")]
        ),
    )
    assert sorted(opened.field_meta["hermes"]["mcpServersNotUsed"]) == ["away", "broken", "old"]
    await editor.until(lambda: "missing TOKEN" in editor.text(opened.session_id))
    assert "- old: It cannot be used: it uses the legacy SSE transport" in editor.text(opened.session_id)
    await editor.say(opened.session_id, "Go")
    assert results(editor, opened.session_id)[0].isdigit()


async def test_what_a_tool_of_theirs_does_is_asked_about_in_the_editor(equipped):
    there = await equipped(*using("mcp_it_go") * 3)
    editor = await there.editor()
    session = (await begin(there, editor, stdio("it", "acting"))).session_id
    await editor.say(session, "Go")
    (request,) = editor.requests
    assert "always" in request["options"]
    assert "The user denied" in results(editor, session)[-1]

    async def allow(request):
        return "once"

    editor.decide = allow
    await editor.say(session, "Go")
    assert results(editor, session)[-1].startswith("went")
    await editor.agent.set_session_mode(session_id=session, mode_id="read_only")
    await editor.say(session, "Go")
    assert not results(editor, session)[-1].startswith("went")
    assert len(editor.requests) == 2


async def test_they_can_be_switched_off(equipped):
    there = await equipped()
    there.settings["acp"] = {"mcp_servers": False}
    editor = await there.editor()
    assert not editor.hello.agent_capabilities.mcp_capabilities.http
    opened = await begin(there, editor, stdio("weather", "process"))
    assert opened.field_meta == {"hermes": {"mcpServersNotUsed": ["weather"]}}
