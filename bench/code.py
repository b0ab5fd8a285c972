"""What scripts cost: as a whole, and for each tool call they make, beside the same call made in the process."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.measure import Row
from hermes_host.context import ToolContext
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.protocols import Command, Exited
from hermes_host.testing import StandInHost, events_of

CALLS = 300

SCRIPT = f"""
import time
from hermes_tools import nothing
nothing()
times = []
for _ in range({CALLS}):
    began = time.perf_counter()
    nothing()
    times.append(time.perf_counter() - began)
print(sorted(times)[len(times) // 2] * 1000)
"""


def measure(runs: int) -> list[Row]:
    """Medians. The floor of a call is the same call made in the process; that of a script, `python3 -c pass`."""
    return asyncio.run(_measure(max(5, runs)))


async def _measure(runs: int) -> list[Row]:
    settings = {"code_execution": {"tools": ["nothing"], "max_tool_calls": 10 * CALLS}}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hermes-bench-")))
        host = StandInHost(folder, plugins=("code", "local"), overrides=settings)
        await stack.enter_async_context(host)
        direct: list[float] = []
        steps = host.script()

        @host.tool(effects=("read",))
        async def nothing() -> str:
            """Do nothing."""
            return "nothing"

        @host.tool(effects=("read",))
        async def in_process(call: ToolContext) -> str:
            """Call `nothing` without a script."""
            for _ in range(CALLS):
                began = time.perf_counter()
                await call.call_tool("nothing", {})
                direct.append((time.perf_counter() - began) * 1000)
            return "done"

        async def turn(name: str, **arguments: Any) -> str:
            steps.steps += [assistant_message(ToolCall(id="c", name=name, arguments=arguments)), "done"]
            session = await host.start(directory=str(folder), yolo=True)
            await events_of(session.run("go"))
            result = session.messages[-2].parts[0]
            await session.close()
            return str(result.content[0].text)  # type: ignore[union-attr]

        called, whole = [], []
        for _ in range(runs):
            await turn("in_process")
            called.append(float(json.loads(await turn("execute_code", code=SCRIPT))["output"]))
            whole.append(float(json.loads(await turn("execute_code", code="pass"))["duration_seconds"]) * 1000)
        python = await _timed(runs, await _python(stack, host, folder))
    floor = statistics.median(direct)
    return [
        Row("a script's tool call, over the same call", statistics.median(called) - floor, "ms", 1.0, floor,
            "in the process", "ms"),
        Row("a whole script that does nothing", statistics.median(whole), "ms", None, python, "python3 -c pass", "ms"),
    ]  # fmt: skip


async def _python(stack: AsyncExitStack, host: StandInHost, folder: Path) -> Callable[[], Awaitable[None]]:
    session = await host.start(directory=str(folder), yolo=True)
    terminal = await host.terminals.open(session.context)
    stack.push_async_callback(session.close)

    async def run() -> None:
        async for event in terminal.run(Command(argv=("python3", "-c", "pass"))):
            assert not isinstance(event, Exited) or event.code == 0

    return run


async def _timed(runs: int, sample: Callable[[], Awaitable[None]]) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        await sample()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)
