"""What is installed by which name."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

README_CHAT = (
    "python3 -m pip install uv && "
    'uv run hermes chat -q "list the files here, then read README.md and tell me its title"'
)
README_TESTS = "python3 -m pip install uv && uv run nox -s tests"


def test_the_all_extra_names_every_plugin(project, plugins):
    assert _names(project["project"]["optional-dependencies"]["all"]) == {folder.name for folder in plugins}


def test_the_standard_extra_names_only_plugins_of_this_repository(project, plugins):
    standard = _names(project["project"]["optional-dependencies"]["standard"])
    assert standard
    assert standard <= {folder.name for folder in plugins}


def test_every_plugin_is_taken_from_the_workspace(project, plugins):
    sources = project["tool"]["uv"]["sources"]
    assert set(sources) == {"hermes-host", *(folder.name for folder in plugins)}
    assert all(source == {"workspace": True} for source in sources.values())


def test_the_development_requirements_are_up_to_date(root):
    script = _load(root / "scripts" / "requirements.py")
    written = (root / "requirements-dev.txt").read_text(encoding="utf-8")
    assert written == script.render(root), "run `nox -s requirements`"


def test_the_changelog_begins_with_the_current_version(root):
    version = re.search(r'"(.+)"', (root / "hermes_host/_version.py").read_text(encoding="utf-8").splitlines()[-1])
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert version is not None
    assert re.findall(r"^## (\d+\.\d+\.\d+\S*)", text, re.MULTILINE)[0] == version.group(1)


def test_the_readme_begins_with_the_two_commands(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# hermes-host\n")
    first_screen = "\n".join(text.splitlines()[:40])
    assert README_CHAT in first_screen
    assert README_TESTS in first_screen


def test_ci_runs_the_readmes_test_command(root):
    script = root / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    assert script.read_text(encoding="utf-8").rstrip().splitlines()[-1] == README_TESTS


def test_the_readme_lists_every_plugin(root, plugins):
    text = (root / "README.md").read_text(encoding="utf-8")
    assert [folder.name for folder in plugins if f"`{folder.name}`" not in text] == []


def test_readme_links_lead_somewhere(root):
    for document in (root / "README.md", root / "CONTRIBUTING.md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
        assert [link for link in links if not (root / link).exists()] == []


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\s\[<>=!~;]", text, maxsplit=1)[0] for text in requirements}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
