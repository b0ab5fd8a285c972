"""`hermes terminal`: what is there, what is used, and whether it works."""

import json

import pytest

LOCAL = {"HERMES_PLUGINS": "stub,local"}


@pytest.fixture
def hermes(hermes_here):
    """Every command runs in this process."""
    return hermes_here


def test_terminals_are_listed_and_chosen(hermes):
    assert "No terminal backend is installed" in hermes("terminal").out
    [local] = json.loads(hermes("terminal", "list", "--json", **LOCAL).out)
    assert (local["name"], local["in_use"], "local" in local["features"]) == ("local", True, True)
    assert "Commands run on local" in hermes("terminal", "use", "local", **LOCAL).out
    refused = hermes("terminal", "use", "locl", **LOCAL)
    assert refused.code == 1
    assert "Did you mean 'local'?" in refused.err


def test_a_terminal_is_tried(hermes, tmp_path):
    tried = hermes("terminal", "test", "--json", **LOCAL)
    assert tried.code == 0, tried
    steps = {step["name"]: step for step in json.loads(tried.out)["steps"]}
    assert list(steps) == ["open", "run a command", "run another", "write and read", "leave"]
    assert all(step["ok"] for step in steps.values())
    assert steps["write and read"]["detail"] == "256 bytes"
    assert not list(tmp_path.glob("**/.hermes-terminal-test"))


def test_a_terminal_that_does_not_work_says_why_and_fails(hermes, home):
    home.mkdir()
    (home / "config.yaml").write_text("local: {shell: /no/such/shell}\n", encoding="utf-8")
    tried = hermes("terminal", "test", **LOCAL)
    assert tried.code == 1
    assert "failed run a command" in tried.out
    assert "/no/such/shell" in tried.out


def test_its_checks_run_and_nothing_is_left_behind(hermes):
    assert "local shell" in hermes("terminal", "doctor", "local", **LOCAL).out
    assert json.loads(hermes("terminal", "gc", "--json", **LOCAL).out) == {"reaped": {}, "failed": {}}


def test_the_terminal_of_a_conversation_is_shown_and_changed(terminal):
    screen = terminal(**LOCAL)
    screen.expect("Ctrl+D leaves.")
    screen.type("/terminal\r")
    screen.expect("Commands run on local")
    screen.type("/terminal nowhere\r")
    screen.expect("There is no terminal backend")
    screen.type("\x04")
    assert screen.end() == 0


def test_a_worktree_needs_a_plugin_that_makes_them(hermes):
    refused = hermes("chat", "-w", "-q", "hello")
    assert refused.code == 1
    assert "No installed plugin makes worktrees" in refused.err


def test_skills_need_a_plugin_that_loads_them(hermes):
    refused = hermes("chat", "-s", "tea,coffee", "-q", "hello")
    assert refused.code == 2
    assert "No installed plugin loads skills" in refused.err
