"""What retries, time-outs and accounting cost: for each call of a model, and for each delta of an answer."""

from __future__ import annotations

import asyncio
import gc
import statistics
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
    """A provider that answers at once, with one delta."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        part = Text(text="word")
        yield PartStarted(0, "text")
        yield PartDelta(0, part.text)
        yield PartEnded(0, part)
        yield MessageEnded(assistant_message(part), "end", Usage(input=10, output=1))

    async def models(self) -> Sequence[ModelInfo]:
        return []

    async def aclose(self) -> None:
        pass


def measure(runs: int) -> list[Row]:
    """The same with the two plugins and without, in turns. Processor time of the process, its threads included."""
    return asyncio.run(_measure(max(5, runs)))


async def _measure(runs: int) -> list[Row]:
    bare, guarded = await _in_turns(runs, _calls(()), _calls(GUARDS))
    call = statistics.median(more - less for more, less in zip(guarded, bare, strict=True))
    with serve("deltas", str(DELTAS)) as server:
        plain, watched = await _in_turns(runs, _deltas(server.url, ()), _deltas(server.url, GUARDS))
    ratio = statistics.median(more / less for more, less in zip(watched, plain, strict=True))
    per_delta = statistics.median(plain) * 1000 / DELTAS
    return [
        Row("resilience + accounting: one call, CPU", call, "ms", 0.5, statistics.median(bare), "without them", "ms"),
        Row("resilience + accounting: a turn of deltas", ratio, "×", 1.05, per_delta, "without them, one delta", "µs"),
    ]


async def _in_turns(runs: int, *hosts: Callable[[AsyncExitStack], Awaitable[Sample]]) -> list[list[float]]:
    async with AsyncExitStack() as stack:
        samples = [await host(stack) for host in hosts]
        for sample in samples:
            await sample()
        taken: list[list[float]] = [[] for _ in samples]
        for _ in range(runs):
            for sample, times in zip(samples, taken, strict=True):
                gc.collect()
                times.append(await sample())
    return taken


def _calls(plugins: tuple[str, ...]) -> Callable[[AsyncExitStack], Awaitable[Sample]]:
    """Calls of an instant provider; a sample is the milliseconds of one."""

    async def host(stack: AsyncExitStack) -> Sample:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hermes-bench-")))
        made = await stack.enter_async_context(StandInHost(home, plugins=plugins))
        assert isinstance(made, StandInHost)
        made.use_provider(Instant())
        request = ModelRequest(provider="scripted", model="m", messages=(user_message("hi"),), session_id="s")

        async def sample() -> float:
            began = time.process_time()
            for _ in range(CALLS):
                async for _event in made.model_calls.stream(request):
                    pass
            return (time.process_time() - began) * 1000 / CALLS

        return sample

    return host


def _deltas(url: str, plugins: tuple[str, ...]) -> Callable[[AsyncExitStack], Awaitable[Sample]]:
    """Turns of one long answer from a model server; a sample is the milliseconds of one."""

    async def host(stack: AsyncExitStack) -> Sample:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hermes-bench-")))
        settings = {"model": {"base_url": url, "api_key": "none"}}
        made = StandInHost(home, plugins=("compatible", *plugins), overrides=settings)
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
