"""A provider at a scripted model server, for all tests of this plugin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_openai.endpoint import CHAT_QUIRKS, Access
from hermes_openai.provider import OpenAIProvider

from hermes_host.messages import Message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import MessageEnded
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.providers import check_stream

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def make(server: ModelServer) -> AsyncIterator[Callable[..., Awaitable[OpenAIProvider]]]:
    """Make a provider whose server answers with these steps. `key`, time-outs and headers are the endpoint's."""
    made: list[OpenAIProvider] = []

    async def make(*steps: Any, key: str = KEY, **more: Any) -> OpenAIProvider:
        assert server.script is not None
        server.script.extend(steps)
        settings: dict[str, Any] = {
            "provider": "openai",
            "base_url": server.url,
            "quirks": CHAT_QUIRKS,
            "key_name": "OPENAI_API_KEY",
        }
        names = Endpoint.__dataclass_fields__
        settings.update({name: more.pop(name) for name in list(more) if name in names})
        access = Access(endpoint=Endpoint(key=key, **settings), **more)
        made.append(OpenAIProvider(access))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Send a request and read its answer, held to the grammar."""

    async def ask(provider: OpenAIProvider, *messages: Message, model: str = "test-model", **more: Any) -> MessageEnded:
        request = ModelRequest(model=model, messages=messages or (user_message("Hello"),), **more)
        return await check_stream(provider.stream(request))

    return ask


@pytest.fixture
def stored() -> Callable[[Message], Message]:
    """A message as it comes back from the session's log."""
    from hermes_host.messages import decode_message, encode_message

    return lambda message: decode_message(msgspec.json.decode(msgspec.json.encode(encode_message(message))))
