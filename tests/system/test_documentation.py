"""What the documentation shows works as shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SNIPPETS = sorted((ROOT / "docs" / "snippets").glob("*.py"))
EXPECTED = {
    "approve.py": ["asked about:", "git push --force", "refused"],
    "ask.py": ["notes.txt", "completed after", "resume with"],
    "function_tool.py": ["stock - How many pieces of a fruit are in the store."],
    "read_stream_json.py": ["calls", "completed after"],
    "resume.py": ["messages so far", "completed"],
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    (place / "notes.txt").write_text("buy milk\n", encoding="utf-8")
    (place / "build").mkdir()
    return place


def run(place: Path, *command: str, code: int = 0, **more: str) -> str:
    environ = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(place.parent),
        "HERMES_HOME": str(place.parent / "home"),
        "LANG": "C.UTF-8",
        **more,
    }
    outcome = subprocess.run(
        command, cwd=place, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8"
    )
    assert outcome.returncode == code, outcome.stdout + outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[path.name for path in SNIPPETS])
def test_a_snippet_of_the_documentation_runs_and_prints_what_it_should(snippet, place):
    arguments = ["list the files here"] if snippet.name == "read_stream_json.py" else []
    output = run(place, sys.executable, str(snippet), *arguments)
    assert [text for text in EXPECTED[snippet.name] if text not in output] == []
    assert (place / "build").is_dir()


def test_the_readmes_first_command_lists_the_files_and_tells_the_title(place):
    (place / "README.md").write_text("# The Garden Book\n\nAbout tulips.\n", encoding="utf-8")
    question = re.search(r'uv run hermes chat -q "(.+)"', (ROOT / "README.md").read_text(encoding="utf-8"))
    assert question is not None
    output = run(place, "hermes", "chat", "-Q", "-q", question.group(1))
    assert "The Garden Book" in output
    assert "notes.txt" in output


def test_the_readmes_plugin_gives_the_agent_its_tool(place):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    plugin, work = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    (entry_points,) = re.findall(r"^\[project\.entry-points\.\"(.+)\"\]\n(\w+) = \"(.+)\"$", text, re.MULTILINE)
    question = re.search(r"^hermes chat -q '(call roll_dice .+)'$", text, re.MULTILINE)
    assert question is not None

    # What an installer leaves in site-packages.
    site = place.parent / "site"
    (site / "hermes_dice").mkdir(parents=True)
    (site / "hermes_dice" / "plugin.py").write_text(plugin, encoding="utf-8")
    (site / "hermes_dice" / "roll.py").write_text(work, encoding="utf-8")
    metadata = site / "hermes_dice-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hermes-dice\nVersion: 0.1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[{}]\n{} = {}\n".format(*entry_points), encoding="utf-8")

    output = run(place, "hermes", "chat", "-Q", "-q", question.group(1), PYTHONPATH=str(site))
    (results,) = re.findall(r"\[([\d, ]+)\]", output.replace("\n", ""))
    assert len(results.split(",")) == 3


def test_the_commands_shown_are_those_of_the_command_line(place):
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    used = {
        word
        for page in pages
        if page.name != "commands.md"
        for word in re.findall(r"^(?:\w+ \S+ \| )?hermes ([a-z]+)\b", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    listed = set(re.findall(r"^  ([a-z]+)  ", run(place, "hermes", "--help"), re.MULTILINE))
    assert used - listed - {"greet"} == set()
