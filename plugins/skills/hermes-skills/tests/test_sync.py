"""Copying the bundled skills."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hermes_skills.sync import bundled_folder, bundled_skills, sync_bundled


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make) -> Path:
    root = tmp_path / "bundled"
    monkeypatch.setenv("HERMES_BUNDLED_SKILLS", str(root))
    for name in ("new", "kept", "edited", "deleted", "gone"):
        make(f"tools/{name}", root=root)
    (root / "tools/DESCRIPTION.md").write_text("---\ndescription: Tools\n---\n", encoding="utf-8")
    return root


def change(root: Path, name: str) -> None:
    file = root / "tools" / name / "SKILL.md"
    file.write_text(file.read_text(encoding="utf-8") + "changed\n", encoding="utf-8")


def test_edits_and_deletions_are_respected(home, skills, bundled, make):
    make("tools/new", "The user's own.")
    first = sync_bundled(home)
    assert (first.copied, first.skipped, first.total_bundled) == (["deleted", "edited", "gone", "kept"], ["new"], 5)
    assert (skills / "tools/DESCRIPTION.md").exists()
    assert sync_bundled(home) is None
    change(skills, "edited")
    shutil.rmtree(skills / "tools/deleted")
    (skills / "tools/kept/__pycache__").mkdir()
    (skills / "tools/kept/__pycache__/x.pyc").write_bytes(b"x")
    shutil.rmtree(bundled / "tools/gone")
    for name in ("new", "kept", "edited", "deleted"):
        change(bundled, name)
    second = sync_bundled(home)
    assert (second.copied, second.updated) == ([], ["kept"])
    assert (second.user_modified, second.cleaned) == (["edited", "new"], ["gone"])
    assert "changed" in (skills / "tools/kept/SKILL.md").read_text(encoding="utf-8")
    assert "The user's own." in (skills / "tools/new/SKILL.md").read_text(encoding="utf-8")
    assert not (skills / "tools/deleted").exists()
    assert (skills / "tools/gone/SKILL.md").exists()
    assert sorted(path.name for path in (skills / "tools").iterdir()) == [
        "DESCRIPTION.md",
        "edited",
        "gone",
        "kept",
        "new",
    ]
    assert not (skills / ".changing").exists()


def test_two_processes_copy_once(home, skills, bundled):
    program = (
        "import pathlib, sys; from hermes_skills.sync import sync_bundled; sync_bundled(pathlib.Path(sys.argv[1]))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(home)]) for _ in range(2)]
    assert [process.wait(30) for process in processes] == [0, 0]
    assert len(list(skills.rglob("SKILL.md"))) == 5
    assert len((skills / ".bundled_manifest").read_text(encoding="utf-8").splitlines()) == 5


async def test_bundled_skills_are_there_at_the_first_use(home, monkeypatch):
    from hermes_skills.library import Library

    from hermes_host.testing import StandInHost

    monkeypatch.delenv("HERMES_BUNDLED_SKILLS", raising=False)
    async with StandInHost(home, plugins=["skills"]) as host:
        found = await (await host.services.get(Library)).load()
    assert {skill.name for skill in found.skills} == set(bundled_skills(bundled_folder()))
    assert found.problems == []
    assert found.categories["devops"]
