"""`hermes chat -q`: where what goes, in which form, and with which exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ACT = 'call act {"command": "date", "diff": "--- a\\n+++ b\\n@@ -1 +1 @@\\n-old\\n+new\\n"}'


@pytest.fixture
def in_a_process(hermes):
    """Run `hermes` in a process of its own."""
    return hermes


@pytest.fixture
def hermes(hermes_here):
    """Run `hermes` in this process."""
    return hermes_here


def test_the_answer_goes_to_stdout_and_everything_else_to_stderr(hermes):
    done = hermes("chat", "--yolo", "-q", ACT)
    assert done.out == "The tool said: did date\n"
    assert "┊ act date  done" in done.err
    assert "+new" in done.err


def test_quiet_leaves_only_the_answer_and_the_sessions_id(hermes):
    done = hermes("chat", "-Q", "--yolo", "-q", ACT)
    assert done.out == "The tool said: did date\n"
    [line] = done.err.splitlines()
    assert line.startswith("session_id: 20")


def test_the_question_is_read_from_a_pipe(in_a_process):
    assert in_a_process("chat", stdin="from a pipe").out == "You said: from a pipe\n"
    assert in_a_process(stdin="from a pipe").out == "You said: from a pipe\n"


def test_what_is_piped_in_stands_below_the_question(hermes):
    assert hermes("chat", "-q", "Review this.", stdin="the text\n").out == "You said: Review this.\n\nthe text\n"


def test_an_empty_question_is_wrong_usage(hermes):
    assert hermes("chat", "-q", "  ").code == 2
    assert hermes("chat").code == 2


def test_a_slow_pipe_is_waited_for_and_the_user_is_told(environ, tmp_path):
    program = (
        "import hermes_host.cli.chat as chat\nchat._PATIENCE = 0.05\n"
        "from hermes_host.cli import main\nmain(['chat', '-q', 'Review this.'])\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environ, cwd=tmp_path, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stderr is not None
    assert "waiting for the end of standard input" in running.stderr.readline()
    out, _ = running.communicate("late text", timeout=20)
    assert out == "You said: Review this.\n\nlate text\n"


@pytest.mark.parametrize(
    ("prompt", "code"), [("hello", 0), ("fail", 1), ("long", 3)], ids=["completed", "failed", "truncated"]
)
def test_the_exit_code_says_how_the_turn_ended(in_a_process, prompt, code):
    assert in_a_process("chat", "-q", prompt).code == code


def test_a_spent_budget_has_an_exit_code_of_its_own(hermes, home):
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("agent: {max_turns: 1}\n")
    assert hermes("chat", "--yolo", "-q", ACT).code == 4


def test_a_failure_is_said_on_stderr_even_when_quiet(hermes):
    done = hermes("chat", "-Q", "-q", "fail")
    assert (done.code, done.out) == (1, "")
    assert "The vendor is too busy. Try again later." in done.err


def test_without_a_terminal_consent_is_refused_and_the_way_out_is_named(hermes):
    done = hermes("chat", "-q", ACT)
    assert "did date" not in done.out
    assert "nobody can be asked" in done.err
    assert "--yolo" in done.err


def test_json_is_one_object(hermes):
    done = hermes("chat", "-q", "hello", "--output-format", "json")
    found = json.loads(done.out)
    assert set(found) == {"session_id", "outcome", "text", "model", "steps", "usage", "seconds"}
    assert (found["outcome"], found["text"], found["model"], found["steps"]) == (
        "completed",
        "You said: hello",
        "stub:one",
        1,
    )
    assert set(found["usage"]) == {"input", "output", "cached", "cache_write", "reasoning"}


def test_a_failure_has_its_reason_in_the_json_form(hermes):
    done = hermes("chat", "-q", "fail", "--output-format", "json")
    found = json.loads(done.out)
    assert (done.code, found["outcome"], found["error_kind"]) == (1, "failed", "Overloaded")
    assert "too busy" in found["error"]


def test_stream_json_is_one_event_a_line_from_the_start_of_the_turn_to_its_end(hermes):
    done = hermes("chat", "--yolo", "-q", ACT, "--output-format", "stream-json")
    events = [json.loads(line) for line in done.out.splitlines()]
    kinds = [event["type"] for event in events]
    assert kinds[0] == "turn_started"
    assert kinds.count("turn_finished") == 1
    assert kinds[-1] == "turn_finished"
    assert {"text_delta", "tool_started", "tool_finished", "approval_decided"} <= set(kinds)


@pytest.mark.parametrize("form", ["json", "stream-json"])
def test_a_run_that_cannot_begin_ends_its_output_properly_too(hermes, form):
    done = hermes("chat", "-r", "nothing-of-that-name", "-q", "hello", "--output-format", form)
    found = json.loads(done.out)
    assert (done.code, found["outcome"], found["error_kind"]) == (1, "failed", "NotFound")


def test_a_conversation_goes_on(hermes):
    first = json.loads(hermes("chat", "-q", "one", "--output-format", "json").out)["session_id"]
    latest = json.loads(hermes("chat", "-c", "-q", "two", "--output-format", "json").out)["session_id"]
    named = json.loads(hermes("-r", first[:18], "chat", "-q", "three", "--output-format", "json").out)["session_id"]
    assert first == latest == named
    shown = hermes("sessions", "show", first).out
    assert [shown.index(word) for word in ("one", "two", "three")] == sorted(
        shown.index(word) for word in ("one", "two", "three")
    )


def test_there_is_nothing_to_go_on_with_at_first(hermes):
    done = hermes("-c", "chat", "-q", "hello")
    assert done.code == 1
    assert "no conversation to go on with" in done.err


def test_toolsets_can_be_chosen_and_none_means_none(hermes):
    assert "did date" in hermes("chat", "--yolo", "-t", "stubs", "-q", ACT).out
    assert "no tool 'act'" in hermes("chat", "--yolo", "-t", "none", "-q", ACT).out
    done = hermes("chat", "-t", "stub", "-q", "hello")
    assert done.code == 1
    assert "stubs" in done.err


def test_a_file_gets_the_answer_as_it_is(hermes):
    assert hermes("chat", "-Q", "-q", "say \x1b[31mred").out == "\x1b[31mred\n"


def test_a_terminal_gets_the_answer_with_its_control_characters_visible(terminal):
    for arguments in (("-Q",), ()):
        screen = terminal("chat", *arguments, "-q", "say \x1b[2Jgone\u202e")
        screen.expect("\\u{1b}[2Jgone\\u{202e}")
        assert screen.end() == 0


def test_a_person_who_watches_sees_rendered_text_and_tools(terminal):
    screen = terminal("chat", "--yolo", "-q", ACT)
    screen.expect("I use a tool.")
    screen.expect("┊ act date  done")
    screen.expect("The tool said: did date")
    assert screen.end() == 0


def test_an_interactive_conversation_needs_a_terminal(environ, tmp_path):
    hermes = Path(sys.executable).parent / "hermes"
    done = subprocess.run(
        ["script", "-qec", f"{hermes} chat | cat", "/dev/null"],
        env=environ, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert "needs a terminal" in done.stdout
