"""The memory keeps the contract of memories, with Honcho there and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hermes_honcho.testing import HonchoServer

from hermes_host.testing import StandInHost
from hermes_host.testing.memories import MemoryContract


class TestMemory(MemoryContract):
    features = frozenset({"prompt", "recall", "observe", "flush"})

    @pytest.fixture
    async def memory(self, make: Callable[[], StandInHost], configure: Callable[..., None]) -> Any:
        configure()
        host = make()
        return await host.part(host.memories.get("honcho"))

    @pytest.fixture
    def known(self, server: HonchoServer) -> str:
        return server.representation


class TestMemoryWithoutConfiguration(MemoryContract):
    features = frozenset({"prompt", "recall", "observe", "flush"})

    @pytest.fixture
    async def memory(self, make: Callable[[], StandInHost]) -> Any:
        host = make()
        return await host.part(host.memories.get("honcho"))


class TestMemoryOfAServerThatIsDown(MemoryContract):
    features = frozenset({"prompt", "recall", "observe", "flush"})

    @pytest.fixture
    async def memory(
        self, make: Callable[[], StandInHost], configure: Callable[..., None], server: HonchoServer
    ) -> Any:
        configure()
        server.fail("workspaces", times=10_000)
        host = make()
        return await host.part(host.memories.get("honcho"))
