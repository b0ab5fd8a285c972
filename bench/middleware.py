"""What retries, time-outs and accounting cost: for each call of a model, and for each delta of an answer."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bench.measure import Row
from bench.streaming import DELTAS
from bench.workspace import serve
from hermes_host.messages import Text, assistant_message, user_message
from hermes_host.protocols import ModelInfo, ModelRequest
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, ProviderEvent, Usage
from hermes_host.testing import StandInHost

CALLS = 500
GUARDS = ("resilience", "accounting")

Sample = Callable[[], Awaitable[float]]


class Instant:
    """A provider that answers at once, with so many deltas."""

    def __init__(self, deltas: int) -> None:
        self._deltas = deltas

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        part = Text(text="word " * self._deltas)
        yield PartStarted(0, "text")
        for _ in range(self._deltas):
            yield PartDelta(0, "word ")
        yield PartEnded(0, part)
        yield MessageEnded(assistant_message(part), "end", Usage(input=10, output=1))

    async def models(self) -> Sequence[ModelInfo]:
        return []

    async def aclose(self) -> None:
        pass


def measure(runs: int) -> list[Row]:
    """The same with the two plugins and without, in turns. Processor time of the process, its threads included.

    What a delta costs more is found with a provider that costs nothing, and compared with what a delta of a whole turn
    costs, from the socket to the front end. What else runs on the machine can only add: the least of all runs counts.
    """
    return asyncio.run(_measure(max(9, runs)))


async def _measure(runs: int) -> list[Row]:
    bare, guarded = await _in_turns(runs, _calls((), 1, CALLS), _calls(GUARDS, 1, CALLS))
    bare_stream, guarded_stream = await _in_turns(runs, _calls((), DELTAS, 1), _calls(GUARDS, DELTAS, 1))
    with serve("deltas", str(DELTAS)) as server:
        (turns,) = await _in_turns(runs, _turns(server.url))
    added = (guarded_stream - bare_stream) / DELTAS
    share, turn = 100 * added * DELTAS / turns, turns * 1000 / DELTAS
    return [
        Row("resilience + accounting: one call, CPU", guarded - bare, "ms", 0.5, bare, "without them", "ms"),
        Row("resilience + accounting: share of one delta", share, "%", 5.0, turn, "a delta of a turn", "µs"),
    ]


async def _in_turns(runs: int, *hosts: Callable[[AsyncExitStack], Awaitable[Sample]]) -> list[float]:
    async with AsyncExitStack() as stack:
        samples = [await host(stack) for host in hosts]
        for sample in samples:
            await sample()
        taken: list[list[float]] = [[] for _ in samples]
        for _ in range(runs):
            for sample, times in zip(samples, taken, strict=True):
                gc.collect()
                times.append(await sample())
    return [min(times) for times in taken]


def _calls(plugins: tuple[str, ...], deltas: int, count: int) -> Callable[[AsyncExitStack], Awaitable[Sample]]:
    """Calls of an instant provider; a sample is the milliseconds of one."""

    async def host(stack: AsyncExitStack) -> Sample:
        made = StandInHost(_folder(stack), plugins=plugins)
        await stack.enter_async_context(made)
        made.use_provider(Instant(deltas))
        request = ModelRequest(provider="scripted", model="m", messages=(user_message("hi"),), session_id="s")

        async def sample() -> float:
            began = time.process_time()
            for _ in range(count):
                async for _event in made.model_calls.stream(request):
                    pass
            return (time.process_time() - began) * 1000 / count

        return sample

    return host


def _turns(url: str) -> Callable[[AsyncExitStack], Awaitable[Sample]]:
    """Turns of one long answer from a model server; a sample is the milliseconds of one."""

    async def host(stack: AsyncExitStack) -> Sample:
        settings = {"model": {"base_url": url, "api_key": "none"}}
        made = StandInHost(_folder(stack), plugins=("compatible",), overrides=settings)
        await stack.enter_async_context(made)

        async def sample() -> float:
            session = await made.start(model="custom:test-model")
            began = time.process_time()
            async for _event in session.run("go"):
                pass
            spent = (time.process_time() - began) * 1000
            await session.close()
            return spent

        return sample

    return host


def _folder(stack: AsyncExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hermes-bench-")))
