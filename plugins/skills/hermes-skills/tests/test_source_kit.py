"""The conformance kit for sources, against the source this plugin brings and one that lists every bundled skill."""

from __future__ import annotations

from pathlib import Path

import hermes_skills
import pytest
from hermes_skills.source import HostSkills
from hermes_skills.sync import bundled_skills

from hermes_host.protocols import SkillFolder
from hermes_host.testing.skills import SkillSourceContract


class TestHostSkills(SkillSourceContract):
    @pytest.fixture
    def source(self, monkeypatch):
        monkeypatch.delenv("HERMES_BUNDLED_SKILLS", raising=False)
        return HostSkills(wanted=True)

    def test_there_are_some_unless_they_are_switched_off(self, source):
        assert {Path(folder.path).name for folder in source.folders()} == {"hermes-guide", "writing-skills"}
        assert HostSkills(wanted=False).folders() == []


class EverySkill:
    def folders(self):
        root = Path(hermes_skills.__file__).parent / "bundled"
        found = bundled_skills(root).values()
        return [SkillFolder(path=str(root.joinpath(*parts)), category="/".join(parts[:-1])) for parts in found]


class TestBundledSkills(SkillSourceContract):
    @pytest.fixture
    def source(self):
        return EverySkill()
