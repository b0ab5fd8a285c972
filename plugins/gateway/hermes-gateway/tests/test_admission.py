"""The door: everything that is for the agent is written down once, before anybody is told so."""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from hermes_gateway.admission import Admission, ChatInbox
from hermes_gateway.database import Database
from hermes_gateway.people import People
from hermes_gateway.settings import Access, GatewaySettings, Settings

from hermes_host.errors import SessionError
from hermes_host.protocols import Address, Inbound, Place, Sender
from hermes_host.testing.platform_plugin import adapter_spec


def update(number, *, chat="c1", user="u1", **fields):
    return Inbound(
        update=str(number),
        address=Address(platform="testing", chat=chat),
        sender=Sender(id=user),
        text=f"text {number}",
        **fields,
    )


@pytest.fixture
def door(tmp_path):
    def make():
        settings = Settings(gateway=GatewaySettings(access={"testing": Access(owners=["u1"])}))
        database = Database(tmp_path)
        admitted, strangers = [], []
        admission = Admission(
            database,
            People(database, settings),
            settings,
            spec=lambda name: adapter_spec(),
            admitted=admitted.append,
            stranger=strangers.append,
        )
        return ChatInbox("testing", admission, database), admitted, strangers, database

    return make


async def test_ten_thousand_updates_with_duplicates_and_out_of_order_are_admitted_once_each(door):
    inbox, admitted, _, database = door()
    numbers = [*range(10_000), *random.Random(7).sample(range(10_000), 3_333)]
    random.Random(8).shuffle(numbers)
    puts = [inbox.put(*[update(n, chat=f"c{n % 100}") for n in numbers[i : i + 20]]) for i in range(0, 13_333, 20)]
    await asyncio.gather(*puts)
    assert sorted(int(item.update.update) for item in admitted) == list(range(10_000))
    with database.reading() as connection:
        assert connection.execute("SELECT COUNT(*), COUNT(DISTINCT update_id) FROM updates").fetchone()[:] == (
            10_000,
            10_000,
        )


async def test_what_was_put_is_on_disk_when_put_returns(door, tmp_path):
    inbox, _, _, _ = door()
    await inbox.put(update(1))
    other = Database(tmp_path)
    with other.reading() as connection:
        assert connection.execute("SELECT state FROM updates").fetchone()["state"] == "waiting"
    other.close()


async def test_ids_count_for_one_account(door):
    inbox, admitted, _, _ = door()
    inbox.connected("bot-1")
    await inbox.put(update(1), update(1))
    inbox.connected("bot-2")
    await inbox.put(update(1))
    again, later, _, _ = door()
    await again.put(update(1), update(2))
    assert [item.update.update for item in admitted] == ["1", "1"]
    assert [item.update.update for item in later] == ["2"]


async def test_a_caller_that_goes_away_takes_nothing_with_it(door):
    inbox, admitted, _, database = door()
    putting = asyncio.create_task(inbox.put(update(1)))
    await asyncio.sleep(0)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await inbox.put(update(2))
    assert [item.update.update for item in admitted] == ["1", "2"]
    database.close()


async def test_a_disk_that_refuses_is_told_and_nothing_is_admitted(door, tmp_path):
    inbox, admitted, _, database = door()
    await inbox.put(update(1))
    database.close()
    (tmp_path / "gateway.db").rename(tmp_path / "away")
    (tmp_path / "gateway.db").mkdir()
    with pytest.raises((SessionError, OSError)):
        await inbox.put(update(2))
    os.rmdir(tmp_path / "gateway.db")
    (tmp_path / "away").rename(tmp_path / "gateway.db")
    await inbox.put(update(2))
    assert [item.update.update for item in admitted] == ["1", "2"]


async def test_half_characters_do_no_harm(door):
    inbox, admitted, _, _ = door()
    import msgspec

    await inbox.put(msgspec.structs.replace(update(1), text="broken \ud83d end"))
    assert admitted[0].update.text == "broken ? end"


async def test_words_and_places_are_kept(door):
    inbox, _, _, database = door()
    inbox.remember("uid", "42")
    inbox.places([Place(address=Address(platform="testing", chat="c1"), name="Den")])
    again, _, _, _ = door()
    assert again.recall("uid") == "42"
    assert again.recall("other") == ""
    with database.reading() as connection:
        assert connection.execute("SELECT name FROM places").fetchone()["name"] == "Den"


async def test_a_hostile_id_is_no_path_and_no_other_conversation(door):
    inbox, admitted, _, _ = door()
    await inbox.put(
        update(1, chat="c1/t1"),
        Inbound(update="2", address=Address(platform="testing", chat="c1", thread="t1"), sender=Sender(id="u1")),
        update(3, chat="../../x"),
        update(4, chat="c1:direct:c2@u9"),
    )
    keys = [item.conversation for item in admitted]
    assert len(set(keys)) == 4
    assert keys[2] == "testing:direct:..%2F..%2Fx"
