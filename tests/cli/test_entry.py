"""The frame around every command: speed, errors, exit codes, lazy commands."""

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_host import __version__

HEAVY = {"hermes_stub.commands", "hermes_stub.parts", "hermes_host.cli.chat", "hermes_host.agent", "rich", "yaml"}
HERMES = Path(sys.executable).parent / "hermes"


def modules_of(arguments: list[str], environ: dict[str, str]) -> set[str]:
    """The modules that a run of `hermes` has imported at its end."""
    program = (
        "import os, sys, hermes_host.cli.entry as entry\n"
        "def leave(code): sys.stderr.write('\\n'.join(sys.modules)); sys.stderr.flush(); os._exit(code)\n"
        "entry.leave = leave\n"
        "from hermes_host.cli import main\n"
        f"main({arguments!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, stdin=subprocess.DEVNULL, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.decode().split("\n"))


def test_the_version_is_printed_before_click_or_metadata_are_imported(environ):
    program = (
        "import sys\nfrom hermes_host.cli import main\nmain(['--version'])\n"
        "heavy = {'click', 'importlib.metadata', 'pluggy', 'asyncio', 'msgspec', 'rich', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, f"hermes {__version__}\n"), done.stderr


def test_version_is_spelled_in_three_ways(hermes):
    said = {hermes(word).out for word in ("--version", "-V", "version")}
    assert said == {f"hermes {__version__}\n"}


def test_versions_of_plugins_are_in_the_json_form(hermes):
    found = json.loads(hermes("version", "--json").out)
    assert found["version"] == __version__
    assert {"name": "stub", "distribution": "hermes-stub", "version": "1.0", "state": "loaded"} in found["plugins"]


def test_help_lists_the_hosts_and_the_plugins_commands_in_groups(hermes):
    done = hermes("--help")
    assert done.code == 0
    assert (
        done.out.index("Talk:") < done.out.index("  chat ") < done.out.index("From plugins:") < done.out.index("greet")
    )


def test_help_imports_neither_the_commands_nor_what_they_need(environ):
    loaded = modules_of(["--help"], environ)
    assert "hermes_stub.plugin" in loaded
    assert not HEAVY & loaded


def test_a_oneshot_run_imports_no_rendering(environ):
    loaded = modules_of(["chat", "-Q", "-q", "hello"], environ)
    assert not {"rich.markdown", "hermes_host.cli.renderer", "hermes_host.cli.line"} & loaded


def test_a_misspelled_command_is_answered_with_the_near_name(hermes):
    done = hermes("sesions")
    assert done.code == 2
    assert "Did you mean 'sessions'" in done.err
    assert done.err.count("\n") == 1


def test_a_misspelled_option_is_wrong_usage(hermes):
    done = hermes("chat", "--modell", "x")
    assert done.code == 2
    assert "--model" in done.err


def test_a_plugins_command_runs_with_the_host(hermes):
    assert hermes("greet").out == "hello from hermes-home\n"


def test_a_plugin_cannot_replace_a_command_of_the_host(hermes):
    assert "Talk to the agent" in hermes("chat", "--help").out


def test_a_command_that_cannot_be_imported_is_one_line_and_changes_nothing_else(hermes):
    done = hermes("ruined")
    assert (done.code, done.out) == (1, "")
    assert "plugin 'stub'" in done.err
    assert "a_package_that_is_not_there" in done.err
    assert done.err.count("\n") == 1
    assert hermes("greet").code == 0


def test_a_plugin_that_cannot_be_imported_is_one_line_beside_the_answer(hermes):
    done = hermes("chat", "-Q", "-q", "hello", HERMES_PLUGINS="stub,broken")
    assert (done.code, done.out) == (0, "You said: hello\n")
    [line] = [line for line in done.err.splitlines() if "broken" in line]
    assert "hermes-stub 1.0" in line
    assert "hermes plugins disable broken" in line


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(hermes, home):
    done = hermes("greet", "--crash")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "the greeting is lost" in done.err
    log = home / "logs" / "hermes.log"
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_secret_in_an_error_reaches_neither_the_terminal_nor_the_log(hermes, home):
    done = hermes("greet", "--crash", EXAMPLE_API_KEY="the greeting")
    assert "the greeting" not in done.err
    assert "the greeting" not in (home / "logs" / "hermes.log").read_text()


def test_strict_shows_the_traceback(hermes):
    assert "Traceback" in hermes("greet", "--crash", HERMES_STRICT="1").err


def test_a_plugin_is_left_out_before_and_after_the_command(hermes):
    assert "act" in hermes("tools", "list").out
    assert "act" not in hermes("-p", "no:stub", "tools", "list").out
    assert "act" not in hermes("tools", "list", "-p", "no:stub").out
    assert hermes("tools", "-p", "stub").code == 2


def test_the_settings_of_a_project_count_once_they_are_trusted(hermes, tmp_path):
    (tmp_path / ".hermes").mkdir()
    (tmp_path / ".hermes" / "config.yaml").write_text("model: stub:two\n")
    before = hermes("chat", "-q", "hello", "--output-format", "json")
    assert json.loads(before.out)["model"] == "stub:one"
    assert "hermes config trust" in before.err
    assert hermes("config", "trust", ".", "--yes").code == 0
    assert json.loads(hermes("chat", "-q", "hello", "--output-format", "json").out)["model"] == "stub:two"


def test_a_wrong_setting_is_one_line_and_the_answer_comes_all_the_same(hermes, home):
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("agent: {max_turns: many}\n")
    done = hermes("chat", "-Q", "-q", "hello")
    assert (done.code, done.out) == (0, "You said: hello\n")
    assert "agent.max_turns" in done.err


def test_the_model_is_chosen_before_and_after_the_command(hermes):
    for arguments in (
        ["-m", "stub:two", "chat"],
        ["chat", "-m", "stub:two"],
        ["-m", "stub:one", "chat", "-m", "stub:two"],
    ):
        done = hermes(*arguments, "-q", "hello", "--output-format", "json")
        assert json.loads(done.out)["model"] == "stub:two"


def test_yolo_counts_before_and_after_the_command(hermes):
    prompt = 'call act {"command": "date"}'
    assert "did date" in hermes("--yolo", "chat", "-q", prompt).out
    assert "did date" in hermes("chat", "--yolo", "-q", prompt).out
    assert "did date" not in hermes("chat", "-q", prompt).out


def test_a_reader_that_goes_away_ends_the_command_quietly(environ, tmp_path, hermes):
    for _ in range(3):
        hermes("chat", "-q", "hello")
    listing = subprocess.Popen(
        [HERMES, "sessions", "export", "--all", "-"],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.wait(20) == 141
    assert listing.stderr is not None
    assert listing.stderr.read() == b""
    listing.stderr.close()


def complete(hermes, line: str) -> list[str]:
    words = line.split(" ")
    done = hermes(_HERMES_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert done.code == 0, done
    return [row.partition(",")[2] for row in done.out.splitlines()]


def test_completion_works_two_levels_deep_and_for_plugins(hermes):
    assert {"sessions"} == set(complete(hermes, "hermes ses"))
    assert {"greet", "chat", "doctor"} <= set(complete(hermes, "hermes "))
    assert {"enable", "disable"} <= set(complete(hermes, "hermes tools "))
    assert complete(hermes, "hermes greet lou") == ["loudly"]
    assert "--provider" in complete(hermes, "hermes chat --pro")


def test_completing_imports_no_command_and_nothing_heavy(environ):
    environ |= {"_HERMES_COMPLETE": "bash_complete", "COMP_WORDS": "hermes ", "COMP_CWORD": "1"}
    loaded = modules_of([], environ)
    assert not HEAVY & loaded


def test_the_completion_script_is_one_the_shell_accepts(hermes):
    script = hermes("completion", "bash").out
    assert "_HERMES_COMPLETE=bash_complete" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, timeout=10).returncode == 0
    assert "#compdef hermes" in hermes("completion", "zsh").out
    assert "hermes" in hermes("completion", "fish").out
    assert hermes("completion", "tcsh").code == 2


def test_a_title_a_terminal_cannot_show_does_not_end_a_listing(hermes):
    hermes("chat", "-q", "snowman ☃")
    done = hermes("sessions", "list", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "snowman" in done.out
    assert json.loads(hermes("sessions", "list", "--json", PYTHONIOENCODING="ascii").out)[0]["preview"].endswith("☃")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_turn_and_what_was_said_is_kept(environ, tmp_path, number, code):
    running = subprocess.Popen(
        [HERMES, "chat", "-q", "hang", "--output-format", "stream-json"],
        env=environ, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    with running.stdout as events:
        while json.loads(events.readline())["type"] != "text_delta":
            pass
        running.send_signal(number)
        last = json.loads(events.readlines()[-1])
    assert running.wait(20) == code
    assert (last["type"], last["outcome"], last["text"]) == ("turn_finished", "interrupted", "Half an answer")
