"""How long each stage of a request may take, on both wires and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider

from hermes_host.errors import ConnectionLost
from hermes_host.messages import user_message
from hermes_host.protocols import TimeLimits
from hermes_host.testing import model_server_chat as chat_wire
from hermes_host.testing import model_server_messages as messages_wire
from hermes_host.testing.model_server import Answer, ModelServer, Pause

LARGE = user_message("x" * 16_000_000)


class Wire(NamedTuple):
    """How one wire is spoken: a provider, an answer, one that falls silent, and one in one piece."""

    name: Any
    make: Callable[..., CompatibleProvider]
    answer: Any
    silent: Answer
    document: dict[str, Any]

    def cut_off(self, *, stream: bool) -> Answer:
        """An answer that is silent after its first piece."""
        if stream:
            return self.silent
        return Answer(pieces=[json.dumps(self.document).encode()[:20], Pause.HOLD])

    def at(self, port: int, *, scheme: str = "http", **more: Any) -> CompatibleProvider:
        """A provider at some other server."""
        return CompatibleProvider(
            Endpoint(provider="acme", base_url=f"{scheme}://127.0.0.1:{port}", wire=self.name, **more)
        )


@pytest.fixture(params=["chat", "messages"])
def wire(request: pytest.FixtureRequest, make: Any, make_messages: Any) -> Wire:
    if request.param == "chat":
        document = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
        silent = chat_wire.events(chat_wire.chunk({"content": "half"}), Pause.HOLD)
        return Wire("chat", make, chat_wire.chat("fine"), silent, document)
    whole = {"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
    silent = messages_wire.events(messages_wire.message_start(), messages_wire.text_block(0, "half")[:-1], Pause.HOLD)
    return Wire("messages", make_messages, messages_wire.messages("fine"), silent, whole)


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


Serve = Callable[[Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]], Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve every connection by a function; gives the port."""
    tasks: set[asyncio.Task[Any]] = set()
    servers: list[asyncio.Server] = []

    async def serve(function: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            with contextlib.suppress(asyncio.CancelledError), contextlib.closing(writer):
                await function(reader, writer)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 16)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield serve
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def lost(ask: Any, provider: CompatibleProvider, *messages: Any, **more: Any) -> ConnectionLost:
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionLost) as caught:
            await ask(provider, *messages, **more)
    await provider.aclose()
    return caught.value


# --------------------------------------------------------------------------------------------------------- connecting


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_connecting_is_kept(wire: Wire, ask: Any, full: int, stream: bool) -> None:
    error = await lost(ask, wire.at(full), limits=TimeLimits(connect=0.1), stream=stream)
    assert f"127.0.0.1:{full} did not accept a connection within 0.1 s" in str(error)
    assert "resilience.connect_timeout" in str(error) and not error.partial


async def test_securing_a_connection_is_part_of_connecting(wire: Wire, ask: Any, deaf: int) -> None:
    error = await lost(ask, wire.at(deaf, scheme="https"), limits=TimeLimits(connect=0.1))
    assert "did not accept a connection within 0.1 s" in str(error)


async def test_the_endpoint_s_own_limit_for_connecting_is_named(wire: Wire, ask: Any, full: int) -> None:
    error = await lost(ask, wire.at(full, connect_timeout=0.1))
    assert "within 0.1 s" in str(error) and "compatible.connect_timeout" in str(error)


# ------------------------------------------------------------------------------------------------------------ sending


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_sending_is_kept(wire: Wire, ask: Any, deaf: int, stream: bool) -> None:
    error = await lost(ask, wire.at(deaf), LARGE, limits=TimeLimits(write=0.2), stream=stream)
    assert "acme took no more of the request for 0.2 s" in str(error)
    assert "resilience.write_timeout" in str(error) and not error.partial


async def test_a_large_request_that_is_slow_but_under_way_is_sent(wire: Wire, ask: Any, serve: Serve) -> None:
    async def read_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while left:
            left -= len(await reader.read(1 << 16))
            await asyncio.sleep(0.005)  # the slowness itself is what is tested
        body = json.dumps(wire.document).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    provider = wire.at(await serve(read_slowly))
    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(30):
        ended = await ask(provider, LARGE, limits=TimeLimits(write=0.8))
    assert ended.message.text == "x"
    assert asyncio.get_running_loop().time() - begun > 0.8, "longer than the limit would allow for all of it"
    await provider.aclose()


# ------------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_reading_is_kept_before_the_first_byte(
    wire: Wire, ask: Any, server: ModelServer, stream: bool
) -> None:
    provider = wire.make(Answer(hold_first=True), read_timeout=30)
    error = await lost(ask, provider, limits=TimeLimits(read=0.1), stream=stream)
    assert "acme was silent for 0.1 s before its answer began" in str(error)
    assert "resilience.read_timeout" in str(error) and not error.partial
    await server.requests[0].gone.wait()


@pytest.mark.parametrize("stream", [True, False])
async def test_the_limit_for_reading_is_kept_between_two_pieces(
    wire: Wire, ask: Any, server: ModelServer, stream: bool
) -> None:
    provider = wire.make(wire.cut_off(stream=stream), read_timeout=30)
    error = await lost(ask, provider, limits=TimeLimits(read=0.1), stream=stream)
    assert "acme was silent for 0.1 s in the midst of its answer" in str(error)
    assert error.partial is stream
    await server.requests[0].gone.wait()


async def test_a_limit_may_be_longer_than_the_endpoint_s_and_holds_for_its_own_request(
    wire: Wire, ask: Any, server: ModelServer
) -> None:
    provider = wire.make(Answer(hold_first=True), wire.cut_off(stream=True), wire.answer, read_timeout=0.05)
    with pytest.raises(ConnectionLost, match=r"silent for 0\.05 s.*compatible\.read_timeout"):
        await ask(provider, limits=TimeLimits(connect=5, write=5))
    asking = asyncio.create_task(ask(provider, limits=TimeLimits(read=30)))
    await server.holding.wait()
    done, _ = await asyncio.wait({asking}, timeout=0.2)  # longer than the endpoint's own limit
    assert not done
    server.release()
    with pytest.raises(ConnectionLost, match="broke off"):
        await asking
    assert (await ask(provider)).message.text == "fine"


# ---------------------------------------------------------------------------------------------------------- the whole


async def test_the_time_for_the_whole_ends_a_silence_that_its_limit_would_allow(wire: Wire, ask: Any) -> None:
    error = await lost(ask, wire.make(wire.cut_off(stream=True)), timeout=0.2, limits=TimeLimits(read=30))
    assert "was not complete within 0.2 s" in str(error) and error.partial
    error = await lost(ask, wire.make(Answer(hold_first=True)), timeout=0.2)
    assert "was not complete within 0.2 s" in str(error) and not error.partial


async def test_the_time_for_the_whole_ends_an_answer_that_never_is_silent(wire: Wire, ask: Any, serve: Serve) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b": still here\n\n")
                await writer.drain()
                await asyncio.sleep(0.02)  # a drop now and then is what is tested

    port = await serve(drip)
    for limit in (0.1, 30.0):
        error = await lost(ask, wire.at(port), timeout=0.3, limits=TimeLimits(read=limit))
        assert "was not complete within 0.3 s" in str(error)


async def test_the_time_for_the_whole_holds_for_an_error_s_body_too(wire: Wire, ask: Any) -> None:
    error = await lost(ask, wire.make(Answer(status=500, pieces=[b"{", Pause.HOLD])), timeout=0.2)
    assert "was not complete within 0.2 s" in str(error)


async def test_an_answer_within_its_limits_is_given(wire: Wire, ask: Any) -> None:
    limits = TimeLimits(connect=5, read=5, write=5)
    provider = wire.make(wire.answer, wire.answer)
    assert (await ask(provider, limits=limits, timeout=20)).message.text == "fine"
    assert (await ask(provider, LARGE, limits=limits, timeout=20)).message.text == "fine"
