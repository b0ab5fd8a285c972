"""A provider at a scripted model server, for all tests of this plugin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider

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
from hermes_host.testing import model_server_messages as wire
from hermes_host.testing.model_server import Answer, ModelServer, Pause
from hermes_host.testing.model_server_chat import chat, chunk, events, failure
from hermes_host.testing.providers import STALL, check_stream

KEY = "sk-test-0123456789abcdef"

WIRE_FAILURES: dict[type[Exception], Answer] = {
    AuthFailed: failure(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"),
    RateLimited: failure(429, "Rate limit reached", code="rate_limit_exceeded", headers={"retry-after": "2"}),
    Overloaded: failure(529, "Overloaded", type="overloaded_error"),
    ContextTooLong: failure(
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        code="context_length_exceeded",
    ),
    BadRequest: failure(400, "Invalid value for temperature"),
    ConnectionLost: events(chunk({"content": "half"}), Pause.CUT),
    InvalidResponse: events(b"data: {not json\n\n"),
    ContentRefused: failure(400, "The prompt was filtered", code="content_filter"),
}

MESSAGES_FAILURES: dict[type[Exception], Answer] = {
    AuthFailed: wire.failure(401, f"invalid x-api-key {KEY}"),
    RateLimited: wire.failure(429, "Number of requests has exceeded your limit", headers={"retry-after": "2"}),
    Overloaded: wire.failure(529, "Overloaded"),
    ContextTooLong: wire.failure(400, "prompt is too long: 9001 tokens > 8192 maximum"),
    BadRequest: wire.failure(400, "temperature: Input should be less than or equal to 1"),
    ConnectionLost: wire.events(wire.message_start(), wire.text_block(0, "half")[:-1], Pause.CUT),
    InvalidResponse: wire.events(b"event: message_start\ndata: {not json\n\n"),
    ContentRefused: wire.events(wire.message_start(), wire.message_delta("refusal"), wire.message_stop()),
}

STALLED = events(chunk({"content": "hm"}), Pause.HOLD)


def wire_answer(step: Any) -> Any:
    """What a model server says for a step of the contract."""
    if step is STALL:
        return STALLED
    if isinstance(step, MessageEnded):
        return chat(message=step.message, stop_reason=step.stop_reason, usage=step.usage)
    if isinstance(step, Message):
        return chat(message=step)
    if isinstance(step, Exception):
        return WIRE_FAILURES[type(step)]
    return step


def messages_answer(step: Any) -> Any:
    """The same in the other wire."""
    if step is STALL:
        return wire.events(wire.message_start(), wire.text_block(0, "hm")[:-1], Pause.HOLD)
    if isinstance(step, MessageEnded):
        return wire.messages(message=step.message, stop_reason=step.stop_reason, usage=step.usage)
    if isinstance(step, Message):
        return wire.messages(message=step)
    if isinstance(step, Exception):
        return MESSAGES_FAILURES[type(step)]
    return step


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def make(server: ModelServer) -> AsyncIterator[Callable[..., CompatibleProvider]]:
    """Make a provider with these quirks whose server answers with these steps."""
    made: list[CompatibleProvider] = []

    def make(*steps: Any, name: str = "acme", key: str = KEY, **more: Any) -> CompatibleProvider:
        assert server.script is not None
        server.script.extend(wire_answer(step) for step in steps)
        quirks = more.pop("quirks", Quirks())
        made.append(CompatibleProvider(Endpoint(provider=name, base_url=server.url, key=key, quirks=quirks, **more)))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
async def make_messages(server: ModelServer) -> AsyncIterator[Callable[..., CompatibleProvider]]:
    """As `make`, in the Messages wire."""
    made: list[CompatibleProvider] = []

    def make(*steps: Any, name: str = "acme", key: str = KEY, **more: Any) -> CompatibleProvider:
        assert server.script is not None
        server.script.extend(messages_answer(step) for step in steps)
        endpoint = Endpoint(provider=name, base_url=server.origin, wire="messages", key=key, **more)
        made.append(CompatibleProvider(endpoint))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Send a request and read its answer, held to the grammar."""

    async def ask(provider: CompatibleProvider, *messages: Message, **more: Any) -> MessageEnded:
        request = ModelRequest(model="test-model", messages=messages or (user_message("Hello"),), **more)
        return await check_stream(provider.stream(request))

    return ask
