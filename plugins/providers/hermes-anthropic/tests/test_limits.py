"""How long each stage of a request may take, through the vendor's own SDK and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hermes_anthropic.endpoint import Endpoint
from hermes_anthropic.provider import AnthropicProvider
from hermes_anthropic.settings import Settings

from hermes_host.errors import ConnectionLost
from hermes_host.messages import user_message
from hermes_host.protocols import TimeLimits
from hermes_host.testing.model_server import Answer, ModelServer, Pause
from hermes_host.testing.model_server_messages import events, message_start, messages, text_block

Make = Callable[..., AnthropicProvider]

LARGE = user_message("x" * 16_000_000)
DOCUMENT = json.dumps(
    {"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
).encode()
HALF = events(message_start(), text_block(0, "half")[:-1], Pause.HOLD)


def at(port: int, *, scheme: str = "http", **settings: Any) -> AnthropicProvider:
    return AnthropicProvider(
        Endpoint(base_url=f"{scheme}://127.0.0.1:{port}", key="sk-x", settings=Settings(**settings))
    )


@pytest.fixture
def full() -> Iterator[int]:
    """The port of a listener whose queue is full, so that a further connection waits for ever."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server with which one can connect, and which never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def lost(ask: Any, provider: AnthropicProvider, *given: Any, **more: Any) -> ConnectionLost:
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionLost) as caught:
            await ask(provider, *given, **more)
    await provider.aclose()
    return caught.value


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_connecting_is_kept(ask: Any, full: int, stream: bool) -> None:
    error = await lost(ask, at(full), limits=TimeLimits(connect=0.1), stream=stream)
    assert f"127.0.0.1:{full} did not accept a connection within 0.1 s" in str(error)
    assert "resilience.connect_timeout" in str(error) and not error.partial
    assert "anthropic.connect_timeout" in str(await lost(ask, at(full, connect_timeout=0.1)))


async def test_securing_a_connection_is_part_of_connecting(ask: Any, deaf: int) -> None:
    error = await lost(ask, at(deaf, scheme="https"), limits=TimeLimits(connect=0.1))
    assert "did not accept a connection within 0.1 s" in str(error)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_sending_is_kept(ask: Any, deaf: int, stream: bool) -> None:
    error = await lost(ask, at(deaf), LARGE, limits=TimeLimits(write=0.2), stream=stream)
    assert "anthropic took no more of the request for 0.2 s" in str(error)
    assert "resilience.write_timeout" in str(error) and not error.partial
    assert "anthropic.write_timeout" in str(await lost(ask, at(deaf, write_timeout=0.2), LARGE))


async def test_a_large_request_arrives_whole(make: Make, ask: Any, server: ModelServer) -> None:
    ended = await ask(make(messages("fine")), LARGE, limits=TimeLimits(connect=5, read=5, write=5), timeout=20)
    assert ended.message.text == "fine"
    (request,) = server.requests
    assert request.headers["content-length"] == str(len(request.body))
    assert len(request.json["messages"][0]["content"][0]["text"]) == 16_000_000


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_reading_is_kept_before_the_first_byte(
    make: Make, ask: Any, server: ModelServer, stream: bool
) -> None:
    error = await lost(ask, make(Answer(hold_first=True)), limits=TimeLimits(read=0.1), stream=stream)
    assert "anthropic was silent for 0.1 s before its answer began" in str(error)
    assert "resilience.read_timeout" in str(error) and not error.partial
    await server.requests[0].gone.wait()


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_reading_is_kept_between_two_pieces(
    make: Make, ask: Any, server: ModelServer, stream: bool
) -> None:
    answer = HALF if stream else Answer(pieces=[DOCUMENT[:20], Pause.HOLD])
    error = await lost(ask, make(answer), limits=TimeLimits(read=0.1), stream=stream)
    assert "anthropic was silent for 0.1 s in the midst of its answer" in str(error)
    assert error.partial is stream
    await server.requests[0].gone.wait()


async def test_a_limit_may_be_longer_than_the_setting_and_holds_for_its_own_request(
    make: Make, ask: Any, server: ModelServer
) -> None:
    provider = make(Answer(hold_first=True), HALF, messages("fine"), read_timeout=0.05)
    with pytest.raises(ConnectionLost, match=r"silent for 0\.05 s.*anthropic\.read_timeout"):
        await ask(provider, limits=TimeLimits(connect=5, write=5))
    asking = asyncio.create_task(ask(provider, limits=TimeLimits(read=30)))
    await server.holding.wait()
    done, _ = await asyncio.wait({asking}, timeout=0.2)  # longer than the setting
    assert not done
    server.release()
    with pytest.raises(ConnectionLost, match="broke off"):
        await asking
    assert (await ask(provider)).message.text == "fine"


async def test_the_time_for_the_whole_ends_a_silence_that_its_limit_would_allow(make: Make, ask: Any) -> None:
    provider = make(HALF)
    await provider.models()  # so that the time is not spent on importing the SDK
    error = await lost(ask, provider, timeout=0.2, limits=TimeLimits(read=30))
    assert "was not complete within 0.2 s" in str(error) and error.partial
    error = await lost(ask, make(Answer(hold_first=True)), timeout=0.2)
    assert "was not complete within 0.2 s" in str(error) and not error.partial
