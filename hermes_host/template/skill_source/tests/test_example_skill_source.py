"""The plugin and its source of skills keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_host.testing import PluginContract, SkillSourceContract

from hermes_example_skill_source.source import Source


class TestPlugin(PluginContract):
    plugin = "example-skill-source"


class TestSource(SkillSourceContract):
    @pytest.fixture
    def source(self) -> Source:
        return Source()


def test_the_skills_are_there() -> None:
    assert [Path(folder.path).name for folder in Source().folders()] == ["plan-a-day"]
