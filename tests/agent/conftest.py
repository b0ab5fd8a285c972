"""A host with a scripted model and tools made from functions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hermes_host.testing import StandInHost


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StandInHost]:
    async with StandInHost(tmp_path / "home") as host:
        yield host
