"""What the middleware costs: counted exactly, and measured for whoever runs this with `pytest -s`."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider
from hermes_resilience.middleware import Resilience
from hermes_resilience.state import State

from hermes_host.messages import Text, assistant_message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, ProviderEvent, Usage

DELTAS = 20_000
REQUEST = ModelRequest(provider="one", model="big", messages=(user_message("Hello"),), session_id="s", timeout=600)


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts what is scheduled."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = 0
        self.tasks = 0

    def call_at(self, *args: Any, **more: Any) -> Any:
        self.timers += 1
        return super().call_at(*args, **more)

    def create_task(self, *args: Any, **more: Any) -> Any:
        self.tasks += 1
        return super().create_task(*args, **more)


async def _answer(deltas: int) -> AsyncIterator[ProviderEvent]:
    yield PartStarted(0, "text")
    for number in range(deltas):
        if not number & 63:
            await asyncio.sleep(0)
        yield PartDelta(0, "word ")
    part = Text(text="word " * deltas)
    yield PartEnded(0, part)
    yield MessageEnded(assistant_message(part), "end", Usage())


async def _read(events: Any) -> int:
    count = 0
    async for event in events:
        count += type(event) is PartDelta
    return count


@pytest.mark.parametrize("deltas", [100, DELTAS])
def test_an_answer_costs_one_timer_however_long_it_is(deltas):
    async def run() -> tuple[int, int, int]:
        loop: Any = asyncio.get_running_loop()
        before = loop.timers, loop.tasks
        count = await _read(Resilience(State())(REQUEST, lambda _: _answer(deltas)))
        return count, loop.timers - before[0], loop.tasks - before[1]

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        count, timers, tasks = runner.run(run())
    assert count == deltas
    assert timers == 1
    assert tasks == 0


async def test_a_call_that_succeeds_imports_no_policy_library():
    script = (
        "import sys; import hermes_resilience.middleware, hermes_resilience.course, hermes_resilience.state;"
        "assert 'tenacity' not in sys.modules"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0


async def _both(plain: Any, wrapped: Any, rounds: int = 7) -> tuple[float, float]:
    """The least processor time per delta of two ways, measured in turn, in nanoseconds."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for make, times in zip((plain, wrapped), found, strict=True):
            gc.collect()
            began = time.process_time()
            await _read(make())
            times.append((time.process_time() - began) / DELTAS * 1e9)
    return min(found[0]), min(found[1])


async def test_what_it_costs_is_printed(capsys):
    middleware = Resilience(State())
    bare, bare_with_it = await _both(lambda: _answer(DELTAS), lambda: middleware(REQUEST, lambda _: _answer(DELTAS)))

    calls = 500
    began = time.process_time()
    for _ in range(calls):
        await _read(_answer(1))
    between = time.process_time()
    for _ in range(calls):
        await _read(middleware(REQUEST, lambda _: _answer(1)))
    per_call = (time.process_time() - between - (between - began)) / calls

    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SERVER), stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        url = (await server.stdout.readline()).decode().strip()
        provider = CompatibleProvider(Endpoint(provider="one", base_url=url))
        await _read(provider.stream(REQUEST))
        wire, wire_with_it = await _both(lambda: provider.stream(REQUEST), lambda: middleware(REQUEST, provider.stream))
        await provider.aclose()
    finally:
        server.kill()
        await server.wait()
    with capsys.disabled():
        print(
            f"\n  per call: {per_call * 1e6:.0f} us"
            f"\n  per delta: {bare_with_it - bare:.0f} ns on {bare:.0f} ns of a bare stream"
            f"\n  over a socket: {wire:.0f} ns per delta, with it {wire_with_it:.0f} ns"
            f" ({(wire_with_it / wire - 1) * 100:+.1f} %)"
        )
    assert 0 < bare_with_it < 50 * bare, "something is done for each delta that should not be"


_SERVER = f"""
import asyncio
from hermes_host.testing.model_server import Answer, ModelServer
from hermes_host.testing.model_server_chat import chunk, events, usage_chunk
answer = events(*[chunk({{"content": "word "}})] * {DELTAS}, chunk(finish="stop"), usage_chunk())
answer = Answer(pieces=[b"".join(answer.pieces)], headers=answer.headers)
async def main():
    async with ModelServer(lambda request: answer) as server:
        print(server.url, flush=True)
        await server.serve_forever()
asyncio.run(main())
"""
