"""Who is asked, what is shown, and what an answer, silence or a lost connection means."""

from __future__ import annotations

import asyncio
import time

import pytest
from acp import RequestError
from acp.schema import AcceptElicitationResponse, ClientCapabilities

from hermes_host.messages import Text, ToolCall
from hermes_host.testing.model_server_chat import chat


def act(text: str, identity: str = "call_1") -> ToolCall:
    return ToolCall(id=identity, name="act", arguments={"text": text})


def last_result(there) -> str:
    return str(there.server.requests[-1].json["messages"][-1]["content"])


@pytest.mark.parametrize(("answer", "acted"), [("once", True), ("deny", False), (None, False), ("nonsense", False)])
async def test_the_answer_decides(place, answer, acted):
    there = await place([chat(act("now")), chat(Text(text="Done"))])
    editor = await there.editor()
    session = await there.begin(editor)

    async def decide(request):
        return answer

    editor.decide = decide
    await editor.say(session, "Act")
    (request,) = editor.requests
    assert request["options"] == ["once", "session", "always", "deny"]
    assert request["call"].tool_call_id == "call_1"
    assert request["call"].title == "`now`"
    assert '"text":"now"' in request["call"].content[-1].content.text.replace(": ", ":")
    assert ("acted on now" in last_result(there)) is acted
    assert editor.of(session, "tool_call_update")[-1].status == ("completed" if acted else "failed")


async def test_what_was_allowed_for_the_conversation_is_not_asked_again_and_holds_nowhere_else(place):
    there = await place([chat(act("now")), chat(act("now")), chat(Text(text="Done"))] * 2)
    editor = await there.editor()
    first, second = await there.begin(editor), await there.begin(editor)

    async def decide(request):
        return "session"

    editor.decide = decide
    await editor.say(first, "Act")
    assert [request["session"] for request in editor.requests] == [first]
    await editor.say(second, "Act")
    assert [request["session"] for request in editor.requests] == [first, second]


async def test_two_conversations_asked_at_once_get_their_own_answers(place):
    def script(request):
        messages = request.json["messages"]
        said = next(message["content"] for message in messages if message["role"] == "user")
        if messages[-1]["role"] == "tool":
            return chat(Text(text=f"{said}: {messages[-1]['content']}"))(request)
        return chat(act(said, "same_id"))(request)

    there = await place(script)
    editor = await there.editor()
    north, south = await there.begin(editor), await there.begin(editor)
    answers = {north: asyncio.Event(), south: asyncio.Event()}

    async def decide(request):
        await answers[request["session"]].wait()
        return "once" if request["session"] == south else "deny"

    editor.decide = decide
    going = [asyncio.create_task(editor.say(north, "north")), asyncio.create_task(editor.say(south, "south"))]
    await editor.until(lambda: len(editor.requests) == 2)
    assert {request["session"]: request["call"].raw_input["text"] for request in editor.requests} == {
        north: "north",
        south: "south",
    }
    answers[south].set()
    await going[1]
    assert not going[0].done()
    answers[north].set()
    await going[0]
    assert "acted on south" in editor.text(south)
    assert "acted on" not in editor.text(north)
    assert "denied" in editor.text(north).lower()


async def test_silence_is_no_and_a_late_answer_changes_nothing(place):
    there = await place([chat(act("now")), chat(Text(text="Done")), chat(Text(text="Still here"))])
    there.settings["approvals"] = {"timeout": 0.3}
    editor = await there.editor()
    session = await there.begin(editor)
    late = asyncio.Event()
    withdrawn = []

    def watch(event):
        if event.message.get("method") == "$/cancel_request":
            withdrawn.append(event.message["params"]["requestId"])

    editor.agent._conn.add_observer(watch)

    async def decide(request):
        await late.wait()
        return "always"

    editor.decide = decide
    await editor.say(session, "Act")
    assert "nobody answered in time" in last_result(there)
    assert len(withdrawn) == 1
    late.set()
    assert (await editor.say(session, "And now?")).stop_reason == "end_turn"
    assert not (there.home / "approvals.json").exists()


async def test_cancelling_while_a_person_is_asked_ends_the_turn(place):
    there = await place([chat(act("now"))])
    editor = await there.editor()
    session = await there.begin(editor)

    async def decide(request):
        await asyncio.Event().wait()

    editor.decide = decide
    answering = asyncio.create_task(editor.say(session, "Act"))
    await editor.until(lambda: editor.requests)
    began = time.monotonic()
    await editor.agent.cancel(session_id=session)
    assert (await answering).stop_reason == "cancelled"
    assert time.monotonic() - began < 1.0


async def test_an_editor_that_goes_away_while_it_is_asked_has_not_agreed(place):
    there = await place([chat(act("now"))])
    editor = await there.process_editor()
    session = await there.begin(editor)

    async def decide(request):
        await asyncio.Event().wait()

    editor.decide = decide
    answering = asyncio.create_task(editor.say(session, "Act"))
    await editor.until(lambda: editor.requests)
    editor.process.stdin.close()
    assert await asyncio.wait_for(editor.process.wait(), 10) == 0
    answering.cancel()
    (log,) = (there.home / "sessions").rglob(f"*{session}*.jsonl")
    lines = log.read_text(encoding="utf-8")
    assert "acted on" not in lines
    assert "tool_started" not in lines


async def test_an_edit_elsewhere_is_shown_as_a_difference_before_it_is_made(place, tmp_path):
    target = tmp_path / "elsewhere.txt"
    target.write_text("old\n", encoding="utf-8")
    write = ToolCall(id="w", name="patch", arguments={"path": str(target), "old_string": "old", "new_string": "new"})
    there = await place([chat(write), chat(Text(text="Done"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "Write")
    (request,) = editor.requests
    difference = request["call"].content[0]
    assert (difference.path, difference.old_text, difference.new_text) == (str(target), "old", "new")
    assert target.read_text(encoding="utf-8") == "old\n"


async def test_a_subagents_call_is_asked_about_in_its_leaders_conversation_and_under_its_mode(place):
    def script(request):
        messages = request.json["messages"]
        said = next(message["content"] for message in messages if message["role"] == "user")
        if messages[-1]["role"] == "tool":
            return chat(Text(text=f"heard: {messages[-1]['content']}"))(request)
        if said == "Delegate":
            return chat(ToolCall(id="d", name="helper", arguments={"text": "do it"}))(request)
        return chat(act("below"))(request)

    there = await place(script)
    editor = await there.editor()
    session = await there.begin(editor)

    async def decide(request):
        return "once"

    editor.decide = decide
    await editor.say(session, "Delegate")
    (request,) = editor.requests
    assert request["session"] == session
    assert request["call"].tool_call_id.endswith(".call_1")
    shown = editor.of(session, "tool_call")
    assert request["call"].tool_call_id in [update.tool_call_id for update in shown]
    assert "acted on below" in editor.text(session)
    await editor.until(
        lambda: [
            update
            for update in editor.of(session, "tool_call_update")
            if update.tool_call_id == request["call"].tool_call_id and update.status == "completed"
        ]
    )
    await editor.agent.set_session_mode(session_id=session, mode_id="read_only")
    await editor.say(session, "Delegate")
    assert len(editor.requests) == 1
    assert "read-only mode" in str(there.server.requests[-2].json["messages"][-1])


# ------------------------------------------------------------------------------------------------------------- modes


async def test_the_mode_that_asks_every_time_asks_before_an_edit_in_the_folder(place):
    write = ToolCall(id="w", name="write_file", arguments={"path": "new.txt", "content": "hello\n"})
    there = await place([chat(write), chat(Text(text="One")), chat(write), chat(Text(text="Two"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.agent.set_session_mode(session_id=session, mode_id="ask")
    await editor.say(session, "Write")
    (request,) = editor.requests
    assert request["options"] == ["once", "deny"]
    assert request["call"].content[0].new_text == "hello\n"
    assert not (there.project / "new.txt").exists()
    await editor.agent.set_session_mode(session_id=session, mode_id="default")
    await editor.say(session, "Write")
    assert len(editor.requests) == 1
    assert (there.project / "new.txt").exists()


async def test_the_mode_that_only_reads_refuses_without_asking(place):
    write = ToolCall(id="w", name="write_file", arguments={"path": "new.txt", "content": "hello\n"})
    there = await place([chat(write, act("now", "a")), chat(Text(text="Done"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.agent.set_config_option(session_id=session, config_id="mode", value="read_only")
    (told,) = editor.of(session, "current_mode_update")
    assert told.current_mode_id == "read_only"
    await editor.say(session, "Write and act")
    assert editor.requests == []
    assert not (there.project / "new.txt").exists()
    results = [
        message["content"] for message in there.server.requests[-1].json["messages"] if message["role"] == "tool"
    ]
    assert all("read-only mode" in text for text in results)


async def test_bypassing_is_offered_only_where_it_was_allowed_and_is_not_brought_back_by_loading(place):
    there = await place([chat(act("now")), chat(Text(text="Done"))])
    editor = await there.editor()
    opened = await editor.agent.new_session(cwd=str(there.project), mcp_servers=[])
    assert [mode.id for mode in opened.modes.available_modes] == ["default", "ask", "read_only"]
    with pytest.raises(RequestError, match="no mode 'bypass'"):
        await editor.agent.set_session_mode(session_id=opened.session_id, mode_id="bypass")
    there.settings["acp"] = {"allow_bypass": True}
    other = await there.editor()
    session = await there.begin(other)
    await other.agent.set_session_mode(session_id=session, mode_id="bypass")
    await other.say(session, "Act")
    assert other.requests == []
    assert "acted on now" in last_result(there)
    await other.agent.close_session(session_id=session)
    loaded = await other.agent.load_session(session_id=session, cwd=str(there.project), mcp_servers=[])
    assert loaded.modes.current_mode_id == "default"


# --------------------------------------------------------------------------------------------------------- questions


async def test_a_question_with_choices_is_asked_with_buttons(place):
    there = await place([chat(ToolCall(id="q", name="question", arguments={"text": ""})), chat(Text(text="Done"))])
    editor = await there.editor()
    session = await there.begin(editor)

    async def decide(request):
        return request["options"][1]

    editor.decide = decide
    await editor.say(session, "Ask me")
    assert editor.requests[0]["call"].title == "Which colour?"
    assert last_result(there) == "answer: blue"


async def test_a_question_is_a_form_where_the_editor_has_forms(place):
    there = await place([chat(ToolCall(id="q", name="question", arguments={"text": ""})), chat(Text(text="Done"))])
    forms = ClientCapabilities.model_validate({"elicitation": {"form": {}}})
    asked = []

    async def create_elicitation(message, mode, **_):
        asked.append((message, list(mode.requested_schema.properties)))
        return AcceptElicitationResponse(action="accept", content={"answer": "green"})

    editor = await there.editor(capabilities=forms, create_elicitation=create_elicitation)
    session = await there.begin(editor)
    await editor.say(session, "Ask me")
    assert asked == [("Which colour?", ["choice", "answer"])]
    assert last_result(there) == "answer: green"
