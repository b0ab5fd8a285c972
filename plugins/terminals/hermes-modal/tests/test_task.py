"""The task that an agent does on every terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.testing.terminal_tasks import do_the_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.protocols import TerminalBackend


async def test_an_agent_does_the_task(make_backend: Callable[..., TerminalBackend], tmp_path: Path) -> None:
    await do_the_task(make_backend(), tmp_path / "task", plugins=("files", "terminal"))
