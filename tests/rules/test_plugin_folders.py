"""Every plugin folder has the same things in it."""

from __future__ import annotations

import re

HEADINGS = ["Install", "Configure", "Use", "Limits", "Remove"]
FAMILIES = {
    *("providers", "tools", "terminals", "memory", "skills", "gateway"),
    *("frontends", "automation", "research", "migration"),
}


def test_the_folder_has_everything_a_distribution_needs(plugin):
    wanted = [
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        f"{plugin.package}/__init__.py",
        f"{plugin.package}/plugin.py",
        f"{plugin.package}/py.typed",
    ]
    missing = [name for name in wanted if not (plugin.path / name).is_file()]
    assert missing == []
    assert list((plugin.path / "tests").glob("test_*.py")), "it has no tests"


def test_the_folder_lies_in_a_known_family(plugin):
    assert plugin.path.parent.name in FAMILIES


def test_the_readme_says_how_to_install_configure_use_and_remove_it(plugin):
    text = (plugin.path / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {plugin.name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE)[:1] == ["Install"]
    missing = [heading for heading in HEADINGS if not re.search(rf"^## {heading}$", text, re.MULTILINE)]
    assert missing == []
    assert f"pip install {plugin.name}" in text


def test_the_changelog_begins_with_the_current_version(plugin):
    text = (plugin.path / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+\S*)", text, re.MULTILINE)
    assert versions[:1] == [plugin.pyproject["project"]["version"]]


def test_the_metadata_is_complete(plugin):
    project = plugin.pyproject["project"]
    assert project["name"] == plugin.name
    assert re.fullmatch(r"hermes-[a-z0-9]+(-[a-z0-9]+)*", plugin.name)
    assert project["license"] == "MIT"
    assert project["requires-python"] == ">=3.11"
    assert project["description"]
    assert any(text.startswith("hermes-host>=") for text in project["dependencies"])
    entry_points = project["entry-points"]["hermes.v1"]
    assert entry_points == {plugin.name.removeprefix("hermes-"): f"{plugin.package}.plugin"}
    assert "pytest" not in plugin.pyproject.get("tool", {}), "it would move pytest's root folder"


def test_the_licence_is_the_projects(plugin, root):
    assert (plugin.path / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()


def test_tests_have_no_package_file(plugin):
    assert not (plugin.path / "tests" / "__init__.py").exists()
