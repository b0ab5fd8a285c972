"""The conformance kit for sources, against the bundled skills as a source."""

from __future__ import annotations

import pytest
from hermes_skills.sync import bundled_skills

from hermes_host.protocols import SkillFolder
from hermes_host.testing.skills import SkillSourceContract


class BundledSource:
    def __init__(self, root):
        self.root = root

    def folders(self):
        found = bundled_skills(self.root).values()
        return [SkillFolder(path=str(self.root.joinpath(*parts)), category="/".join(parts[:-1])) for parts in found]


class TestBundledSkillsAsASource(SkillSourceContract):
    @pytest.fixture
    def source(self):
        from pathlib import Path

        import hermes_skills

        return BundledSource(Path(hermes_skills.__file__).parent / "bundled")
