"""A gateway in a process of its own, which stops at one instant and says so, to be killed there.

Usage: crash_program.py HOME PORT INSTANT SCRIPT, the script being a JSON list of what the model says: a text, or the
name of a tool to call as `{"tool": name}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from hermes_gateway.conversations import Conversations
from hermes_gateway.database import Database
from hermes_gateway.deliveries import Deliveries
from hermes_gateway.settings import Access, GatewaySettings, Settings

from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import PlatformAdapter, StandInHost
from hermes_host.testing.platform_plugin import adapter_spec

HOME, PORT, INSTANT, SCRIPT = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])


def here() -> None:
    """Say that the instant is reached."""
    print(f"at {INSTANT}", flush=True)


async def stay(*_: Any, **__: Any) -> Any:
    """Say so, and go no further."""
    here()
    await asyncio.Event().wait()


class Adapters:
    """The one platform."""

    def __init__(self) -> None:
        self.adapter = PlatformAdapter(PORT)

    def get(self, platform: str) -> Any:
        return self.adapter

    def spec(self, platform: str) -> Any:
        return adapter_spec()

    def platforms(self) -> list[str]:
        return ["testing"]


def step(said: Any) -> Any:
    async def answer(request: Any) -> Any:
        if INSTANT == "steered" and isinstance(said, str):
            await stay()
        if INSTANT == "model":
            await stay()
        if isinstance(said, str):
            return said.replace("{asked}", " / ".join(m.text for m in request.messages if m.role == "user"))
        return assistant_message(ToolCall(id="call1", name=said["tool"], arguments={}))

    return answer


async def work() -> str:
    """Do the work."""
    with (HOME / "effects").open("a", encoding="utf-8") as file:
        file.write("done\n")
    if INSTANT == "tool":
        await stay()
    if INSTANT == "steered":
        print("at work", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    return "it is done"


async def main() -> None:
    host = StandInHost(HOME)
    host.script(*[step(said) for said in SCRIPT])
    host.tool(work, effects=("read",))
    host.tool(work, name="guarded", effects=("write",))
    gateway = GatewaySettings(
        access={"testing": Access(owners=["u1"])}, text_pause=0.0, media_pause=0.0, drain_seconds=0.1
    )
    settings, database, adapters = Settings(gateway=gateway), Database(HOME), Adapters()
    deliveries = Deliveries(host, database, adapters, settings)
    conversations = Conversations(host, database, deliveries, adapters, settings)
    if INSTANT == "admit":
        conversations.admission._admitted = lambda item: here()
    elif INSTANT == "claim":
        conversations.turns.work = stay  # type: ignore[method-assign]
    elif INSTANT == "persist":
        conversations.turns._end_presenting = stay  # type: ignore[method-assign]
    elif INSTANT == "enqueue":
        enqueue = deliveries.enqueue

        def block(*args: Any, **options: Any) -> Any:
            enqueue(*args, **options)
            if options["key"].startswith("turn:"):
                here()
                time.sleep(60)

        deliveries.enqueue = block  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        group.create_task(deliveries.run(lambda: None))
        ready = asyncio.Event()
        group.create_task(conversations.run(ready.set))
        await ready.wait()
        group.create_task(adapters.adapter.run(conversations.inbox("testing")))


asyncio.run(main())
