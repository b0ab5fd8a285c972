"""`hermes config`, in this process and, where that matters, in processes and pseudo-terminals of its own."""

from __future__ import annotations

import io
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema
import pytest
import yaml

from hermes_host.cli import entry

if TYPE_CHECKING:
    from collections.abc import Callable

HERMES = str(Path(sys.executable).with_name("hermes"))
CANARY = "canary-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"HERMES_HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


class Result(NamedTuple):
    """What a finished command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def process(environ: dict[str, str], tmp_path: Path) -> Callable[..., Result]:
    """Run a command in a process of its own."""

    def run(*arguments: str, stdin: str = "", code: int = 0, **more: str) -> Result:
        command = [HERMES, "config", *arguments]
        outcome = subprocess.run(
            command, input=stdin, capture_output=True, text=True, cwd=tmp_path, env={**environ, **more}, timeout=30
        )
        assert outcome.returncode == code, outcome
        assert "Traceback" not in outcome.stderr
        return Result(outcome.returncode, outcome.stdout, outcome.stderr)

    return run


@pytest.fixture
def hermes(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Run a command in this process, which is ten times as fast."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str = "", code: int = 0, **more: str) -> Result:
        with monkeypatch.context() as patch:
            for name in set(os.environ) - {"PYTEST_CURRENT_TEST", "VIRTUAL_ENV"}:
                patch.delenv(name)
            for name, value in {**environ, **more}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            outcome = entry.run(["config", *arguments])
        captured = capsys.readouterr()
        assert outcome == code, captured
        assert "Traceback" not in captured.err
        return Result(outcome, captured.out, captured.err)

    return run


def in_a_terminal(environ: dict[str, str], prompt: str, typed: str, *arguments: str) -> tuple[int, str]:
    """Run in a pseudo-terminal and type when the prompt appears; the exit code and what was on the screen."""
    controller, terminal = pty.openpty()
    command = [HERMES, "config", *arguments]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environ)
    os.close(terminal)
    screen = ""
    answered = False
    try:
        while chunk := os.read(controller, 4096):
            screen += chunk.decode()
            if prompt in screen and not answered:
                answered = True
                os.write(controller, typed.encode())
    except OSError:
        pass  # Linux reports the end of a pseudo-terminal as an error.
    finally:
        os.close(controller)
        if not answered:
            process.kill()
    return process.wait(30), screen


def test_a_setting_is_set_shown_and_unset(process: Any, home: Path) -> None:
    assert "Every setting has its default" in process("show").stdout
    assert "Set agent.max_turns" in process("set", "agent.max_turns", "40").stdout
    assert process("get", "agent.max_turns").stdout == "40\n"
    assert (home / "config.yaml").read_text(encoding="utf-8") == "agent:\n  max_turns: 40\n"
    rows = json.loads(process("show", "--json").stdout)
    where = f"{home / 'config.yaml'}, line 2"
    assert rows == [
        {
            "path": "agent.max_turns",
            "value": 40,
            "origin": "file",
            "where": where,
            "environment": ["HERMES_MAX_ITERATIONS"],
        }
    ]
    assert where in process("show", "agent", "--origins").stdout
    process("unset", "agent.max_turns")
    assert json.loads(process("get", "agent.max_turns", "--json").stdout) == {
        "path": "agent.max_turns",
        "value": 90,
        "origin": "default",
    }
    assert "not set" in process("unset", "agent.max_turns", code=1).stderr


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("display.show_reasoning", "on", True),
        ("display.streaming", "No", False),
        ("display.tool_progress", "off", "off"),
        ("approvals.mode", "off", "off"),
        ("model.default", "4.10", "4.10"),
        ("model.default", "yes", "yes"),
        ("agent.deadline", "1.5", 1.5),
        ("agent.system_prompt", "[not: a list", "[not: a list"),
        ("plugins.disabled", "a, b", ["a", "b"]),
        ("plugins.disabled", "[a]", ["a"]),
        ("platform_toolsets.cli", "file", ["file"]),
        ("TERMINAL_ENV", "docker", "docker"),
        ("platforms.x", "{command: y, on: [1]}", {"command": "y", "on": [1]}),
    ],
)
def test_what_is_typed_means_what_the_setting_wants(hermes: Any, key: str, typed: str, value: Any) -> None:
    hermes("set", key, typed)
    assert json.loads(hermes("get", key, "--json").stdout)["value"] == value
    hermes("check")


def test_mistakes_are_refused_with_the_way_out(hermes: Any, home: Path) -> None:
    assert "Did you mean agent.max_turns?" in hermes("set", "agent.max_turn", "5", code=1).stderr
    assert "a whole number" in hermes("set", "agent.max_turns", "x", code=1).stderr
    assert "standard input" in hermes("set", "agent.max_turns", code=2).stderr
    assert "max_turns" in hermes("get", "agent.max_turn", code=1).stderr
    assert not (home / "config.yaml").exists()
    hermes("set", "mine.own", "5", "--force")
    assert hermes("get", "mine.own").stdout == "5\n"


def test_an_environment_variable_that_wins_is_mentioned(hermes: Any) -> None:
    outcome = hermes("set", "terminal.timeout", "5", TERMINAL_TIMEOUT="9")
    assert "$TERMINAL_TIMEOUT" in outcome.stderr


def test_a_variable_that_cannot_be_used_is_named_and_nothing_else_suffers(hermes: Any) -> None:
    outcome = hermes("check", code=1, HERMES_MAX_ITERATIONS="soon", TERMINAL_TIMEOUT="9")
    assert "agent.max_turns ($HERMES_MAX_ITERATIONS): Expected a whole number" in outcome.stdout
    shown = hermes("show", "terminal", HERMES_MAX_ITERATIONS="soon", TERMINAL_TIMEOUT="9").stdout
    row = next(line.split() for line in shown.splitlines() if line.startswith("terminal.timeout"))
    assert row == ["terminal.timeout", "9.0", "environment", "TERMINAL_TIMEOUT"]
    assert "TERMINAL_TIMEOUT" in hermes("schema").stdout


@pytest.mark.parametrize("value", [CANARY, "with 'quotes' \"both\" # and $HOME\nand lines \\", "  spaces  "])
def test_a_secret_goes_from_standard_input_to_the_env_file(hermes: Any, home: Path, value: str) -> None:
    outcome = hermes("set", "SOME_API_KEY", "-", stdin=f"{value}\n")
    assert value not in outcome.stdout + outcome.stderr
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert not (home / "config.yaml").exists()
    assert hermes("get", "SOME_API_KEY").stdout == "***\n"
    assert hermes("show").stdout.split()[-3:] == ["SOME_API_KEY", "***", ".env"]
    script = "import sys; from pathlib import Path; from hermes_host.config import Secrets\n"
    script += "sys.stdout.write(Secrets(Path(sys.argv[1]), {}).get('SOME_API_KEY'))"
    read = subprocess.run([sys.executable, "-c", script, home], capture_output=True, check=True)
    assert read.stdout.decode() == value
    hermes("unset", "some_api_key")
    assert hermes("get", "SOME_API_KEY", code=1).stdout == ""


def test_a_secret_setting_goes_to_the_env_file_and_a_placeholder_to_the_config(process: Any, home: Path) -> None:
    (home / "config.yaml").write_text("model:\n  api_key: ${MINE}  # mine\n", encoding="utf-8")
    process("set", "model.api_key", "-", stdin=CANARY)
    assert (home / "config.yaml").read_text(encoding="utf-8") == "model:\n  api_key: ${MINE}  # mine\n"
    assert (home / ".env").read_text(encoding="utf-8") == f"MINE={CANARY}\n"
    process("unset", "model.api_key")
    process("set", "model.api_key", CANARY)
    assert "api_key: ${MODEL_API_KEY}" in (home / "config.yaml").read_text(encoding="utf-8")
    assert f"MODEL_API_KEY={CANARY}" in (home / ".env").read_text(encoding="utf-8")


def test_no_command_shows_a_secret(hermes: Any, home: Path) -> None:
    (home / "config.yaml").write_text(
        f"model: {{api_key: {CANARY}, model: x}}\nplatforms: {{a: {{headers: {{Authorization: {CANARY}}}}}}}\n"
        f"auxiliary: {{vision: {{api_key: {CANARY}}}}}\ncompatible: {{providers: {{x: {{api_key: {CANARY}}}}}}}\n",
        encoding="utf-8",
    )
    (home / ".env").write_text(f"SOME_API_KEY={CANARY}\n", encoding="utf-8")
    commands = [
        ["show", "--all"],
        ["show", "--all", "--json"],
        ["show", "model", "--origins"],
        ["get", "model", "--json"],
        ["get", "platforms"],
        ["get", "model.api_key"],
        ["get", "compatible.providers"],
        ["check", "--json"],
        ["schema", "--json"],
        ["migrate", "--dry-run"],
        ["get", "SOME_API_KEY", "--json"],
    ]
    for command in commands:
        outcome = hermes(*command)
        assert CANARY not in outcome.stdout + outcome.stderr, command
    assert "***" in hermes("show", "model").stdout


def test_check_reports_everything_and_fails_for_errors_only(hermes: Any, home: Path) -> None:
    assert "No problems" in hermes("check").stdout
    (home / "config.yaml").write_text("agnt: {}\nplatforms: {a: {}}\n", encoding="utf-8")
    outcome = hermes("check")
    assert "Did you mean 'agent'?" in outcome.stdout
    assert "platforms" in outcome.stdout
    (home / "config.yaml").write_text("agent: {max_turns: x, deadline: y}\nlocal: {shell: [1]}\n", encoding="utf-8")
    found = json.loads(hermes("check", "--json", code=1).stdout)
    assert {problem["path"] for problem in found["problems"]} == {"agent.max_turns", "agent.deadline", "local.shell"}
    (home / "config.yaml").write_text("agent: [\n", encoding="utf-8")
    assert "line 2, column 1" in hermes("check", code=1).stdout
    assert "check" in hermes("show").stderr


def test_the_schema_is_one_and_accepts_what_it_describes(hermes: Any) -> None:
    schema = json.loads(hermes("schema", "--json").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in ("{}", "model: x", "model: {default: x, api_key: k}\nagent: {max_turns: 3}\nlocal: {shell: /bin/sh}"):
        validator.validate(yaml.safe_load(text))
    for text in ("agent: {max_turns: 0}", "approvals: {mode: maybe}", "plugins: {disabled: x}"):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(yaml.safe_load(text))
    assert schema["properties"]["agent"]["properties"]["max_turns"]["description"]
    listed = hermes("schema").stdout
    assert "agent.max_turns" in listed
    assert "local.login_shell" in listed


def test_paths_are_printed_for_scripts(hermes: Any, home: Path) -> None:
    assert hermes("path").stdout == f"{home / 'config.yaml'}\n"
    assert hermes("env-path").stdout == f"{home / '.env'}\n"


def test_a_migration_shows_its_difference_once(hermes: Any, home: Path) -> None:
    (home / "config.yaml").write_text("terminal: {env_type: local}  # c\n", encoding="utf-8")
    assert "would rename terminal.env_type" in hermes("check").stdout
    assert "+terminal: {backend: local}  # c" in hermes("migrate", "--dry-run").stdout
    assert "terminal.env_type to terminal.backend" in hermes("migrate").stdout
    assert len(list(home.glob("config.yaml.before-*"))) == 1
    assert "up to date" in hermes("migrate").stdout


# ---------------------------------------------------------------------------------------------------------- edit


def editor(folder: Path, script: str) -> str:
    file = folder / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return str(file)


def test_a_good_edit_is_saved(hermes: Any, home: Path, tmp_path: Path) -> None:
    write = editor(tmp_path, 'stat -c %a "$1" > mode; printf "agent: {max_turns: 3}\\n" > "$1"')
    assert "Saved" in hermes("edit", EDITOR=write).stdout
    assert (home / "config.yaml").read_text(encoding="utf-8") == "agent: {max_turns: 3}\n"
    assert (tmp_path / "mode").read_text(encoding="utf-8") == "600\n"
    assert sorted(path.name for path in home.iterdir()) == ["config.yaml", "config.yaml.lock"]
    assert "Nothing was changed" in hermes("edit", EDITOR="true").stdout


@pytest.mark.parametrize("broken", ["agent: [", "agent: {max_turns: x}"])
def test_a_bad_edit_is_kept_aside(process: Any, home: Path, tmp_path: Path, broken: str) -> None:
    (home / "config.yaml").write_text("agent: {max_turns: 3}\n", encoding="utf-8")
    outcome = process("edit", EDITOR=editor(tmp_path, f'printf "{broken}" > "$1"'), code=1)
    assert (home / "config.yaml").read_text(encoding="utf-8") == "agent: {max_turns: 3}\n"
    [side] = home.glob("config.edited-*")
    assert str(side) in outcome.stderr
    assert side.read_text(encoding="utf-8") == broken


def test_in_a_terminal_a_bad_edit_can_be_mended(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    twice = 'if grep -q "agent: \\[" "$1"; then printf "agent: {}\\n" > "$1"; else printf "agent: [" > "$1"; fi'
    code, screen = in_a_terminal({**environ, "EDITOR": editor(tmp_path, twice)}, "again?", "y\n", "edit")
    assert code == 0, screen
    assert (home / "config.yaml").read_text(encoding="utf-8") == "agent: {}\n"


def test_an_edit_never_overwrites_what_somebody_else_wrote_meanwhile(process: Any, home: Path, tmp_path: Path) -> None:
    script = f'printf "agent: {{max_turns: 3}}\\n" > "$1"; {HERMES} config set agent.max_turns 8'
    assert "meanwhile" in process("edit", EDITOR=editor(tmp_path, script), code=1).stderr
    assert (home / "config.yaml").read_text(encoding="utf-8") == "agent:\n  max_turns: 8\n"
    assert len(list(home.glob("config.edited-*"))) == 1


def test_an_editor_that_fails_leaves_nothing_behind(hermes: Any, home: Path) -> None:
    hermes("edit", EDITOR="false", code=1)
    hermes("edit", code=2)
    assert [path.name for path in home.iterdir()] == []


# ------------------------------------------------------------------------------------------------ in a terminal


def test_a_secret_is_asked_for_without_echo(environ: dict[str, str], home: Path) -> None:
    code, screen = in_a_terminal(environ, "SOME_API_KEY:", f"{CANARY}\n", "set", "SOME_API_KEY")
    assert code == 0, screen
    assert CANARY not in screen
    assert f"SOME_API_KEY={CANARY}\n" in (home / ".env").read_text(encoding="utf-8")


def test_trust_shows_what_counts_and_asks(hermes: Any, environ: dict[str, str], tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "project" / ".hermes"
    folder.mkdir(parents=True)
    file = folder / "config.yaml"
    file.write_text('agent: {max_turns: 3, reasoning_effort: "low"}\nmodel: {base_url: "x\\e[2J"}\n', encoding="utf-8")
    project = str(folder.parent)
    outcome = hermes("trust", project, code=2)
    assert "agent.max_turns = 3" in outcome.stdout
    assert "model.base_url" in outcome.stdout
    assert "\x1b" not in outcome.stdout
    assert not (home / "trusted.json").exists()
    assert in_a_terminal(environ, "[y/N]", "n\n", "trust", project)[0] == 1
    assert not (home / "trusted.json").exists()
    assert in_a_terminal(environ, "[y/N]", "y\n", "trust", project)[0] == 0
    assert "already" in hermes("trust", project).stdout
    file.write_text("agent: {max_turns: 4}\n", encoding="utf-8")
    hermes("trust", project, code=2)
    hermes("trust", project, "--yes")
    hermes("trust", str(tmp_path), code=1)
    file.write_text("approvals: {mode: off}\n", encoding="utf-8")
    assert "nothing that a project may set" in hermes("trust", project, "--yes", code=1).stderr
