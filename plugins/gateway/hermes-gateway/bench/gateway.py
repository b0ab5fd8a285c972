"""What the gateway costs: taking updates in, answering in a thousand conversations, and keeping them while idle.

From the repository's root: `python -m bench` where it is registered, else
`PYTHONPATH=. python plugins/gateway/hermes-gateway/bench/gateway.py`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hermes_gateway.admission import Admission, ChatInbox
from hermes_gateway.conversations import Conversations
from hermes_gateway.database import Database
from hermes_gateway.deliveries import Deliveries
from hermes_gateway.people import People
from hermes_gateway.settings import Access, GatewaySettings, Settings

from bench.measure import Row
from hermes_host.protocols import Address, Inbound, Sender
from hermes_host.testing import Platform, PlatformAdapter, StandInHost
from hermes_host.testing.platform_plugin import adapter_spec

UPDATES, CALLERS = 20_000, 50
WARM, CONVERSATIONS = 100, 1_000

GATEWAY = GatewaySettings(
    access={"testing": Access(owners=["u1"])}, text_pause=0.0, idle_seconds=0.0, open_conversations=32
)


def measure(runs: int) -> list[Row]:
    """`runs` is not used: each of these is thousands of runs already."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name:
        folder = Path(name)
        taken = asyncio.run(_admitted(folder / "admission"))
        floor = _one_by_one(folder / "floor")
        answered = asyncio.run(_conversations(folder / "conversations"))
    return [
        Row(
            "gateway: to take an update in, on disk",
            1e6 / taken,
            "µs",
            limit=500.0,
            floor=1e6 / floor,
            floor_name="a commit of its own for each",
            floor_unit="µs",
        ),
        Row("gateway: a turn, 1,000 conversations at once", 1e3 / answered["turns"], "ms"),
        Row("gateway: an idle conversation", answered["bytes"] / 1024, "KiB", limit=60.0),
    ]


def _update(number: int, chats: int) -> Inbound:
    return Inbound(
        update=str(number),
        address=Address(platform="testing", chat=f"c{number % chats}"),
        sender=Sender(id="u1"),
        text=f"message number {number}, of an ordinary length, as people write them",
    )


async def _admitted(folder: Path) -> float:
    settings = Settings(gateway=GATEWAY)
    database = Database(folder)
    admission = Admission(
        database,
        People(database, settings),
        settings,
        spec=lambda name: adapter_spec(),
        admitted=lambda item: None,
        stranger=lambda update: None,
    )
    inbox = ChatInbox("testing", admission, database)

    async def caller(first: int) -> None:
        for number in range(first, UPDATES, CALLERS):
            await inbox.put(_update(number, 1000))

    before = time.perf_counter()
    await asyncio.gather(*(caller(first) for first in range(CALLERS)))
    seconds = time.perf_counter() - before
    database.close()
    return UPDATES / seconds


def _one_by_one(folder: Path) -> float:
    database = Database(folder)
    before = time.perf_counter()
    for number in range(1_000):
        with database.transaction() as connection:
            connection.execute(
                "INSERT INTO updates (platform, account, update_id, conversation, body, admitted, state) "
                "VALUES ('testing', '', ?, 'c', '{}', 0, 'waiting')",
                (str(number),),
            )
    seconds = time.perf_counter() - before
    database.close()
    return 1_000 / seconds


class _Adapters:
    def __init__(self, adapter: PlatformAdapter) -> None:
        self.adapter = adapter

    def get(self, platform: str) -> Any:
        return self.adapter

    def spec(self, platform: str) -> Any:
        return adapter_spec()

    def platforms(self) -> list[str]:
        return ["testing"]


def _resident() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


async def _answer(rooms: Conversations, platform: Platform, first: int, last: int) -> None:
    inbox = rooms.inbox("testing")
    await inbox.put(*[_update(number, WARM + CONVERSATIONS) for number in range(first, last)])
    await platform.until(lambda: len(platform.messages) >= last, timeout=600)
    platform.typing.clear()
    platform.calls.clear()


async def _conversations(home: Path) -> dict[str, float]:
    async with Platform() as platform, StandInHost(home) as host:
        host.script(*["Hello."] * (WARM + CONVERSATIONS))
        settings, database = Settings(gateway=GATEWAY), Database(home)
        adapters = _Adapters(PlatformAdapter(platform.port))
        deliveries = Deliveries(host, database, adapters, settings)
        rooms = Conversations(host, database, deliveries, adapters, settings)
        ready = asyncio.Event()
        tasks = [asyncio.create_task(deliveries.run(lambda: None)), asyncio.create_task(rooms.run(ready.set))]
        await ready.wait()
        await _answer(rooms, platform, 0, WARM)
        await _parked(rooms)
        before = _resident()
        begun = time.perf_counter()
        await _answer(rooms, platform, WARM, WARM + CONVERSATIONS)
        seconds = time.perf_counter() - begun
        await _parked(rooms)
        # What the far side and the script keep is not the gateway's.
        platform.messages.clear()
        platform._keys.clear()
        after = _resident()
        for task in reversed(tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await adapters.adapter.aclose()
        database.close()
    return {"turns": CONVERSATIONS / seconds, "bytes": (after - before) / CONVERSATIONS}


async def _parked(rooms: Conversations) -> None:
    while len(rooms.opened) or rooms.opened._tasks:
        await asyncio.gather(*rooms.opened._tasks)
        await asyncio.sleep(0)
    gc.collect()


if __name__ == "__main__":
    sys.stdout.write(json.dumps([[row.name, round(row.value, 2), row.unit] for row in measure(1)], indent=1) + "\n")
