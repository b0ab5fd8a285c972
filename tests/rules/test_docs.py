"""Documentation that cannot rot: what is generated is up to date, what is shown is a file, what is linked exists."""

from __future__ import annotations

import re
import subprocess
import sys

import yaml


def test_the_generated_pages_are_up_to_date(root):
    script = "from scripts.reference import render; import json; print(json.dumps(render()))"
    outcome = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    pages = yaml.safe_load(outcome.stdout)
    folder = root / "docs" / "reference"
    written = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.md")}
    assert set(written) == set(pages), "run `nox -s docs`"
    assert [name for name, text in pages.items() if written[name] != text] == [], "run `nox -s docs`"


def test_every_page_is_in_the_navigation(root):
    pages = {path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.md")}
    assert pages == set(_leaves(_configuration(root)["nav"]))


def test_every_shown_file_exists(root):
    folders = [root / "docs" / "snippets", root / "tests" / "system" / "third_party"]
    missing = [
        f"{page.name}: {name}"
        for page in (root / "docs").rglob("*.md")
        for name in re.findall(r'^--8<-- "(.+)"$', page.read_text(encoding="utf-8"), re.MULTILINE)
        if not any((folder / name).is_file() for folder in folders)
    ]
    assert missing == []


def test_every_snippet_is_shown_somewhere(root):
    shown = "".join(page.read_text(encoding="utf-8") for page in (root / "docs").rglob("*.md"))
    snippets = [path.name for path in (root / "docs" / "snippets").glob("*.py")]
    assert [name for name in snippets if f'--8<-- "{name}"' not in shown] == []


def test_exit_codes_are_documented_as_they_are(root):
    entry = (root / "hermes_host" / "cli" / "entry.py").read_text(encoding="utf-8")
    page = (root / "docs" / "guide" / "chat.md").read_text(encoding="utf-8")
    said = set(re.findall(r"(?:^|· )\s*(\d+) [a-z]", entry.partition("Exit codes:")[2].partition('"""')[0]))
    table = set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE))
    assert said
    assert said == table


def _leaves(items):
    for item in items:
        if isinstance(item, dict):
            for value in item.values():
                yield from [value] if isinstance(value, str) else _leaves(value)
        else:
            yield item


def _configuration(root):
    return yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))
