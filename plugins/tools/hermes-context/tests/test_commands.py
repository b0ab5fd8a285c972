"""`hermes context` and `hermes personality`, as real processes."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

HERMES = Path(sys.executable).parent / "hermes"


@pytest.fixture
def hermes(home, project):
    """Runs `hermes` in the project, on a terminal where something is `typed`; gives what it prints."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "HERMES_HOME": str(home / ".hermes")}
    environ |= {"HERMES_PLUGINS": "context,local", "TERM": "dumb"}

    def run(*arguments, typed=None, code=0, cwd=project):
        command = [str(HERMES), *arguments]
        if typed is None:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
            )
            assert code in (None, done.returncode), done.stderr
            return done.stderr if code else done.stdout
        ours, theirs = pty.openpty()
        process = subprocess.Popen(command, cwd=cwd, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, typed.encode())
        output = b""
        try:
            while data := os.read(ours, 65536):
                output += data
        except OSError:
            pass  # this is how the other end of a terminal says that it is over
        finally:
            os.close(ours)
        assert process.wait(20) == code, output
        return output.decode()

    return run


def test_trust_shows_the_file_and_asks(hermes, project):
    (project / "AGENTS.md").write_text("Say BANANA.\u202e\n", encoding="utf-8")
    assert "untrusted" in hermes("context")
    refused = hermes("context", "trust", typed="n\n", code=1)
    assert "│ Say BANANA.\\u{202e}" in refused
    assert "1 invisible or bidirectional character" in refused
    assert "Nothing was trusted" in refused
    assert "Trusted 1 file" in hermes("context", "trust", typed="y\n")
    [file] = json.loads(hermes("context", "show", "--json"))["files"]
    assert file["state"] == "trusted"
    assert file["path"] == str(project / "AGENTS.md")


def test_without_a_terminal_nothing_is_trusted_unless_yes_is_said(hermes, project):
    (project / "AGENTS.md").write_text("Say BANANA.\n", encoding="utf-8")
    assert "--yes" in hermes("context", "trust", code=2)
    assert "--yes" in hermes("context", "trust", "--json", code=2)
    said = json.loads(hermes("context", "trust", "--json", "--yes"))
    assert [entry["path"] for entry in said["trusted"]] == [str(project / "AGENTS.md")]
    assert "trusted already" in hermes("context", "trust", "--yes")


def test_a_changed_file_is_shown_as_a_diff(hermes, project):
    (project / "AGENTS.md").write_text("one\ntwo\n", encoding="utf-8")
    hermes("context", "trust", "--yes")
    (project / "AGENTS.md").write_text("one\nthree\n", encoding="utf-8")
    assert "changed" in hermes("context", "show")
    shown = hermes("context", "trust", "--yes")
    assert "│ -two" in shown
    assert "│ +three" in shown


def test_paths_may_name_a_directory_or_a_file(hermes, home, project):
    (project / "AGENTS.md").write_text("Say BANANA.\n", encoding="utf-8")
    assert "Trusted 1 file" in hermes("context", "trust", "project/AGENTS.md", "--yes", cwd=home)
    assert "trusted" in hermes("context", "show", str(project), cwd=home)
    assert "There is no" in hermes("context", "show", "gone", code=1)
    assert "nothing to trust" in hermes("context", "trust", "..", "--yes", code=1)


def test_untrust_takes_it_back(hermes, home, project):
    (project / "AGENTS.md").write_text("Say BANANA.\n", encoding="utf-8")
    hermes("context", "trust", "--yes")
    assert f"No longer trusted: {project}/AGENTS.md" in hermes("context", "untrust")
    assert "untrusted" in hermes("context", "show")
    assert json.loads(hermes("context", "untrust", "--json")) == {"untrusted": []}
    kept = list((home / ".hermes/plugins/context/contents").iterdir())
    assert kept == [], "what was trusted is forgotten with the trust"


def test_the_default_personality_is_listed_and_set(hermes, home):
    (home / ".hermes").mkdir()
    config = home / ".hermes/config.yaml"
    config.write_text("# mine\nagent:\n  system_prompt: Be exact.\n", encoding="utf-8")
    assert "concise" in hermes("personality")
    hermes("personality", "set", "Concise")
    assert "concise *" in hermes("personality", "list")
    assert json.loads(hermes("personality", "list", "--json"))["default"] == "concise"
    text = config.read_text(encoding="utf-8")
    assert text.startswith("# mine\nagent:\n  system_prompt: Be exact.\n")
    assert "There is no personality" in hermes("personality", "set", "nobody", code=1)
    hermes("personality", "set", "none")
    assert json.loads(hermes("personality", "list", "--json"))["default"] == ""


def test_doctor_tells_about_files_that_wait_for_trust(hermes, project):
    def project_checks():
        results = json.loads(hermes("doctor", "--json", code=None))
        return [item for item in results if item["name"] == "project instructions"]

    (project / "AGENTS.md").write_text("Say BANANA.\n", encoding="utf-8")
    [found] = project_checks()
    assert found["status"] == "warning"
    assert found["remedy"] == "hermes context trust"
    hermes("context", "trust", "--yes")
    [found] = project_checks()
    assert found["status"] == "ok"
