"""The provider in a real host, with tools that play what they are told to."""

import json

import pytest
from hermes_offline.provider import OfflineProvider

from hermes_host.errors import ToolError
from hermes_host.events import Notice, ToolStarted
from hermes_host.messages import ToolCall, ToolResult, Unknown, assistant_message, tool_message, user_message
from hermes_host.protocols import ModelRequest, ToolDefinition
from hermes_host.testing.hosts import StandInHost, events_of, finished
from hermes_host.testing.providers import check_stream

FILES = {
    "README.md": "# A quiet place\n\nWords about testing.\n\n## Install\n\nNo testing here.\n",
    "empty.txt": "",
    "code.py": '#!/bin/sh\n# not a heading\nprint("x")\n',
}


@pytest.fixture
async def host(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["offline"]) as host:
        yield host


@pytest.fixture
def tools(host):
    """Tools with the names of the usual ones."""

    @host.tool
    async def search_files(pattern: str, target: str = "content", path: str = ".") -> str:
        """Find."""
        return "a.txt\nREADME.md\n" if target == "files" else f"README.md:3:{pattern}"

    @host.tool
    async def read_file(path: str, offset: int = 1, limit: int = 500) -> str:
        """Read."""
        if path not in FILES:
            raise ToolError(f"There is no file {path}.")
        lines = FILES[path].splitlines()
        numbered = "".join(f"{number}|{line}\n" for number, line in enumerate(lines, 1))
        return f"{numbered}[{len(lines)} lines]" if lines else f"[{path} is empty]"


async def turn(session, text):
    """The calls and the answer of one turn."""
    events = await events_of(session.run(text))
    calls = [(event.name, event.arguments) for event in events if isinstance(event, ToolStarted)]
    end = finished(events)
    assert end.outcome == "completed", end.error
    return calls, end.text


async def test_steps_are_done_in_order_and_answered_from_their_results(host, tools):
    session = await host.start()
    calls, text = await turn(session, "list the files here, then read README.md and tell me its title")
    assert calls == [
        ("search_files", {"pattern": "*", "target": "files", "path": "."}),
        ("read_file", {"path": "README.md", "limit": 2000}),
    ]
    assert "`a.txt`, `README.md`" in text
    assert "The title of `README.md` is “A quiet place”." in text
    assert session.model == "offline:imperatives"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("tell me the title of README.md", "“A quiet place”"),
        ("how many lines does README.md have?", "has 7 lines"),
        ("count the words in README.md", "has 12 words"),
        ("what is the first line of README.md", "“# A quiet place”"),
        ("show me the last 2 lines of README.md", "```\n\nNo testing here.\n```"),
        ("what does README.md say about testing?", "2 lines of `README.md` mention “testing”"),
        ("what does README.md say about cats?", "does not mention “cats”"),
        ("tell me the headings of README.md", "- A quiet place\n- Install"),
        ("what is the title of code.py", "“not a heading”"),
        ("read empty.txt", "`empty.txt` is empty."),
        ("tell me the title of empty.txt", "`empty.txt` is empty."),
        ("summarise README.md", "takes a language model"),
        ("read README.md", "# A quiet place\n\nWords about testing."),
    ],
)
async def test_questions_about_a_file_are_answered_from_it(host, tools, question, answer):
    calls, text = await turn(await host.start(), question)
    assert len(calls) == 1
    assert answer in text


async def test_it_means_the_file_last_spoken_of_also_in_a_resumed_conversation(host, tools):
    session = await host.start()
    await turn(session, "read README.md")
    calls, text = await turn(session, "how many lines does it have?")
    assert (calls, text) == ([("read_file", {"path": "README.md", "limit": 2000})], "`README.md` has 7 lines.")
    await session.close()
    again = await host.resume(session.id)
    assert "A quiet place" in (await turn(again, "tell me its title"))[1]
    ids = [call.id for message in again.messages for call in message.tool_calls]
    assert len(ids) == len(set(ids)) == 3


async def test_it_without_a_file_is_asked_about(host, tools):
    calls, text = await turn(await host.start(), "tell me its title")
    assert calls == []
    assert "which file" in text


async def test_a_failed_tool_is_reported_and_stops_the_rest(host, tools):
    calls, text = await turn(
        await host.start(), "read README.md and tell me its title, then read nothing.txt, then list the files"
    )
    assert [name for name, _ in calls] == ["read_file", "read_file"]
    assert "A quiet place" in text
    assert "There is no file nothing.txt." in text
    assert "Not done: “list the files”" in text


async def test_one_step_that_is_not_understood_stops_everything_before_it_begins(host, tools):
    calls, text = await turn(await host.start(), "list the files, then make me a sandwich")
    assert calls == []
    assert "“make me a sandwich”" in text
    assert "not a language model" in text
    assert "hermes model set" in text


async def test_a_missing_tool_is_named_with_the_plugin_that_brings_it(host, tools):
    calls, text = await turn(await host.start(), "list the files here, then run make")
    assert calls == []
    assert "`terminal`" in text
    assert "pip install hermes-terminal" in text


async def test_it_says_once_that_it_is_no_language_model(host, tools):
    session = await host.start()
    notices = [
        [event.text for event in await events_of(session.run(text)) if isinstance(event, Notice)]
        for text in ("list the files here", "hello again")
    ]
    assert len(notices[0]) == 1
    assert "not a language model" in notices[0][0]
    assert notices[1] == []


async def test_any_tool_can_be_called_with_json(host, tools):
    @host.tool
    async def add(first: int, second: int) -> dict[str, int]:
        """Add two numbers. They are integers."""
        return {"sum": first + second}

    session = await host.start()
    calls, text = await turn(session, 'call add {"first": 2, "second": 3}')
    assert calls == [("add", {"first": 2, "second": 3})]
    assert '{"sum":5}' in text.replace(" ", "")
    assert "not valid JSON" in (await turn(session, 'call add {"first": }'))[1]
    assert "JSON object" in (await turn(session, "call add [1]"))[1]
    assert "no tool `subtract`" in (await turn(session, "call subtract {}"))[1]
    calls, text = await turn(session, "what tools do you have?")
    assert calls == []
    assert "- `add`: Add two numbers." in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("help", "search for TODO in src"),
        ("hello", "Hello."),
        ("thanks", "welcome"),
        ("who are you?", "not a language model"),
        ("...", "I understand sentences like these"),
    ],
)
async def test_small_talk_needs_no_tool(host, text, words):
    calls, answer = await turn(await host.start(), text)
    assert calls == []
    assert words in answer


async def test_two_equal_commands_are_two_calls_with_two_results(host):
    count = 0

    @host.tool
    async def terminal(command: str) -> dict[str, object]:
        """Run."""
        nonlocal count
        count += 1
        return {"output": f"run {count}: {command}\n", "exit_code": 0}

    calls, text = await turn(await host.start(), "run `date`, then run `date`")
    assert len(calls) == 2
    assert "run 1: date" in text
    assert "run 2: date" in text


@pytest.mark.parametrize("said", ["oops\n[exit 3: because]", '{"output": "oops", "exit_code": 3, "error": null}'])
async def test_a_command_that_fails_stops_the_rest(host, said):
    @host.tool
    async def terminal(command: str) -> str:
        """Run."""
        return said

    calls, text = await turn(await host.start(), "run `false`, then run `date`")
    assert calls == [("terminal", {"command": "false"})]
    assert "oops" in text
    assert "Not done: “run `date`”" in text


async def test_names_with_quotes_cannot_become_commands(host):
    @host.tool
    async def terminal(command: str) -> str:
        """Run."""
        return command

    calls, _ = await turn(await host.start(), 'list the files in "$(reboot)\'; x"')
    assert calls == [("terminal", {"command": "ls -p -- '$(reboot)'\"'\"'; x'"})]


async def test_a_message_sent_meanwhile_replaces_what_was_left_to_do(host, tools):
    @host.tool
    async def look_around() -> str:
        """Look around."""
        session.steer("tell me the title of README.md")
        return "done"

    session = await host.start()
    calls, text = await turn(session, "call look_around, then read code.py, then read README.md")
    assert calls == [("look_around", {}), ("read_file", {"path": "README.md", "limit": 2000})]
    assert text == "The title of `README.md` is “A quiet place”."


# --------------------------------------------------------------------------------------------------- without a host


def request(*messages, tools=("read_file",)):
    definitions = tuple(ToolDefinition(name=name, summary="", parameters={}) for name in tools)
    return ModelRequest(model="imperatives", messages=messages, tools=definitions)


@pytest.mark.parametrize("text", ["help", "read x", "hello", "nonsense", 'write "ü\n\n 🙂" to x', ""])
async def test_every_answer_keeps_to_the_grammar_of_streams(text):
    ended = await check_stream(OfflineProvider(servers=()).stream(request(user_message(text), tools=("read_file",))))
    assert ended.stop_reason == ("tool_calls" if text == "read x" else "end")


async def test_the_same_request_gives_the_same_answer():
    asked = request(user_message("read x"))
    first, second = [await check_stream(OfflineProvider(servers=()).stream(asked)) for _ in range(2)]
    assert first == second


async def test_parts_of_a_newer_host_are_passed_over():
    unknown = Unknown(data={"type": "hologram"})
    call = ToolCall(id="other", name="read_file", arguments={"path": "x"})
    result = ToolResult(call_id="other", name="read_file", content=(unknown,))
    asked = user_message("hello", unknown)
    ended = await check_stream(
        OfflineProvider(servers=()).stream(request(assistant_message(unknown, call), tool_message(result), asked))
    )
    assert ended.message.text.startswith("Hello.")


async def test_it_offers_one_model_and_holds_nothing():
    provider = OfflineProvider(servers=())
    assert [model.id for model in await provider.models()] == ["imperatives"]
    await provider.aclose()
    await provider.aclose()


async def test_ids_stay_unique_when_the_conversation_was_shortened():
    old = ToolCall(id="offline_2_1", name="read_file", arguments={"path": "x"})
    result = ToolResult(call_id=old.id, name="read_file")
    history = (user_message("summary of before"), assistant_message(old), tool_message(result))
    ended = await check_stream(OfflineProvider(servers=()).stream(request(*history, user_message("read y"))))
    (call,) = ended.message.tool_calls
    assert call.id == "offline_3_1"
    assert json.loads(call.raw) == call.arguments == {"path": "y", "limit": 2000}
