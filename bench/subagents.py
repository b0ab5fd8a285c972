"""What a subagent costs besides its model: time and memory of one that answers at once."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measure import Row
from hermes_host.events import TurnFinished
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.protocols import ModelRequest
from hermes_host.testing import ScriptedProvider, StandInHost

TASKS = 8
CALLS = 8


class _Model:
    """Hands tasks on, so many in each of so many calls; as a subagent it answers at once."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks
        self.left = 0

    async def stream(self, request: ModelRequest) -> Any:
        step: Any = "done"
        if "subagent" not in request.system and self.left:
            self.left -= 1
            tasks = [{"goal": f"task {number}"} for number in range(self._tasks)]
            step = assistant_message(ToolCall(id=f"c{self.left}", name="delegate_task", arguments={"tasks": tasks}))
        async for event in ScriptedProvider([step]).stream(request):
            yield event

    async def models(self) -> Any:
        return []

    async def aclose(self) -> None:
        pass


def measure(runs: int) -> list[Row]:
    """Turns that hand tasks on, less the same number of turns that do nothing; the least of all runs counts."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        return asyncio.run(_measure(Path(folder), max(3, runs // 2)))


async def _measure(folder: Path, runs: int) -> list[Row]:
    async with StandInHost(folder / "home", plugins=["delegate", "files", "planning"]) as host:
        model = _Model(TASKS)
        host.use_provider(model)
        session = await host.start(directory=str(folder))

        async def turn(calls: int) -> float:
            model.left = calls
            began = time.perf_counter()
            async for event in session.run("go"):
                if isinstance(event, TurnFinished) and event.outcome != "completed":
                    raise RuntimeError(f"the turn ended as {event.outcome}: {event.error}")
            return (time.perf_counter() - began) * 1000

        await turn(1)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        idle = min([await turn(0) for _ in range(runs)])
        busy = min([await turn(CALLS) for _ in range(runs)])
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    agents = TASKS * CALLS
    return [
        Row("one subagent besides its model", (busy - idle) / agents, "ms", 15.0, idle, "a turn", "ms"),
        Row("memory grown per subagent", grown / (agents * runs), "MiB", 3.0, notes=[f"{agents * runs} of them"]),
    ]
