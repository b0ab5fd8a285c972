"""The whole way: the real command in an empty home, with the tools that are installed beside it."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

HERMES = Path(sys.executable).with_name("hermes")
INSTALLED = {point.name for point in entry_points(group="hermes.v1")}

pytestmark = pytest.mark.skipif(
    not {"files", "terminal", "local"} <= INSTALLED, reason="needs hermes-files, hermes-terminal and hermes-local"
)


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "README.md").write_text("# A quiet place\n\nWords about testing.\n", encoding="utf-8")
    (folder / "notes.txt").write_text("one\ntwo\n", encoding="utf-8")
    return folder


@pytest.fixture
def hermes(tmp_path, place):
    def run(*arguments, **environment):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [HERMES, *arguments],
            cwd=place,
            env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    return run


def test_the_first_command_of_the_readme_lists_reads_and_answers(hermes):
    done = hermes("chat", "-q", "list the files here, then read README.md and tell me its title")
    assert done.returncode == 0, done.stderr
    assert "`README.md`" in done.stdout
    assert "`notes.txt`" in done.stdout
    assert "The title of `README.md` is “A quiet place”." in done.stdout
    assert "read_file README.md" in done.stderr
    assert "not a language model" in done.stderr


def test_the_conversation_goes_on_where_it_was(hermes):
    assert hermes("chat", "-Q", "-q", "read notes.txt").returncode == 0
    done = hermes("chat", "-Q", "-c", "-q", "how many lines does it have?")
    assert done.stdout.strip() == "`notes.txt` has 2 lines.", done.stderr


def test_files_are_written_changed_and_searched(hermes, place):
    done = hermes(
        "chat",
        "-Q",
        "-q",
        'create new.txt with "alpha", append "beta" to it, read it, replace "beta" with "gamma" in it, '
        "then search for gamma",
    )
    assert (place / "new.txt").read_text(encoding="utf-8") == "alpha\ngamma\n", done.stdout + done.stderr
    assert "new.txt" in done.stdout.rpartition("looking for")[2]


def test_a_key_in_the_environment_is_named_and_its_value_is_not(hermes):
    done = hermes("chat", "-q", "hello", "--provider", "offline", OPENROUTER_API_KEY="sk-or-canary-4711")
    assert "OPENROUTER_API_KEY is set: `hermes model set openrouter`" in done.stderr + done.stdout
    assert "canary" not in done.stderr + done.stdout


def test_doctor_says_which_models_are_in_reach(hermes):
    done = hermes("doctor", GROQ_API_KEY="gsk-canary-4711")
    assert "hermes model set groq:MODEL" in done.stdout
    assert "canary" not in done.stderr + done.stdout
