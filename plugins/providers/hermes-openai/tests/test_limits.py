"""The time limits of a request, over real sockets: connecting, reading and writing, each for that request alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hermes_host.errors import ConnectionLost
from hermes_host.messages import user_message
from hermes_host.protocols import TimeLimits
from hermes_host.testing.model_server import Answer, ModelServer, Pause
from hermes_host.testing.model_server_chat import chat, chunk
from hermes_host.testing.model_server_chat import events as chat_events
from hermes_host.testing.model_server_responses import events, message_item, responses
from hermes_host.testing.model_server_responses_events import item_added, text_delta

Make = Callable[..., Any]


@pytest.fixture
def full() -> Iterator[int]:
    """The port of a listener whose queue is full, so that a further connection waits for ever."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
async def deaf() -> AsyncIterator[int]:
    """The port of a server that accepts connections and never reads."""
    accepted: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        accepted.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in accepted:
        writer.transport.abort()


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_the_limit_for_connecting_is_kept(make: Make, ask: Any, full: int, api: str) -> None:
    provider = await make(base_url=f"http://127.0.0.1:{full}/v1", api=api, connect_timeout=30)
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionLost, match=r"did not accept a connection within 0\.1 s"):
            await ask(provider, limits=TimeLimits(connect=0.1))


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_the_limit_for_reading_is_kept_before_the_first_byte(make: Make, ask: Any, api: str) -> None:
    provider = await make(Answer(hold_first=True), api=api)
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionLost, match=r"was silent for 0\.1 s.*resilience\.read_timeout") as lost:
            await ask(provider, limits=TimeLimits(read=0.1))
    assert not lost.value.partial


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_the_limit_for_reading_is_kept_within_an_answer(make: Make, ask: Any, api: str) -> None:
    begun = {
        "responses": events(item_added(message_item()), text_delta("x"), Pause.HOLD),
        "chat": chat_events(chunk({"content": "x"}), Pause.HOLD),
    }
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionLost, match=r"was silent for 0\.1 s") as lost:
            await ask(await make(begun[api], api=api), limits=TimeLimits(read=0.1))
    assert lost.value.partial


async def test_the_limit_for_writing_is_kept(make: Make, ask: Any, deaf: int) -> None:
    provider = await make(base_url=f"http://127.0.0.1:{deaf}/v1")
    large = user_message("x" * 40_000_000)
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionLost, match=r"took no more of the request for 0\.2 s"):
            await ask(provider, large, limits=TimeLimits(write=0.2))


async def test_a_limit_holds_for_its_own_request_and_may_be_longer_than_the_setting(
    make: Make, ask: Any, server: ModelServer
) -> None:
    provider = await make(Answer(hold_first=True), Answer(hold_first=True), _held("late"), read_timeout=0.05)
    async with asyncio.timeout(10):
        for limits in (TimeLimits(), TimeLimits(connect=5)):
            with pytest.raises(ConnectionLost, match=r"was silent for 0\.05 s.*openai\.read_timeout"):
                await ask(provider, limits=limits)
        asking = asyncio.create_task(ask(provider, limits=TimeLimits(read=30)))
        await server.holding.wait()
        await asyncio.sleep(0.1)  # longer than the setting allows: the time itself is what is tested
        server.release()
        assert (await asking).message.text == "late"


async def test_no_limit_goes_beyond_the_time_for_the_whole_answer(make: Make, ask: Any) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionLost, match=r"was silent for 0\.1 s"):
            await ask(await make(Answer(hold_first=True)), timeout=0.1, limits=TimeLimits(read=300))


async def test_an_answer_within_its_limits_is_given(make: Make, ask: Any) -> None:
    limits = TimeLimits(connect=5, read=5, write=5)
    for api, build in (("responses", responses), ("chat", chat)):
        assert (await ask(await make(build("fine"), api=api), limits=limits)).message.text == "fine"


def _held(text: str) -> Any:
    def answer(request: Any) -> Answer:
        good = responses(text)(request)
        return Answer(pieces=good.pieces, headers=good.headers, framing=good.framing, hold_first=True)

    return answer
