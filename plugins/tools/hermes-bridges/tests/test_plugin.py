"""The plugin as every plugin, and its source of skills as every source."""

from __future__ import annotations

import pytest
from hermes_bridges.bridges import Bridges
from hermes_bridges.skills import BridgedSkills

from hermes_host.testing import PluginContract, SkillSourceContract, StandInHost


class TestBridges(PluginContract):
    plugin = "bridges"


class TestBridgedSkills(SkillSourceContract):
    @pytest.fixture
    def source(self, make, home, hermes):
        hermes("add", make("review-kit"), "--yes")
        return BridgedSkills(Bridges(StandInHost(home, plugins=["bridges"]).context("bridges")))

    def test_it_lists_what_lies_in_trusted_folders(self, source):
        (folder,) = source.folders()
        assert folder.path.endswith("review-kit/skills/reading-diffs")
        assert folder.category == "review-kit"
