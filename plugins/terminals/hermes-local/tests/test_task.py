"""The task that an agent does on every terminal, here without and with a sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_local.backend import LocalBackend
from hermes_local.sandbox import level_of
from hermes_local.settings import Settings

from hermes_host.testing.terminal_tasks import do_the_task


@pytest.mark.parametrize("mode", ["off", "workspace", "strict"])
async def test_an_agent_does_the_task(tmp_path: Path, mode: str) -> None:
    if mode != "off" and level_of(Settings(), mode).means == "none":
        pytest.skip("there is no sandbox on this machine")
    work = tmp_path / "work"
    work.mkdir()
    backend = LocalBackend() if mode == "off" else LocalBackend(sandbox=mode)
    await do_the_task(backend, tmp_path, plugins=("files", "terminal"), directory=str(work))
