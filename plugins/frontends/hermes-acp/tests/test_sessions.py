"""Conversations begun, found again, loaded with their past, copied, left and deleted; and what can be chosen."""

from __future__ import annotations

import asyncio

import pytest
from acp import RequestError, embedded_text_resource, image_block, resource_block
from acp.schema import McpServerStdio

from hermes_host.messages import Reasoning, Text, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server_chat import chat

PIXEL = "iVBORw0KGgo="


async def test_loading_replays_the_past_in_order(place):
    there = await place(
        [
            chat(
                Reasoning(text="hm"),
                Text(text="I look"),
                ToolCall(id="c", name="echo", arguments={"text": "x"}),
                ToolCall(id="t", name="todo", arguments={"todos": [{"id": "1", "content": "look"}]}),
            ),
            chat(Text(text="It says x")),
            chat(Text(text="I remember")),
        ]
    )
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(
        session,
        "What is this? ",
        image_block(PIXEL, "image/png"),
        resource_block(embedded_text_resource("file:///a.py", "secret_plan = 1")),
    )
    await editor.agent.close_session(session_id=session)

    again = await there.editor()
    opened = await again.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    assert opened.modes.current_mode_id == "default"
    told = [update for update in again.of(session) if update.session_update != "available_commands_update"]
    assert [update.session_update for update in told] == [
        "user_message_chunk",
        "user_message_chunk",
        "user_message_chunk",
        "agent_thought_chunk",
        "agent_message_chunk",
        "tool_call",
        "tool_call",
        "tool_call_update",
        "tool_call_update",
        "agent_message_chunk",
        "plan",
    ]
    assert [told[place].content.type for place in range(3)] == ["text", "image", "text"]
    assert "secret_plan" not in again.text(session, "user_message_chunk")
    assert told[7].raw_output["text"] == "echo x"
    assert told[7].status == "completed"
    assert again.text(session) == "I lookIt says x"
    await again.say(session, "Do you remember?")
    assert again.text(session).endswith("I remember")
    assert "It says x" in str(there.server.requests[-1].json["messages"])


async def test_a_conversation_that_is_open_can_be_loaded_also_before_anything_was_said(place):
    there = await place([chat(ToolCall(id="c", name="echo", arguments={"text": "x"})), chat(Text(text="One"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    await editor.say(session, "First")
    told = len(editor.updates)
    await editor.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    again = [update for _, update in editor.updates[told:] if update.session_update == "tool_call"]
    assert [update.tool_call_id for update in again] == ["c"]


async def test_resuming_tells_nothing_and_goes_on(place):
    there = await place([chat(Text(text="One")), chat(Text(text="Two"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "First")
    await editor.agent.close_session(session_id=session)
    with pytest.raises(RequestError, match="no open conversation"):
        await editor.say(session, "Closed?")
    told = len(editor.of(session, "agent_message_chunk"))
    await editor.agent.resume_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    assert len(editor.of(session, "agent_message_chunk")) == told
    await editor.say(session, "Second")
    assert [message["content"] for message in there.server.requests[-1].json["messages"][1:]] == [
        "First",
        "One",
        "Second",
    ]


async def test_a_copy_goes_on_under_its_own_id_and_the_original_stays(place):
    there = await place([chat(Text(text="One")), chat(Text(text="Two"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "First")
    copy = await editor.agent.fork_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    assert copy.session_id not in ("", session)
    await editor.say(copy.session_id, "Second")
    assert "First" in str(there.server.requests[-1].json["messages"])
    listed = await editor.agent.list_sessions()
    assert {row.session_id for row in listed.sessions} == {session, copy.session_id}


@pytest.mark.parametrize("method", ["load_session", "resume_session", "fork_session"])
async def test_an_unknown_id_is_an_error_and_never_another_conversation(place, method):
    there = await place([chat(Text(text="One"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "A conversation with a title")
    for reference in ("20200101_000000_abcdef", session[:10], "A conversation with a title"):
        with pytest.raises(RequestError) as refused:
            await getattr(editor.agent, method)(session_id=reference, cwd=str(there.project), mcp_servers=[])
        assert refused.value.code == -32002


async def test_conversations_are_listed_by_folder_with_titles_and_deleted(place, tmp_path):
    there = await place([chat(Text(text="Yes"))] * 3)
    other = tmp_path / "other"
    other.mkdir()
    editor = await there.editor()
    here = [await there.begin(editor), await there.begin(editor)]
    elsewhere = await there.begin(editor, other)
    for session in (*here, elsewhere):
        await editor.say(session, f"Hello from {session}")
    listed = (await editor.agent.list_sessions(cwd=str(there.project))).sessions
    assert {row.session_id for row in listed} == set(here)
    assert all(row.title.startswith("Hello from") and row.updated_at and row.cwd for row in listed)
    assert len((await editor.agent.list_sessions()).sessions) == 3
    await editor.agent._conn.send_request("session/delete", {"sessionId": elsewhere})
    assert {row.session_id for row in (await editor.agent.list_sessions()).sessions} == set(here)
    with pytest.raises(RequestError, match="cursor"):
        await editor.agent.list_sessions(cursor="nonsense")


@pytest.mark.parametrize(("directory", "said"), [("project", "absolute"), ("/nowhere/at/all", "no directory")])
async def test_a_folder_that_cannot_be_worked_in_is_refused(place, directory, said):
    there = await place([])
    editor = await there.editor()
    with pytest.raises(RequestError, match=said) as refused:
        await editor.agent.new_session(cwd=directory, mcp_servers=[])
    assert refused.value.code == -32602


async def test_two_editors_cannot_write_to_one_conversation(place):
    there = await place([chat(Text(text="One"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "First")
    other = await there.editor()
    with pytest.raises(RequestError, match="in use|another process|open"):
        await other.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[])


async def test_nothing_is_lost_when_the_agent_is_killed_in_the_middle_of_a_call(place):
    there = await place(
        [chat(Text(text="I hang"), ToolCall(id="h", name="hang", arguments={})), chat(Text(text="Alive"))]
    )
    editor = await there.process_editor()
    session = await there.begin(editor)
    answering = asyncio.create_task(editor.say(session, "Hang"))
    await editor.until(lambda: [u for u in editor.of(session, "tool_call_update") if u.status == "in_progress"])
    editor.process.kill()
    await editor.process.wait()
    with pytest.raises((ConnectionError, RequestError)):
        await answering
    again = await there.editor()
    await again.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    assert again.text(session, "user_message_chunk") == "Hang"
    assert again.text(session) == "I hang"
    (end,) = again.of(session, "tool_call_update")
    assert end.status == "failed"
    assert "ended while this call ran" in end.raw_output["text"]
    await again.say(session, "And now?")
    assert again.text(session).endswith("Alive")


# ------------------------------------------------------------------------------------------------ what can be chosen


async def test_the_model_and_the_thinking_can_be_chosen_and_the_choice_counts(place):
    there = await place([chat(Text(text="Other"), usage=Usage(input=5, output=1))])
    editor = await there.editor()
    opened = await editor.agent.new_session(cwd=str(there.project), mcp_servers=[])
    session = opened.session_id
    options = {option.id: option for option in opened.config_options}
    assert options["model"].current_value == "custom:test-model"
    assert {option.value for option in options["thought_level"].options} >= {"default", "low", "high"}
    answer = await editor.agent.set_config_option(session_id=session, config_id="model", value="custom:other-model")
    assert {option.id: option.current_value for option in answer.config_options}["model"] == "custom:other-model"
    await editor.agent.set_config_option(session_id=session, config_id="thought_level", value="low")
    await editor.say(session, "Which are you?")
    request = there.server.requests[-1].json
    assert request["model"] == "other-model"
    with pytest.raises(RequestError, match="no option"):
        await editor.agent.set_config_option(session_id=session, config_id="colour", value="red")
    with pytest.raises(RequestError, match="nowhere"):
        await editor.agent.set_config_option(session_id=session, config_id="thought_level", value="nowhere")
    await editor.agent._conn.send_request("session/set_model", {"sessionId": session, "modelId": "custom:third"})
    last = editor.of(session, "config_option_update")[-1]
    assert {option.id: option.current_value for option in last.config_options}["model"] == "custom:third"


async def test_models_the_catalogue_does_not_know_are_asked_for_beside_the_conversation(place):
    there = await place([], models=["test-model", "another-model"])
    editor = await there.editor()
    session = await there.begin(editor)
    (told,) = await editor.until(lambda: editor.of(session, "config_option_update"))
    model = next(option for option in told.config_options if option.id == "model")
    assert {option.value for option in model.options} >= {"custom:test-model", "custom:another-model"}
    assert model.current_value == "custom:test-model"


async def test_a_change_by_a_slash_command_reaches_the_editors_list(place):
    there = await place([])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "/model custom:other-model")
    last = editor.of(session, "config_option_update")[-1]
    assert {option.id: option.current_value for option in last.config_options}["model"] == "custom:other-model"


async def test_what_the_agent_can_do_is_announced(place):
    there = await place([])
    editor = await there.editor()
    capabilities = editor.hello.agent_capabilities
    assert capabilities.load_session
    assert (capabilities.prompt_capabilities.image, capabilities.prompt_capabilities.audio) == (True, False)
    assert capabilities.prompt_capabilities.embedded_context
    assert editor.hello.agent_info.name == "hermes"
    assert [method.id for method in editor.hello.auth_methods] == ["configured"]
    await editor.agent.authenticate(method_id="configured")
    with pytest.raises(RequestError, match="no way to sign in"):
        await editor.agent.authenticate(method_id="magic")


async def test_mcp_servers_of_the_editor_are_said_to_be_unused(place):
    there = await place([])
    there.settings["mcp_servers"] = {"known": {"command": "x"}}
    editor = await there.editor()
    servers = [McpServerStdio(name=name, command="/bin/x", args=[], env=[]) for name in ("known", "weather")]
    opened = await editor.agent.new_session(cwd=str(there.project), mcp_servers=servers)
    assert opened.field_meta == {"hermes": {"mcpServersNotUsed": ["weather"]}}
    await editor.until(lambda: "not used: weather" in editor.text(opened.session_id))


async def test_what_is_used_of_the_models_context_is_told_where_it_is_known(place):
    there = await place([chat(Text(text="Yes"), usage=Usage(input=900, output=100))] * 2)
    there.settings["catalog"] = {"models": {"custom:big": {"context": 200_000, "inputs": ["text"]}}}
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "Hello")
    assert editor.of(session, "usage_update") == []
    await editor.agent.set_config_option(session_id=session, config_id="model", value="custom:big")
    await editor.say(session, "Hello")
    (told,) = editor.of(session, "usage_update")
    assert (told.used, told.size) == (1000, 200_000)
    with pytest.raises(RequestError, match="cannot see images"):
        await editor.say(session, "Look", image_block(PIXEL, "image/png"))
