"""The shell code for far machines, in the shells it may meet there."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hermes_host.terminals.remote.programs import KILL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("tools", ["the machine's", "busybox"])
async def test_marked_processes_are_found_wherever_the_mark_stands(tools: str, tmp_path: Path) -> None:
    path = os.environ["PATH"]
    if tools == "busybox":
        busybox = shutil.which("busybox")
        if busybox is None:
            pytest.skip("no busybox here (Debian: apt-get install busybox-static)")
        for name in ("sh", "grep", "sed", "sleep", "kill"):
            (tmp_path / name).symlink_to(busybox)
        path = str(tmp_path)
    mark = f"mark{os.getpid()}"
    processes = [
        await asyncio.create_subprocess_exec("sleep", "1000", env={"A": "1", "HERMES_RUN": f"{mark}.1", "Z": "2"}),
        await asyncio.create_subprocess_exec("sleep", "1000", env={"A": "1", "HERMES_RUN": f"{mark}.2"}),
    ]
    try:
        look = await asyncio.create_subprocess_exec(
            f"{tmp_path}/sh" if tools == "busybox" else "sh", "-c", KILL, "sh", mark, "look", env={"PATH": path}
        )
        assert await look.wait() == 1
        kill = await asyncio.create_subprocess_exec(
            f"{tmp_path}/sh" if tools == "busybox" else "sh", "-c", KILL, "sh", mark, "4", env={"PATH": path}
        )
        assert await kill.wait() == 0
        async with asyncio.timeout(5):
            assert {await process.wait() for process in processes} <= {-15, -9, -1}
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
