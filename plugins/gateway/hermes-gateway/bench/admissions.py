"""How many updates a second are taken in and on disk, a third of which come twice, against a commit for each."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from hermes_gateway.admission import Admission, ChatInbox
from hermes_gateway.database import Database
from hermes_gateway.people import People
from hermes_gateway.settings import Access, GatewaySettings, Settings

from hermes_host.protocols import Address, Inbound, Sender
from hermes_host.testing.platform_plugin import adapter_spec

UPDATES, CALLERS = 20_000, 50

GATEWAY = GatewaySettings(access={"testing": Access(owners=["u1"])})


def measure() -> dict[str, float]:
    """Updates a second: as the gateway takes them, and written one by one."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name:
        taken = asyncio.run(_admitted(Path(name) / "admission"))
        floor = _one_by_one(Path(name) / "floor")
    return {"per_second": taken, "one_by_one_per_second": floor}


def _update(number: int, chats: int) -> Inbound:
    return Inbound(
        update=str(number),
        address=Address(platform="testing", chat=f"c{number % chats}"),
        sender=Sender(id="u1"),
        text=f"message number {number}, of an ordinary length, as people write them",
    )


async def _admitted(folder: Path) -> float:
    new: list[object] = []
    settings = Settings(gateway=GATEWAY)
    database = Database(folder)
    admission = Admission(
        database,
        People(database, settings),
        settings,
        spec=lambda name: adapter_spec(),
        admitted=new.append,
        stranger=lambda update: None,
    )
    inbox = ChatInbox("testing", admission, database)

    async def caller(first: int) -> None:
        for number in range(first, UPDATES, CALLERS):
            # Every third is one that came before.
            await inbox.put(_update(number if number % 3 else max(0, number - CALLERS), 1000))

    before = time.perf_counter()
    await asyncio.gather(*(caller(first) for first in range(CALLERS)))
    seconds = time.perf_counter() - before
    database.close()
    known = {number if number % 3 else max(0, number - CALLERS) for number in range(UPDATES)}
    assert len(new) == len(known), "each is admitted once"
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=1) + "\n")
