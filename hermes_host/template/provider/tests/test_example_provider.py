"""The plugin and its provider keep their contracts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_host.errors import AuthFailed, BadRequest, Overloaded, ProviderError, RateLimited
from hermes_host.messages import Message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.testing import PluginContract, ProviderContract, StandInHost, events_of, finished
from hermes_host.testing.providers import STALL

from hermes_example_provider.backend import VendorError
from hermes_example_provider.provider import VendorProvider

MakeProvider = Callable[..., Awaitable[VendorProvider]]


class TestPlugin(PluginContract):
    plugin = "example-provider"


class ScriptedBackend:
    """Stands in for the vendor: answers one request with each step."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.left = asyncio.Event()

    async def answer(self, request: ModelRequest) -> AsyncGenerator[str, None]:
        step = self.steps.pop(0)
        if step is STALL:
            try:
                yield "once "
                await asyncio.Event().wait()
            finally:
                self.left.set()
        elif isinstance(step, VendorError):
            raise step
        elif isinstance(step, Message):
            yield step.text


class TestProvider(ProviderContract):
    # Add features as the provider learns them: `tools`, `reasoning`, `usage`, `errors` …
    features = frozenset({"models", "cancel"})

    @pytest.fixture
    def backends(self) -> list[ScriptedBackend]:
        return []

    @pytest.fixture
    async def provider(self, backends: list[ScriptedBackend]) -> MakeProvider:
        async def make(*steps: Any) -> VendorProvider:
            backends.append(ScriptedBackend(*steps))
            return VendorProvider(backends[-1])

        return make

    @pytest.fixture
    def left(self, backends: list[ScriptedBackend]) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            await backends[-1].left.wait()

        return wait


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthFailed), (429, RateLimited), (503, Overloaded), (400, BadRequest)],
)
async def test_a_failure_of_the_vendor_is_raised_in_the_hosts_words(status: int, kind: type[ProviderError]) -> None:
    provider = VendorProvider(ScriptedBackend(VendorError("no", status)))
    request = ModelRequest(model="echo", messages=[user_message("hi")])
    with pytest.raises(kind):
        async for _ in provider.stream(request):
            pass


async def test_it_answers_in_a_conversation(tmp_path: Path) -> None:
    home, environ = tmp_path / "home", {"EXAMPLE_PROVIDER_API_KEY": "a-key-for-tests"}
    async with StandInHost(home, plugins=["example-provider"], environ=environ) as host:
        session = await host.start(provider="example-provider")
        assert finished(await events_of(session.run("good morning"))).text.strip() == "good morning"
