"""Backups, what the doctor says, and the repair."""

import os
import stat
import time

import pytest
from hermes_sessions.backups import back_up, backups, fault_of, repair
from hermes_sessions.checks import database
from hermes_sessions.settings import SessionSettings
from hermes_sessions.store import SqliteSessionStore

from hermes_host.context import PluginContext
from hermes_host.errors import SessionError
from hermes_host.testing.session_stores import message_record

DAY = 86400


@pytest.fixture
def talks(home, store):
    """Twenty conversations, and their ids."""
    ids = []
    for number in range(20):
        writer = store.create(title=f"Talk {number}")
        for step in range(10):
            writer.append(message_record(f"talk {number} step {step} " + "words " * 100, id=f"{number}-{step}"))
        ids.append(writer.info.id)
        writer.close()
    return ids


def damage(home, where=0.5, size=20_000):
    """Overwrite a part of the database, after its log went into it."""
    path = home / "sessions.db"
    data = bytearray(path.read_bytes())
    start = int(len(data) * where) // 4096 * 4096
    data[start : start + size] = os.urandom(min(size, len(data) - start))
    path.write_bytes(data)


async def check(home):
    context = PluginContext("sessions", home=home, section={"sessions": SessionSettings()})
    return {result.name: result for result in await database(context)}


def test_a_backup_is_made_once_a_day_and_the_newest_are_kept(home, store, talks):
    now = time.time()
    first = back_up(home, keep=3, now=now - 5 * DAY)
    assert first is not None
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert fault_of(first) == ""
    assert back_up(home, keep=3, now=now - 5 * DAY + 3600) is None
    later = [back_up(home, keep=3, now=now - day * DAY) for day in (4, 3, 2)]
    assert list(backups(home)) == later[::-1]
    assert back_up(home, keep=0, now=now) is None


def test_a_backup_holds_what_was_just_written_by_an_open_writer(home, store):
    writer = store.create(title="Open")
    writer.append(message_record("just now"))
    made = back_up(home, keep=1)
    other = home.parent / "other"
    other.mkdir()
    made.rename(other / "sessions.db")
    assert [record.message.text for record in SqliteSessionStore(other).load(writer.info.id)] == ["just now"]


async def test_the_doctor_is_content_with_a_whole_database(home, store, talks):
    assert (await check(home))["sessions.database"].status == "ok"
    back_up(home, keep=1)
    assert {result.status for result in (await check(home)).values()} == {"ok"}
    assert (await check(home.parent / "nowhere"))["sessions.database"].status == "ok"


async def test_damage_is_found_and_repaired_from_the_backup_and_what_can_be_read(home, store, talks, make_store):
    back_up(home, keep=1)
    writer = store.create(title="After the backup")
    writer.append(message_record("later words"))
    grown = store.open(talks[0])
    grown.append(message_record("grown", id="grown"))
    store.close()
    damage(home)
    found = (await check(home))["sessions.database"]
    assert (found.status, found.remedy) == ("error", "Run `hermes sessions repair`.")
    done = repair(home)
    assert done.fault
    assert done.kept.exists()
    after = make_store()
    assert {info.id for info in after.list(limit=100)} >= set(talks)
    for number, session_id in enumerate(talks[1:], start=1):
        assert [record.id for record in after.load(session_id)] == [f"{number}-{step}" for step in range(10)]
    assert after.find("After the backup").messages == 1
    assert after.load(talks[0])[-1].id == "grown"
    assert [hit.session_id for hit in after.search("later words")] == [writer.info.id]
    assert (await check(home))["sessions.database"].status == "ok"


async def test_without_a_backup_what_can_be_read_is_saved(home, store, talks, make_store):
    store.close()
    damage(home, size=4096)
    assert (await check(home))["sessions.database"].status == "error"
    done = repair(home)
    assert done.backup is None
    assert done.lost
    saved = make_store().list(limit=100)
    assert len(saved) >= 18
    assert sum(info.messages for info in saved) >= 150


def test_a_file_that_is_nothing_any_more_comes_from_the_backup(home, store, talks, make_store):
    back_up(home, keep=1)
    store.close()
    (home / "sessions.db").write_bytes(b"\0" * 10_000)
    with pytest.raises(SessionError, match="hermes sessions repair"):
        make_store().list()
    done = repair(home)
    assert done.from_backup == 20
    assert {info.id for info in make_store().list(limit=100)} == set(talks)


def test_the_newest_good_backup_counts(home, store, talks, make_store):
    now = time.time()
    back_up(home, keep=3, now=now - 3 * DAY)
    newest = back_up(home, keep=3, now=now - DAY)
    newest.write_bytes(newest.read_bytes()[:5000])
    store.close()
    (home / "sessions.db").unlink()
    assert repair(home).from_backup == 20
    assert len(make_store().list(limit=100)) == 20


def test_a_whole_database_is_not_changed_by_a_repair(home, store, talks, make_store):
    store.close()
    before = (home / "sessions.db").read_bytes()
    assert repair(home).fault == ""
    assert (home / "sessions.db").read_bytes() == before
    assert make_store().search("talk")


def test_a_database_in_use_is_not_repaired(home, store, talks):
    with pytest.raises(SessionError, match="in use"):
        repair(home)


def test_a_damaged_database_is_not_backed_up(home, store, talks):
    good = back_up(home, keep=1, now=time.time() - 3 * DAY)
    store.close()
    damage(home)
    with pytest.raises(SessionError, match="repair"):
        back_up(home, keep=1)
    assert list(backups(home)) == [good]


def test_the_command_says_what_it_did(home, store, talks, hermes):
    back_up(home, keep=1)
    store.close()
    assert "is whole" in hermes("sessions", "repair").stdout
    damage(home)
    said = hermes("sessions", "repair").stdout
    assert "Brought back" in said
    assert "kept as" in said
    assert "repair" in hermes("sessions", "--help").stdout
