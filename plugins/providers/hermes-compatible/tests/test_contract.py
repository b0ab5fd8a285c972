"""The provider keeps the host's contract, over real HTTP, in each of its wires."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider

from hermes_host.protocols import Provider
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.providers import ProviderContract


class TestChatCompletions(ProviderContract):
    @pytest.fixture
    async def provider(self, make: Callable[..., CompatibleProvider]) -> Callable[..., Awaitable[Provider]]:
        async def connect(*steps: Any) -> Provider:
            return make(*steps, quirks=Quirks(echo="reasoning_content"))

        return connect

    @pytest.fixture
    def sent(self, server: ModelServer) -> Callable[[], Sequence[str]]:
        return lambda: [request.body.decode() for request in server.requests]

    @pytest.fixture
    def left(self, server: ModelServer) -> Callable[[], Awaitable[None]]:
        async def left() -> None:
            await server.requests[-1].gone.wait()

        return left


class TestMessages(ProviderContract):
    @pytest.fixture
    async def provider(self, make_messages: Callable[..., CompatibleProvider]) -> Callable[..., Awaitable[Provider]]:
        async def connect(*steps: Any) -> Provider:
            return make_messages(*steps)

        return connect

    @pytest.fixture
    def sent(self, server: ModelServer) -> Callable[[], Sequence[str]]:
        return lambda: [request.body.decode() for request in server.requests]

    @pytest.fixture
    def left(self, server: ModelServer) -> Callable[[], Awaitable[None]]:
        async def left() -> None:
            await server.requests[-1].gone.wait()

        return left
