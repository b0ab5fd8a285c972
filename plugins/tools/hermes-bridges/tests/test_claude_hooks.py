"""Command hooks of Claude Code plugins: real processes around real turns."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import sys
from pathlib import Path

import pytest
from hermes_bridges.bundle import CommandHook
from hermes_bridges.hook_answer import read_answer
from hermes_bridges.hook_process import Ended, run_hook
from hermes_bridges.tool_names import fits, known_as

from hermes_host.events import Notice, ToolFinished
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import finished


def notices(events):
    return [event.text for event in events if isinstance(event, Notice)]


@pytest.fixture
def kit(make, hermes):
    """A trusted plugin whose hooks are `{event: command or hook}`; `{python}` is this Python."""

    def kit(name="kit", matcher="", files=None, **hooks):
        document = {}
        for event, hook in hooks.items():
            hook = hook if isinstance(hook, dict) else {"command": hook}
            document[event] = [{"matcher": matcher, "hooks": [{"type": "command", **hook}]}]
        every = {
            ".claude-plugin/plugin.json": json.dumps({"name": name}),
            "hooks/hooks.json": json.dumps({"hooks": document}),
            **(files or {}),
        }
        folder = make(name, every)
        hermes("add", folder, "--yes")
        return folder

    return kit


def says(**output):
    return f"echo '{json.dumps(output)}'"


def decides(decision, **more):
    return says(hookSpecificOutput={"hookEventName": "PreToolUse", "permissionDecision": decision, **more})


async def test_a_guard_refuses_by_exit_code_and_sees_what_it_was_made_for(
    hermes, make, talk, words, log_of, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234567890")
    hermes("add", make("review-kit"), "--yes")
    chat = await talk("once")
    refused = await chat.call("write_file", path="secret.txt", text="x")
    assert refused.is_error
    assert words(refused) == (
        "Error: Denied by policy: review-kit: secret.txt is nobody's business Do not try to get around it."
    )
    assert chat.approver.requests == []
    assert words(await chat.call("write_file", path="notes.txt")) == "wrote notes.txt"
    assert len(chat.approver.requests) == 1
    first, second = log_of("review-kit")
    assert first["told"]["hook_event_name"] == "PreToolUse"
    assert first["told"]["tool_name"] == "Write"
    assert first["told"]["tool_input"] == {"file_path": str(Path(chat.session.context.directory) / "secret.txt")}
    assert first["told"]["cwd"] == chat.session.context.directory
    assert first["told"]["session_id"] == chat.session.id
    assert second["told"]["tool_input"]["file_path"].endswith("/notes.txt")
    assert "OPENAI_API_KEY" not in first["environment"]
    assert {"PATH", "CLAUDE_PLUGIN_ROOT", "CLAUDE_PROJECT_DIR"} <= set(first["environment"])


async def test_a_matcher_keeps_other_tools_out(hermes, make, talk, words, log_of):
    hermes("add", make("review-kit"), "--yes")
    chat = await talk()
    assert words(await chat.call("peek", path="secret.txt")) == "saw secret.txt"
    assert log_of("review-kit") == []


async def test_allow_is_no_opinion_and_ask_asks(kit, talk, words):
    kit(PreToolUse=decides("allow"))
    chat = await talk("deny")
    assert "The user denied this call" in words(await chat.call("write_file", path="a"))
    assert len(chat.approver.requests) == 1
    kit("second", PreToolUse=decides("ask", permissionDecisionReason="Sure?"))
    chat = await talk("once")
    assert words(await chat.call("peek", path="a")) == "saw a"
    assert chat.approver.requests[0].reason == "second: Sure?"


@pytest.mark.parametrize(
    "command",
    [
        decides("deny", permissionDecisionReason="No way."),
        says(decision="block", reason="No way."),
        says(**{"continue": False, "stopReason": "No way."}),
        "echo 'No way.' >&2; exit 2",
    ],
    ids=["deny", "block", "stop", "exit code"],
)
async def test_every_way_to_refuse_refuses_even_with_yolo(kit, talk, words, command):
    kit(PreToolUse=command)
    kit("other", PreToolUse=decides("allow"))
    chat = await talk(yolo=True)
    assert "Denied by policy: kit: No way." in words(await chat.call("peek", path="a"))


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("exit 1", "it ended with code 1"),
        ("echo '{broken'", "its answer is broken JSON"),
        ("kill -9 $$", "it was ended by the signal 9"),
        ({"command": "/no/such/program", "args": []}, "it cannot be started"),
        ({"command": "sleep 30", "timeout": 0.2}, "it did not end within 0.2 s"),
        (decides("maybe"), "its decision 'maybe' is not known"),
    ],
    ids=["code", "json", "signal", "missing", "slow", "unknown"],
)
async def test_a_guard_that_fails_makes_the_call_ask(kit, talk, words, hook, said):
    kit(PreToolUse=hook)
    chat = await talk("once")
    assert words(await chat.call("peek", path="a")) == "saw a"
    assert f"A hook of kit that guards this failed: {said}" in chat.approver.requests[0].reason
    chat = await talk(attended=False)
    assert "nobody can be asked" in words(await chat.call("peek", path="a"))


async def test_failures_can_be_left_out_of_account(kit, talk, words, home):
    (home / "config.yaml").write_text("bridges: {hook_failures: ignore}\n", encoding="utf-8")
    kit(PreToolUse="exit 1")
    chat = await talk(attended=False)
    assert words(await chat.call("peek", path="a")) == "saw a"


async def test_a_slow_guard_is_waited_for_before_the_call_runs(kit, talk, words, monkeypatch, tmp_path):
    monkeypatch.setattr("hermes_bridges.claude_hooks.ANSWER_WITHIN", 0.05)
    (tmp_path / "work").mkdir()
    os.mkfifo(tmp_path / "work/gate")
    slow = "cat gate > /dev/null; "
    kit(PreToolUse=slow + "echo 'too late' >&2; exit 2")
    chat = await talk()
    work = asyncio.create_task(chat.call("peek", path="a"))
    opened = asyncio.create_task(asyncio.to_thread((tmp_path / "work/gate").write_text, "go", encoding="utf-8"))
    assert "Denied by policy: kit: too late" in words(await work)
    await opened


async def test_a_guard_that_says_no_while_the_person_still_thinks_is_heard(kit, talk, words, monkeypatch, tmp_path):
    monkeypatch.setattr("hermes_bridges.claude_hooks.ANSWER_WITHIN", 0.01)
    (tmp_path / "work").mkdir()
    os.mkfifo(tmp_path / "work/gate")
    kit(PreToolUse="cat gate > /dev/null; echo 'not that' >&2; exit 2")

    async def person(request):
        os.close(await asyncio.to_thread(os.open, tmp_path / "work/gate", os.O_WRONLY))
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "bridge hooks"))
        return "once"

    chat = await talk(person)
    assert "Denied by policy: kit: not that" in words(await chat.call("write_file", path="a"))
    assert len(chat.approver.requests) == 1


async def test_a_call_that_has_the_id_of_an_earlier_one_is_judged_anew(kit, talk, words):
    kit(PreToolUse="if [ -e seen ]; then echo 'only once' >&2; exit 2; fi; touch seen")
    chat = await talk()
    again = assistant_message(ToolCall(id="call_0", name="peek", arguments={"path": "a"}))
    first = await chat.turn("go", again, "done")
    second = await chat.turn("go", again, "done")
    assert [words(event.result) for event in first if isinstance(event, ToolFinished)] == ["saw a"]
    assert "only once" in "".join(words(event.result) for event in second if isinstance(event, ToolFinished))


async def test_a_slow_guard_that_wants_a_question_too_late_is_a_no(kit, talk, words, monkeypatch):
    monkeypatch.setattr("hermes_bridges.claude_hooks.ANSWER_WITHIN", 0.01)
    kit(PreToolUse="sleep 0.3; " + decides("ask", permissionDecisionReason="Hm."))
    chat = await talk()
    assert "Hm. (It wants a person to be asked, but said so too late" in words(await chat.call("peek", path="a"))


async def test_a_guard_that_was_changed_makes_every_call_ask(hermes, make, talk, words, log_of):
    folder = make("review-kit")
    hermes("add", folder, "--yes")
    chat = await talk("deny", "once")
    await chat.turn("hello")
    (folder / "guard.py").write_text("print('{}')", encoding="utf-8")
    assert (await chat.call("write_file", path="secret.txt")).is_error
    assert words(await chat.call("peek", path="a")) == "saw a"
    assert "guards tool calls and is off: its files were changed" in chat.approver.requests[0].reason
    assert chat.approver.requests[1].choices == ("once", "deny")
    assert log_of("review-kit") == []
    hermes("remove", "review-kit")
    assert words(await chat.call("peek", path="a")) == "saw a"
    assert len(chat.approver.requests) == 2


async def test_what_a_hook_says_after_a_call_stands_behind_its_result(kit, talk, words):
    check = f"{sys.executable} ${{CLAUDE_PLUGIN_ROOT}}/check.py"
    code = (
        "import json, sys\ntold = json.load(sys.stdin)\n"
        "print(json.dumps({'decision': 'block', 'reason': told['tool_response']['output'].upper()}))\n"
    )
    kit(PostToolUse=check, files={"check.py": code})
    chat = await talk()
    result = await chat.call("peek", path="a")
    assert words(result) == "saw a\n\n[kit: SAW A]"
    assert not result.is_error


async def test_a_hook_refuses_a_message_or_adds_to_it(kit, talk):
    code = (
        "import json, sys\nprompt = json.load(sys.stdin)['prompt']\n"
        "if 'password' in prompt:\n    print('No passwords here.', file=sys.stderr)\n    sys.exit(2)\n"
        "print('It is a Tuesday.')\n"
    )
    kit(UserPromptSubmit=f"{sys.executable} ${{CLAUDE_PLUGIN_ROOT}}/prompt.py", files={"prompt.py": code})
    chat = await talk()
    with pytest.raises(Exception, match="The bridge 'kit' refused the message: No passwords here."):
        await chat.turn("my password is x")
    assert len(chat.session.messages) == 0
    chat.provider.steps.clear()
    await chat.turn("which day is it?")
    assert chat.said() == "which day is it?\n\nIt is a Tuesday."
    assert chat.session.messages[0].said == "which day is it?"


async def test_the_beginning_and_the_end_of_a_session_reach_hooks(kit, talk, log_of, home):
    code = (
        "import json, os, sys\ntold = json.load(sys.stdin)\n"
        "with open(os.environ['CLAUDE_PLUGIN_DATA'] + '/log.jsonl', 'a') as log:\n"
        "    log.write(json.dumps([told['hook_event_name'], told.get('source', told.get('reason'))]) + '\\n')\n"
        "print(json.dumps({'hookSpecificOutput': {'additionalContext': 'Be kind.'}, 'systemMessage': 'hi'}))\n"
    )
    command = f"{sys.executable} ${{CLAUDE_PLUGIN_ROOT}}/log.py"
    kit(SessionStart=command, SessionEnd=command, files={"log.py": code})
    chat = await talk()
    events = await chat.turn("hello")
    assert chat.said() == "hello\n\nBe kind."
    assert "kit: hi" in notices(events)
    await chat.turn("again")
    assert chat.said() == "again"
    await chat.session.close("exit")
    chat.session = await chat.host.resume(chat.session.id)
    await chat.turn("back")
    assert chat.said() == "back\n\nBe kind."
    await chat.session.close("exit")
    assert log_of("kit") == [
        ["SessionStart", "startup"], ["SessionEnd", "exit"], ["SessionStart", "resume"], ["SessionEnd", "exit"],
    ]  # fmt: skip


async def test_a_stop_hook_is_heard_but_cannot_go_on(kit, talk):
    kit(Stop=says(decision="block", reason="The tests are red."))
    chat = await talk()
    told = asyncio.get_running_loop().create_future()
    chat.session.listen(lambda notice: told.done() or told.set_result(notice.text))
    assert finished(await chat.turn("hello")).outcome == "completed"
    async with asyncio.timeout(10):
        assert await told == "kit thinks that the work is not done: The tests are red."
    assert len(chat.provider.requests) == 1


async def test_arguments_a_hook_wants_changed_stay_as_they_are(kit, talk, words):
    kit(PreToolUse=decides("allow", updatedInput={"path": "/etc/passwd"}))
    chat = await talk()
    assert words(await chat.call("peek", path="a")) == "saw a"
    assert notices(chat.events) == [
        "A PreToolUse hook of the bridge 'kit' gave updatedInput, which has no effect here."
    ]


async def test_a_hook_ends_with_all_it_started_and_its_output_is_bounded(tmp_path):
    pid = tmp_path / "pid"
    environment = {"PATH": os.environ["PATH"]}
    hook = CommandHook(event="Stop", command=f"sleep 300 & echo $! > {pid}; yes | head -c 3000000; exit 2")
    async with asyncio.timeout(20):
        ended = await run_hook(hook, {}, environment=environment, directory=str(tmp_path), limit=0.5)
    assert "did not end within 0.5 s" in ended.failure  # the child holds its output open
    with contextlib.suppress(ProcessLookupError):
        watched = os.pidfd_open(int(pid.read_text(encoding="utf-8")))
        try:
            assert select.select([watched], [], [], 10)[0], "what the hook started still runs"
        finally:
            os.close(watched)
    loud = CommandHook(event="Stop", command="yes | head -c 3000000")
    ended = await run_hook(loud, {"x": "y" * 500_000}, environment=environment, directory=str(tmp_path), limit=20)
    assert ended.code == 0
    assert len(ended.output) < 300_000


def test_answers_can_only_make_things_stricter():
    def said(event, code, output="", errors=""):
        return read_answer(event, Ended(code=code, output=output, errors=errors))

    assert said("PreToolUse", 0).verdict == "none"
    assert said("PreToolUse", 0, "plain words") == said("PreToolUse", 0)
    assert said("UserPromptSubmit", 0, "plain words").context == "plain words"
    assert said("PreToolUse", 0, '{"decision": "approve"}').verdict == "none"
    assert said("PreToolUse", 2, '{"decision": "approve"}').verdict == "deny"
    both = json.dumps({"decision": "approve", "hookSpecificOutput": {"permissionDecision": "deny"}})
    assert said("PreToolUse", 0, both).verdict == "deny"
    assert said("PreToolUse", 0, "{" * 100_000).failure
    assert said("PreToolUse", 0, '{"hookSpecificOutput": 1, "reason": [1], "systemMessage": 3}').verdict == "none"


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("terminal", {"command": "ls"}, ("Bash", {"command": "ls"})),
        ("read_file", {"path": "a/../b"}, ("Read", {"file_path": "/project/b"})),
        ("patch", {"path": "x", "old_string": "1", "new_string": "2"},
         ("Edit", {"file_path": "/project/x", "old_string": "1", "new_string": "2"})),
        ("search_files", {"pattern": "x", "target": "files"}, ("Glob", {"pattern": "x"})),
        ("web_extract", {"urls": ["https://x"]}, ("WebFetch", {"url": "https://x", "urls": ["https://x"]})),
        ("something", {"a": 1}, ("something", {"a": 1})),
    ],
)  # fmt: skip
def test_tools_have_the_names_and_arguments_hooks_know(tool, arguments, expected):
    assert known_as(tool, arguments, "/project")[0] == expected


def test_a_patch_of_several_files_is_an_edit_of_each():
    text = "*** Begin Patch\n*** Update File: a.py\n@@\n-1\n+2\n*** Add File: b/c.py\n+3\n*** End Patch"
    found = known_as("patch", {"mode": "patch", "patch": text}, "/project")
    assert [arguments["file_path"] for _, arguments in found] == ["/project/a.py", "/project/b/c.py"]


def test_an_mcp_tool_fits_whichever_way_its_name_is_read():
    names = [name for name, _ in known_as("mcp_my_server_read_file", {}, "/")]
    assert "mcp__my_server__read_file" in names
    assert any(fits("mcp__my_server__.*", "", name, {}) for name in names)


@pytest.mark.parametrize(
    ("matcher", "condition", "name", "arguments", "expected"),
    [
        ("", "", "Bash", {}, True),
        ("*", "", "Bash", {}, True),
        ("Write|Edit", "", "Edit", {}, True),
        ("Write, Edit", "", "Edit", {}, True),
        ("Write", "", "WriteMore", {}, False),
        ("^Web.*", "", "WebFetch", {}, True),
        ("(broken", "", "Bash", {}, True),
        ("Bash", "Bash(git push *)", "Bash", {"command": "git push origin"}, True),
        ("Bash", "Bash(git push:*)", "Bash", {"command": "cd x && git push -f"}, True),
        ("Bash", "Bash(git push *)", "Bash", {"command": "echo $(git push x)"}, True),
        ("Bash", "Bash(git push *)", "Bash", {"command": "git pull"}, False),
        ("", "Edit(*.ts)", "Write", {"file_path": "/a/b.ts"}, True),
        ("", "Edit(*.ts)", "Bash", {"command": "x.ts"}, False),
        ("", "!!what", "Bash", {}, True),
    ],
)
def test_a_hook_is_for_the_calls_its_matcher_names(matcher, condition, name, arguments, expected):
    assert fits(matcher, condition, name, arguments) is expected
