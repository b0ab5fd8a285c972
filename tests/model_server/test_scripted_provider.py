"""The scripted provider keeps the contract that it stands in for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from hermes_host.errors import BadRequest
from hermes_host.messages import Text, assistant_message, user_message
from hermes_host.protocols import ModelRequest, Provider
from hermes_host.stream import PartDelta, PartStarted, ProviderEvent, fold
from hermes_host.testing.providers import STALL, ProviderContract, ScriptedProvider, check_stream

REQUEST = ModelRequest(model="m", messages=[user_message("hi")])


class TestScriptedProvider(ProviderContract):
    features = ProviderContract.features - {"meta", "sent"}

    @pytest.fixture
    def gone(self) -> asyncio.Event:
        return asyncio.Event()

    @pytest.fixture
    async def provider(self, gone: asyncio.Event) -> Callable[..., Awaitable[Provider]]:
        async def stall(_: ModelRequest) -> AsyncIterator[ProviderEvent]:
            try:
                yield PartStarted(0, "text")
                yield PartDelta(0, "hm")
                await asyncio.Event().wait()
            finally:
                gone.set()

        async def make(*steps: Any) -> Provider:
            return ScriptedProvider([stall if step is STALL else step for step in steps])

        return make

    @pytest.fixture
    def left(self, gone: asyncio.Event) -> Callable[[], Awaitable[object]]:
        return gone.wait


async def test_it_keeps_the_requests_and_counts_the_calls_of_aclose() -> None:
    provider = ScriptedProvider(["hello"])
    await fold(provider.stream(REQUEST))
    await provider.aclose()
    assert provider.requests == [REQUEST]
    assert provider.closed == 1


async def test_a_step_may_be_text_a_message_an_error_or_a_function_of_the_request() -> None:
    async def later(request: ModelRequest) -> str:
        return f"later, {request.model}"

    provider = ScriptedProvider(
        ["text", assistant_message("message"), later, lambda request: request.messages[0].text, OSError("gone")]
    )
    texts = [(await check_stream(provider.stream(REQUEST))).message.text for _ in range(4)]
    assert texts == ["text", "message", "later, m", "hi"]
    with pytest.raises(OSError, match="gone"):
        await fold(provider.stream(REQUEST))


async def test_text_comes_in_several_deltas() -> None:
    provider = ScriptedProvider(["a longer answer"])
    deltas = [event async for event in provider.stream(REQUEST) if isinstance(event, PartDelta)]
    assert len(deltas) > 1


async def test_a_request_after_the_last_step_is_refused_with_the_reason() -> None:
    with pytest.raises(BadRequest, match="script of this provider is over"):
        await fold(ScriptedProvider([]).stream(REQUEST))


@pytest.mark.parametrize(
    "events",
    [
        [PartDelta(0, "x")],
        [PartStarted(1, "text")],
        [PartStarted(0, "text"), PartStarted(1, "text")],
        [PartStarted(0, "text")],
        [],
    ],
    ids=["a delta of no part", "a wrong number", "a part within a part", "a part without end", "no end"],
)
async def test_the_grammar_check_finds_what_is_wrong(events: list[ProviderEvent]) -> None:
    async def stream() -> AsyncIterator[ProviderEvent]:
        for event in events:
            yield event

    with pytest.raises(AssertionError):
        await check_stream(stream())


async def test_the_grammar_check_compares_deltas_with_the_part() -> None:
    async def stream(request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        async for event in ScriptedProvider([assistant_message(Text(text="whole"))]).stream(request):
            if not isinstance(event, PartDelta):
                yield event

    with pytest.raises(AssertionError, match="deltas of part 0"):
        await check_stream(stream(REQUEST))
