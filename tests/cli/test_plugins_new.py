"""`hermes plugins new`: what it makes works as it is, under any name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hermes_host
from hermes_host.cli.plugins_new import KINDS, make_plugin
from hermes_host.cli.plugins_project import lay_metadata, read_project

TEMPLATES = Path(hermes_host.__file__).parent / "template"
LONGEST = "a-name-that-is-as-long-as-may-be"


def all_kinds(folder: Path, name: str) -> list[Path]:
    """A plugin of each kind, all of one name."""
    folders = []
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
        folders.append(Path(make_plugin(name, kind, folder / kind).folder))
    return folders


def run(*command: str, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_a_template_for_every_kind():
    assert {path.parent.name.replace("_", "-") for path in TEMPLATES.glob("*/pyproject.toml")} == set(KINDS)


@pytest.mark.timeout(120)
def test_the_templates_pass_their_own_tests_in_place(tmp_path):
    folders = [TEMPLATES / kind.replace("-", "_") for kind in KINDS]
    for folder in folders:
        lay_metadata(read_project(folder), tmp_path)
    path = os.pathsep.join([str(tmp_path), *map(str, folders)])
    tests = [str(folder / "tests") for folder in folders]
    options = ["--import-mode=importlib", "-c", str(folders[0] / "pyproject.toml"), "-p", "no:cacheprovider"]
    output = run("pytest", "-q", *options, *tests, cwd=tmp_path, PYTHONPATH=path)
    assert "failed" not in output
    assert "passed" in output


@pytest.mark.parametrize("name", ["a", "my-tool2", LONGEST])
def test_what_is_made_is_clean_under_any_name(tmp_path, name):
    all_kinds(tmp_path, name)
    run("ruff", "check", "--no-cache", ".", cwd=tmp_path)
    run("ruff", "format", "--check", "--no-cache", ".", cwd=tmp_path)


def test_what_is_made_is_typed(tmp_path):
    for number, kind in enumerate(KINDS):
        make_plugin(f"typed{number}", kind, tmp_path)
    packages = [word for number in range(len(KINDS)) for word in ("-p", f"hermes_typed{number}")]
    path = os.pathsep.join(str(folder) for folder in tmp_path.iterdir())
    run("mypy", "--strict", f"--cache-dir={tmp_path / 'cache'}", *packages, cwd=tmp_path, MYPYPATH=path)


@pytest.mark.parametrize("kind", ["provider", "skill-source"])
def test_what_is_made_passes_its_conformance_kit_under_another_name(tmp_path, kind):
    folder = Path(make_plugin("my-fine-plugin", kind, tmp_path).folder)
    lay_metadata(read_project(folder), tmp_path / "laid")
    path = os.pathsep.join([str(tmp_path / "laid"), str(folder)])
    assert "failed" not in run("pytest", "-q", "-p", "no:cacheprovider", cwd=folder, PYTHONPATH=path)


def test_no_word_of_the_template_is_left(tmp_path):
    for folder in all_kinds(tmp_path, "ever-green"):
        for path in folder.rglob("*"):
            assert "example" not in path.name.lower()
            if path.is_file():
                words = path.read_text(encoding="utf-8").lower().replace("example: ", "")
                assert not [word for word in ("example-", "example_", "example author") if word in words], path


def test_the_command_says_what_it_made_and_what_to_do_next(hermes_here, tmp_path):
    result = hermes_here("plugins", "new", "weather", "--kind", "tool", "--author", "Ada Lovelace <ada@example.test>")
    assert result.code == 0, result
    assert "Made hermes-weather:" in result.out
    assert "hermes_weather/plugin.py" in result.out
    assert "hermes plugins check ." in result.out
    project = read_project(tmp_path / "hermes-weather")
    assert project.entry_points == {"weather": "hermes_weather.plugin"}
    assert project.table["authors"] == [{"name": "Ada Lovelace", "email": "ada@example.test"}]
    assert "Copyright (c) Ada Lovelace" in (tmp_path / "hermes-weather" / "LICENSE").read_text(encoding="utf-8")


def test_scripts_get_one_json_document(hermes_here, tmp_path):
    (tmp_path / "there").mkdir()
    result = hermes_here("plugins", "new", "hermes-maps", "--kind", "skill-source", "--directory", "there", "--json")
    made = json.loads(result.out)
    assert (made["name"], made["package"], made["kind"]) == ("maps", "hermes_maps", "skill-source")
    assert made["folder"] == str(Path("there") / "hermes-maps")
    assert all((tmp_path / made["folder"] / path).is_file() for path in made["files"])


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Weather", "lower-case"),
        ("2fast", "letter first"),
        ("a--b", "single hyphens"),
        ("a_b", "single hyphens"),
        ("../up", "lower-case"),
        ("", "lower-case"),
        (LONGEST + "x", "at most 32"),
        ("host", "host itself"),
        ("stub", "already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_made(hermes_here, tmp_path, name, complaint):
    before = sorted(path.name for path in tmp_path.iterdir())
    result = hermes_here("plugins", "new", name, "--kind", "tool")
    assert (result.code, complaint in result.err) == (1, True), result
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "stdin") == before


def test_without_a_kind_one_line_names_the_kinds(hermes_here):
    result = hermes_here("plugins", "new", "weather")
    assert result.code == 2
    assert result.err == (
        f"hermes: Missing option '--kind'. Choose from: {', '.join(KINDS)}. See `hermes plugins new --help`.\n"
    )


def test_nothing_is_overwritten(hermes_here, tmp_path):
    (tmp_path / "hermes-weather").mkdir()
    (tmp_path / "hermes-weather" / "mine.txt").write_text("mine", encoding="utf-8")
    result = hermes_here("plugins", "new", "weather", "--kind", "tool")
    assert result.code == 1
    assert "exists already" in result.err
    assert [path.name for path in (tmp_path / "hermes-weather").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("author", ['A "quoted" name', "A\nline", "<only@mail.test>", "back\\slash"])
def test_an_author_that_cannot_stand_in_the_file_is_refused(hermes_here, tmp_path, author):
    result = hermes_here("plugins", "new", "weather", "--kind", "tool", "--author", author)
    assert result.code == 1
    assert not (tmp_path / "hermes-weather").exists()


def test_a_directory_that_is_not_there_is_said(hermes_here):
    result = hermes_here("plugins", "new", "weather", "--kind", "tool", "--directory", "nowhere")
    assert result.code == 1
    assert "'nowhere'" in result.err
