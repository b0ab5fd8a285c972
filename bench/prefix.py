"""How much of each request is a repetition of the one before: what vendors' prompt caches can reuse."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from bench.measure import Row
from hermes_host.events import TurnFinished
from hermes_host.host import Host
from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import Answer, ModelServer, Received
from hermes_host.testing.model_server_chat import chat

TURNS = 40
SWITCHES = {15: "custom:other-model", 20: "custom:test-model"}


def measure(runs: int) -> list[Row]:
    """Forty turns with tools, a todo list that changes, writes to memory, and a switch to another model and back."""
    bodies = asyncio.run(_converse())
    repeated = total = 0
    for earlier, later in zip(bodies, bodies[1:], strict=False):
        repeated += len(os.path.commonprefix([earlier, later]))
        total += len(earlier)
    fresh = 100 * (1 - repeated / total)
    notes = [f"{len(bodies)} requests, {total / 1e6:.1f} MB"]
    return [Row("request bytes that do not repeat the one before", fresh, "%", 5.0, notes=notes)]


async def _converse() -> list[bytes]:
    def answer(request: Received) -> Answer:
        if not _of_the_conversation(request):
            return chat("Nothing to save.")(request)
        if request.json["messages"][-1]["role"] == "tool":
            return chat("Done; that is what the file says, in a sentence of the usual length.")(request)
        return chat("Let me see.", *calls.pop(0))(request)

    calls = [_calls(turn) for turn in range(TURNS)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "notes.txt").write_text("a line of notes\n" * 40, encoding="utf-8")
        async with ModelServer(answer) as server:
            settings = {"model": {"base_url": server.url}}
            async with Host(home=home / "home", environ={"PATH": os.environ["PATH"]}, overrides=settings) as host:
                session = await host.start(model="custom:test-model", directory=folder, yolo=True)
                for turn in range(TURNS):
                    if turn in SWITCHES:
                        await session.use_model(SWITCHES[turn])
                    async for event in session.run(f"Question number {turn}: what do the notes say?"):
                        if isinstance(event, TurnFinished) and event.outcome != "completed":
                            raise RuntimeError(f"turn {turn} ended as {event.outcome}: {event.error}")
        assert (home / "home" / "memories" / "MEMORY.md").read_text(encoding="utf-8").count("\n§\n") == TURNS // 5 - 1
        return [request.body for request in server.requests if _of_the_conversation(request)]


def _of_the_conversation(request: Received) -> bool:
    """Titles and reviews are requests of their own."""
    return any(tool["function"]["name"] == "read_file" for tool in request.json.get("tools", ()))


def _calls(turn: int) -> list[ToolCall]:
    todos = [{"id": str(turn), "content": f"step {turn}", "status": "in_progress"}]
    read = ToolCall(id=f"r{turn}", name="read_file", arguments={"path": "notes.txt"})
    plan = ToolCall(id=f"t{turn}", name="todo", arguments={"todos": todos, "merge": True})
    note = {"action": "add", "target": "memory", "content": f"The notes were asked for in turn {turn}."}
    keep = ToolCall(id=f"m{turn}", name="memory", arguments=note)
    return [read, *([plan] if turn % 3 == 0 else []), *([keep] if turn % 5 == 0 else [])]
