from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend

from hermes_host.context import SessionContext
from hermes_host.terminals import Terminals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hermes_host.terminals import Shell


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """The directory the session starts in."""
    directory = tmp_path / "start"
    directory.mkdir()
    return directory


@pytest.fixture
async def terminals(tmp_path: Path) -> AsyncIterator[Terminals]:
    backend = LocalBackend()

    async def connect(name: str) -> LocalBackend:
        assert name == "local"
        return backend

    terminals = Terminals(connect, results=tmp_path / "results")
    yield terminals
    await terminals.aclose()


@pytest.fixture
async def shell(terminals: Terminals, start: Path) -> Shell:
    return await terminals.shell(SessionContext("session", directory=str(start)))
