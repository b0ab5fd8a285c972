"""The provider keeps the host's contract, with the vendor's own SDK over real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hermes_anthropic.provider import AnthropicProvider

from hermes_host.protocols import Provider
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.providers import ProviderContract


class TestAnthropic(ProviderContract):
    @pytest.fixture
    async def provider(self, make: Callable[..., AnthropicProvider]) -> Callable[..., Awaitable[Provider]]:
        async def connect(*steps: Any) -> Provider:
            return make(*steps)

        return connect

    @pytest.fixture
    def sent(self, server: ModelServer) -> Callable[[], Sequence[str]]:
        return lambda: [request.body.decode() for request in server.requests]

    @pytest.fixture
    def left(self, server: ModelServer) -> Callable[[], Awaitable[None]]:
        async def left() -> None:
            await server.requests[-1].gone.wait()

        return left
