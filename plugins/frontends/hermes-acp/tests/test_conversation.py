"""Prompts and what editors see of them."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest
from acp import RequestError, embedded_text_resource, image_block, resource_block, resource_link_block
from acp.schema import AudioContentBlock

from hermes_host.messages import Reasoning, Text, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import Pause
from hermes_host.testing.model_server_chat import chat, chunk, events, failure

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not really").decode()


def call(name: str, identity: str = "call_1", **arguments: object) -> ToolCall:
    return ToolCall(id=identity, name=name, arguments=arguments)


async def test_text_and_thoughts_are_streamed_in_pieces_and_usage_is_told(place):
    answer = chat(Reasoning(text="let me think"), Text(text="one two three four"), usage=Usage(input=90, output=10))
    there = await place([answer])
    editor = await there.editor()
    session = await there.begin(editor)
    result = await editor.say(session, "Count")
    assert result.stop_reason == "end_turn"
    assert editor.text(session) == "one two three four"
    assert editor.text(session, "agent_thought_chunk") == "let me think"
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.total_tokens) == (90, 10, 100)
    titles = [update.title for update in editor.of(session, "session_info_update")]
    assert titles == ["Count"]


async def test_an_answer_reaches_the_editor_before_it_is_complete(place):

    there = await place([events(chunk({"content": "first"}), Pause.HOLD, chunk({"content": " second"}, finish="stop"))])
    editor = await there.editor()
    session = await there.begin(editor)
    answering = asyncio.create_task(editor.say(session, "Go"))
    await editor.until(lambda: editor.text(session) == "first")
    assert not answering.done()
    there.server.release()
    await answering
    assert editor.text(session) == "first second"


async def test_parallel_calls_of_one_tool_keep_their_own_ids_and_results(place):
    there = await place(
        [chat(call("echo", "a", text="slow"), call("echo", "b", text="quick")), chat(Text(text="Done"))]
    )
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "Echo twice")
    begun = editor.of(session, "tool_call")
    assert [(update.tool_call_id, update.raw_input) for update in begun] == [
        ("a", {"text": "slow"}),
        ("b", {"text": "quick"}),
    ]
    ended = {u.tool_call_id: u for u in editor.of(session, "tool_call_update") if u.status == "completed"}
    assert list(ended) == ["b", "a"]
    assert ended["a"].raw_output["text"] == "echo slow"
    assert ended["b"].raw_output["text"] == "echo quick"


async def test_an_id_the_model_uses_again_is_another_call(place):
    there = await place([chat(call("echo", text="1")), chat(call("echo", text="2")), chat(Text(text="Done"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "Echo twice")
    assert [update.tool_call_id for update in editor.of(session, "tool_call")] == ["call_1", "call_1#2"]
    ended = [u for u in editor.of(session, "tool_call_update") if u.status == "completed"]
    assert [(u.tool_call_id, u.raw_output["text"]) for u in ended] == [("call_1", "echo 1"), ("call_1#2", "echo 2")]


async def test_an_edit_is_shown_with_kind_place_and_difference(place):
    there = await place(
        [
            chat(call("read_file", "r", path="poem.txt")),
            chat(call("patch", "p", path="poem.txt", old_string="is red", new_string="is blue")),
            chat(Text(text="Done")),
        ]
    )
    (there.project / "poem.txt").write_text("roses\nthe sky is red\nend\n", encoding="utf-8")
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "Correct the poem")
    read, patch = editor.of(session, "tool_call")
    assert (read.kind, patch.kind) == ("read", "edit")
    assert read.locations[0].path == str(there.project / "poem.txt")
    (end,) = [u for u in editor.of(session, "tool_call_update") if u.tool_call_id == "p" and u.status == "completed"]
    (difference,) = end.content
    assert difference.path == str(there.project / "poem.txt")
    assert difference.old_text == "roses\nthe sky is red\nend\n"
    assert difference.new_text == "roses\nthe sky is blue\nend\n"
    assert end.locations[0].path == difference.path


async def test_the_todo_list_is_shown_as_a_plan(place):
    todos = [
        {"id": "1", "content": "look", "status": "completed"},
        {"id": "2", "content": "act", "status": "in_progress"},
        {"id": "3", "content": "never", "status": "cancelled"},
    ]
    there = await place([chat(call("todo", todos=todos)), chat(Text(text="Planned"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "Plan")
    (plan,) = editor.of(session, "plan")
    assert [(entry.content, entry.status) for entry in plan.entries] == [("look", "completed"), ("act", "in_progress")]


async def test_images_links_and_embedded_files_reach_the_model(place):
    there = await place([chat(Text(text="Seen"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(
        session,
        "Compare ",
        resource_link_block("a.py", "file:///project/a.py"),
        " with this ",
        resource_block(embedded_text_resource("file:///project/b.py", "unsaved = True")),
        image_block(PIXEL, "image/png"),
    )
    content = there.server.requests[0].json["messages"][-1]["content"]
    text = "".join(part["text"] for part in content if part["type"] == "text")
    assert "Compare [a.py](file:///project/a.py) with this [b.py](file:///project/b.py)" in text
    assert "unsaved = True" in text
    assert [part["image_url"]["url"] for part in content if part["type"] == "image_url"] == [
        f"data:image/png;base64,{PIXEL}"
    ]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (image_block("***", "image/png"), "base64"),
        (image_block(PIXEL, "text/plain"), "type 'text/plain'"),
        ({"type": "audio", "data": PIXEL, "mimeType": "audio/wav"}, "audio cannot be sent"),
    ],
)
async def test_a_block_that_cannot_be_sent_is_refused_and_nothing_is_stored(place, block, said):
    there = await place([])
    editor = await there.editor()
    session = await there.begin(editor)

    block = AudioContentBlock.model_validate(block) if isinstance(block, dict) else block
    with pytest.raises(RequestError, match=said):
        await editor.say(session, "Look", block)
    assert there.server.requests == []


async def test_cancelling_ends_a_hanging_tool_within_a_second(place):
    there = await place([chat(call("hang")), chat(Text(text="Again here"))])
    editor = await there.editor()
    session = await there.begin(editor)
    answering = asyncio.create_task(editor.say(session, "Hang"))
    await editor.until(lambda: [u for u in editor.of(session, "tool_call_update") if u.status == "in_progress"])
    began = time.monotonic()
    await editor.agent.cancel(session_id=session)
    result = await answering
    assert time.monotonic() - began < 1.0
    assert result.stop_reason == "cancelled"
    assert editor.of(session, "tool_call_update")[-1].status == "failed"
    assert (await editor.say(session, "Are you there?")).stop_reason == "end_turn"


async def test_cancelling_ends_a_silent_model_within_a_second(place):

    there = await place([events(Pause.HOLD)])
    editor = await there.editor()
    session = await there.begin(editor)
    answering = asyncio.create_task(editor.say(session, "Hello?"))
    await there.server.holds(1)
    began = time.monotonic()
    await editor.agent.cancel(session_id=session)
    assert (await answering).stop_reason == "cancelled"
    assert time.monotonic() - began < 1.0


async def test_a_second_prompt_is_refused_while_one_is_answered_but_commands_may_run_beside(place):
    there = await place([chat(call("hang"))])
    editor = await there.editor()
    session = await there.begin(editor)
    answering = asyncio.create_task(editor.say(session, "Hang"))
    await editor.until(lambda: editor.of(session, "tool_call"))
    with pytest.raises(RequestError, match="being answered in this conversation already"):
        await editor.say(session, "Another")
    assert (await editor.say(session, "/greet Ada")).stop_reason == "end_turn"
    assert "Hello Ada" in editor.text(session)
    await editor.say(session, "/stop")
    assert (await answering).stop_reason == "cancelled"


async def test_a_failing_model_is_an_error_one_can_read_and_a_wrong_key_asks_to_sign_in(place):

    there = await place([failure(400, "no such knob"), failure(401, "bad key")])
    editor = await there.editor()
    session = await there.begin(editor)
    with pytest.raises(RequestError, match="no such knob"):
        await editor.say(session, "Try")
    with pytest.raises(RequestError) as refused:
        await editor.say(session, "Try")
    assert refused.value.code == -32000


async def test_slash_commands_are_announced_run_and_may_send_a_prompt(place):
    there = await place([chat(Text(text="Answered"))])
    editor = await there.editor()
    session = await there.begin(editor)
    (announced,) = await editor.until(lambda: editor.of(session, "available_commands_update"))
    commands = {command.name: command for command in announced.available_commands}
    assert commands["greet"].description == "Greet."
    assert commands["greet"].input.root.hint == "[name]"
    assert not {"quit", "new", "resume"} & set(commands)
    assert (await editor.say(session, "/greet")).stop_reason == "end_turn"
    assert editor.text(session) == "Hello you"
    await editor.say(session, "/gret")
    assert "There is no command `/gret`. Did you mean 'greet'" in editor.text(session)
    await editor.say(session, "/resend the question")
    assert editor.text(session).endswith("Answered")
    assert there.server.requests[-1].json["messages"][-1]["content"] == "the question"


async def test_a_doubled_slash_is_a_message(place):
    there = await place([chat(Text(text="Yes"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, "//greet is a command")
    assert there.server.requests[-1].json["messages"][-1]["content"] == "/greet is a command"
