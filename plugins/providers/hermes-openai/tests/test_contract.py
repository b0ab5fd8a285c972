"""The provider keeps the host's contract on both wires, over real HTTP and through the vendor's SDK."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hermes_openai.provider import OpenAIProvider

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
from hermes_host.messages import Message
from hermes_host.protocols import Provider
from hermes_host.stream import MessageEnded
from hermes_host.testing.model_server import Answer, ModelServer, Pause
from hermes_host.testing.model_server_chat import chat, chunk
from hermes_host.testing.model_server_chat import events as chat_events
from hermes_host.testing.model_server_responses import events, failure, message_item, responses
from hermes_host.testing.model_server_responses_events import item_added, text_delta
from hermes_host.testing.providers import STALL, ProviderContract

BEGUN = (item_added(message_item("")), text_delta("hm"))

FAILURES: dict[type[Exception], Answer] = {
    AuthFailed: failure(401, "Incorrect API key provided."),
    RateLimited: failure(429, "Rate limit reached", headers={"retry-after": "2"}),
    Overloaded: failure(529, "Overloaded"),
    ContextTooLong: failure(
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        code="context_length_exceeded",
    ),
    BadRequest: failure(400, "Invalid value for temperature"),
    InvalidResponse: events(b"data: {not json\n\n"),
    ContentRefused: failure(400, "The prompt was filtered", code="content_filter"),
}


def wire_answer(step: Any, build: Any, begun: Callable[[Pause], Answer]) -> Any:
    """What a model server says for a step of the contract."""
    if step is STALL:
        return begun(Pause.HOLD)
    if isinstance(step, MessageEnded):
        return build(message=step.message, stop_reason=step.stop_reason, usage=step.usage)
    if isinstance(step, Message):
        return build(message=step)
    return begun(Pause.CUT) if isinstance(step, ConnectionLost) else FAILURES[type(step)]


class Fixtures(ProviderContract):
    @pytest.fixture
    def sent(self, server: ModelServer) -> Callable[[], Sequence[str]]:
        return lambda: [request.body.decode() for request in server.requests]

    @pytest.fixture
    def left(self, server: ModelServer) -> Callable[[], Awaitable[None]]:
        async def left() -> None:
            await server.requests[-1].gone.wait()

        return left


class TestResponses(Fixtures):
    @pytest.fixture
    async def provider(self, make: Callable[..., Awaitable[OpenAIProvider]]) -> Callable[..., Awaitable[Provider]]:
        async def connect(*steps: Any) -> Provider:
            return await make(*(wire_answer(step, responses, lambda pause: events(*BEGUN, pause)) for step in steps))

        return connect


class TestChat(Fixtures):
    # OpenAI's chat completions neither tell what a model thought nor take it back.
    features = ProviderContract.features - {"meta"}

    @pytest.fixture
    async def provider(self, make: Callable[..., Awaitable[OpenAIProvider]]) -> Callable[..., Awaitable[Provider]]:
        def begun(pause: Pause) -> Answer:
            return chat_events(chunk({"content": "hm"}), pause)

        async def connect(*steps: Any) -> Provider:
            return await make(*(wire_answer(step, chat, begun) for step in steps), api="chat")

        return connect
