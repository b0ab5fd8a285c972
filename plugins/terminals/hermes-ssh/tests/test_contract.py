from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermes_host.testing import TerminalContract

if TYPE_CHECKING:
    from pathlib import Path


class TestSsh(TerminalContract):
    features = frozenset({"files", "pty", "background", "detached", "network"})

    @pytest.fixture
    def directory(self, tmp_path: Path) -> str:
        return str(tmp_path)
