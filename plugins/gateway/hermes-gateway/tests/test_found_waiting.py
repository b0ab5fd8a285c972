"""Answers that waited for what does not matter to them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time

import pytest
from hermes_gateway.database import Database
from hermes_gateway.presenting import Showing
from hermes_gateway.settings import Settings

from hermes_host.events import TextDelta, ToolStarted
from hermes_host.protocols import AdapterLimits, Address, Receipt

CHAT = Address(platform="testing", chat="c1")


class SlowAdapter:
    """Its calls take as long as they are let."""

    limits = AdapterLimits(text=1000, edit_interval=0.01)

    def __init__(self):
        self.calls = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    def measure(self, text):
        return len(text)

    async def typing(self, to):
        await self._wait("typing")

    async def send(self, to, message):
        await self._wait("send")
        return Receipt(address=to, messages=("m1",))

    async def edit(self, receipt, message):
        await self._wait("edit")

    async def _wait(self, call):
        self.calls.append(call)
        self.begun.set()
        await self.go_on.wait()


async def test_the_end_of_a_turn_does_not_wait_for_a_platform_that_is_slow_to_show_typing():
    adapter = SlowAdapter()
    showing = Showing(adapter, frozenset({"typing"}), CHAT, Settings())
    await showing.show(TextDelta(text="hello"))
    await adapter.begun.wait()
    before = time.monotonic()
    assert await showing.end() is None
    assert adapter.calls == ["typing"]
    assert time.monotonic() - before < 1


async def test_a_turn_that_ends_while_it_is_being_shown_ends_as_soon_as_that_is_sent():
    adapter = SlowAdapter()
    showing = Showing(adapter, frozenset({"edit"}), CHAT, Settings())
    await showing.show(ToolStarted(call_id="1", name="search", arguments={}))
    await adapter.begun.wait()
    ending = asyncio.create_task(showing.end())
    await asyncio.sleep(0)
    before = time.monotonic()
    adapter.go_on.set()
    assert await ending == Receipt(address=CHAT, messages=("m1",))
    assert time.monotonic() - before < 1


def test_reading_the_database_waits_for_nobody_who_writes(tmp_path):
    database = Database(tmp_path)
    with database.transaction() as connection:
        connection.execute("INSERT INTO words VALUES ('testing', 'a', '1')")
    begun, go_on = threading.Event(), threading.Event()

    def write():
        with database.transaction() as connection:
            connection.execute("UPDATE words SET value = '2'")
            with database.reading() as own:
                assert own.execute("SELECT value FROM words").fetchone()[0] == "2"
            begun.set()
            go_on.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(10)
    with database.reading() as connection:
        assert connection.execute("SELECT value FROM words").fetchone()[0] == "1"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("UPDATE words SET value = '3'")
    go_on.set()
    writer.join()
    with database.reading() as connection:
        assert connection.execute("SELECT value FROM words").fetchone()[0] == "2"
    database.close()
