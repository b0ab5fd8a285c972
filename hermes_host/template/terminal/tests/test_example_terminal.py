"""The plugin and its terminal keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_host.testing import PluginContract, TerminalContract

from hermes_example_terminal.backend import Backend


class TestPlugin(PluginContract):
    plugin = "example-terminal"


class TestTerminal(TerminalContract):
    features = frozenset({"files", "background", "detached", "hibernate", "network"})
    patience = 5.0

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return Backend(tmp_path)
