"""A provider at a scripted model server, for all tests of this plugin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hermes_anthropic.endpoint import Endpoint
from hermes_anthropic.provider import AnthropicProvider
from hermes_anthropic.settings import Settings

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    Overloaded,
    RateLimited,
)
from hermes_host.messages import Message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import MessageEnded
from hermes_host.testing.model_server import Answer, ModelServer, Pause
from hermes_host.testing.model_server_messages import (
    block_delta,
    block_start,
    events,
    failure,
    message_start,
    messages,
    models,
)
from hermes_host.testing.providers import STALL, check_stream

KEY = "sk-ant-test-0123456789abcdef"

TOO_LONG = "prompt is too long: 9001 tokens > 8192 maximum"

BEGUN = (message_start(), block_start(0, {"type": "text", "text": ""}), block_delta(0, text="half"))

WIRE_FAILURES: dict[type[Exception], Answer] = {
    AuthFailed: failure(401, f"invalid x-api-key {KEY}"),
    RateLimited: failure(429, "This request would exceed your rate limit", headers={"retry-after": "2"}),
    Overloaded: failure(529, "Overloaded"),
    ContextTooLong: failure(400, TOO_LONG),
    BadRequest: failure(400, "max_tokens: Field required"),
    ConnectionLost: events(*BEGUN, Pause.CUT),
    InvalidResponse: events(message_start(), b"event: ping\ndata: {not json\n\n"),
    ContentRefused: failure(400, "Output blocked by content filtering policy"),
}

STALLED = events(*BEGUN, Pause.HOLD)


def wire_answer(step: Any) -> Any:
    """What a model server says for a step of the contract."""
    if step is STALL:
        return STALLED
    if isinstance(step, MessageEnded):
        return messages(message=step.message, stop_reason=step.stop_reason, usage=step.usage)
    if isinstance(step, Message):
        return messages(message=step)
    if isinstance(step, Exception):
        return WIRE_FAILURES[type(step)]
    return step


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(models=models("claude-sonnet-5-5", "claude-haiku-5-5")) as server:
        yield server


@pytest.fixture
async def make(server: ModelServer) -> AsyncIterator[Callable[..., AnthropicProvider]]:
    """Make a provider with these settings whose server answers with these steps."""
    made: list[AnthropicProvider] = []

    def make(*steps: Any, **settings: Any) -> AnthropicProvider:
        assert server.script is not None
        server.script.extend(wire_answer(step) for step in steps)
        endpoint = Endpoint(
            base_url=server.origin, key=KEY, key_name="ANTHROPIC_API_KEY", settings=Settings(**settings)
        )
        made.append(AnthropicProvider(endpoint))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Send a request and read its answer, held to the grammar."""

    async def ask(
        provider: AnthropicProvider, *given: Message, model: str = "claude-sonnet-5-5", **more: Any
    ) -> MessageEnded:
        request = ModelRequest(model=model, messages=given or (user_message("Hello"),), **more)
        return await check_stream(provider.stream(request))

    return ask
