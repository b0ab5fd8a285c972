"""The repository speaks of the project alone."""

from __future__ import annotations

import re
from pathlib import Path

# Pieces are joined here so that this file does not contain what it looks for.
MACHINE_PATHS = re.compile("/" + "work/(main|shared)|/" + "opt/(pypi|wheels)|/" + "root/\\.pyenv")
REGISTRY_HOSTS = re.compile("|".join(["py" + r"pi\.org/simple", "files\\.python" + "hosted", "registry\\.npm" + "js"]))
OTHER_WORDS = re.compile(
    "|".join(["the spec " + "says", "coding " + "assistant", "sub" + "agent session"]), re.IGNORECASE
)
ISSUE_NUMBERS = re.compile(r"(?<![\w&/])(?:#\d{2,6}|GH-\d+)\b")


def test_no_file_names_a_machine(tracked_files, root):
    assert _matches(tracked_files, root, MACHINE_PATHS, exempt={"uv.lock"}) == []


def test_no_file_names_a_registry_host(tracked_files, root):
    assert _matches(tracked_files, root, REGISTRY_HOSTS, exempt={"uv.lock"}) == []


def test_no_file_talks_about_how_it_was_made(tracked_files, root):
    assert _matches(tracked_files, root, OTHER_WORDS, exempt=set()) == []


def test_no_file_cites_an_issue_by_its_number(tracked_files, root):
    code = [path for path in tracked_files if path.suffix in {".py", ".md", ".toml"}]
    assert _matches(code, root, ISSUE_NUMBERS, exempt=set()) == []


def test_text_files_end_with_one_newline(tracked_files, root):
    found = []
    for path in tracked_files:
        if path.suffix not in {".py", ".md", ".toml", ".yml"}:
            continue
        data = path.read_bytes()
        if data and (not data.endswith(b"\n") or data.endswith(b"\n\n")):
            found.append(path.relative_to(root).as_posix())
    assert found == []


def _matches(paths: list[Path], root: Path, pattern: re.Pattern[str], exempt: set[str]) -> list[str]:
    found = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        if name in exempt:
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}: {line.strip()[:80]}" for number, line in enumerate(lines, 1) if pattern.search(line)
        ]
    return found
