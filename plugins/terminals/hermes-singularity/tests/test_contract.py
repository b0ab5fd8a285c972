from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest

from hermes_host.testing import TerminalContract

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.protocols import Terminal


class TestSingularity(TerminalContract):
    """Against the stand-in, in a directory of this machine that is bound into the container."""

    features = frozenset({"files", "pty", "background", "network", "reap"})

    @pytest.fixture
    def directory(self, tmp_path: Path) -> str:
        (tmp_path / "work").mkdir()
        return str(tmp_path / "work")

    async def _expect_nothing_alive(self, terminal: Terminal, place: str) -> None:
        """Looked for from outside: the numbers the processes wrote mean something else in another container."""
        found = await asyncio.to_thread(subprocess.run, ["ps", "-eo", "args="], capture_output=True, text=True)
        lines = [line for line in found.stdout.splitlines() if f"{place}/pids" in line]
        assert lines == []
