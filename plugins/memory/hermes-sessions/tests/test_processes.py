"""Several processes at once, and processes that are killed."""

import multiprocessing
import os
import random
import time

from hermes_sessions.store import SqliteSessionStore

from hermes_host.testing.session_stores import message_record

OPERATIONS = int(os.environ.get("HERMES_TEST_OPERATIONS", "150"))
"""Of each of the eight writers; 1000 for the whole of it."""


def _write(home, number, failures):
    try:
        store = SqliteSessionStore(home)
        dice = random.Random(number)
        writer = store.create(title=f"Writer {number}")
        written = 0
        for step in range(OPERATIONS):
            if dice.random() < 0.02:
                writer.close()
                writer = store.open(writer.info.id)
            if dice.random() < 0.02:
                writer.rename(f"Writer {number} at {step}")
            ids = [f"{number}-{written + index}" for index in range(dice.choice((1, 1, 1, 3)))]
            writer.append(*(message_record(f"said {identity}", id=identity) for identity in ids))
            written += len(ids)
            if dice.random() < 0.01:
                store.search(f"said {number}")
        writer.close()
        store.close()
        failures.put((number, writer.info.id, written, ""))
    except BaseException as error:
        failures.put((number, "", 0, repr(error)))
        raise


def test_eight_writers_at_once_lose_nothing(home, make_store):
    context = multiprocessing.get_context("fork")
    reports = context.Queue()
    processes = [context.Process(target=_write, args=(home, number, reports)) for number in range(8)]
    for process in processes:
        process.start()
    done = [reports.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert [fault for *_, fault in done if fault] == []
    store = make_store()
    for number, session_id, written, _ in done:
        assert [record.id for record in store.load(session_id)] == [f"{number}-{index}" for index in range(written)]
        assert store.find(session_id).messages == written
        assert len(store.search(f'"{number} {written - 1}"', limit=5)) >= 1
    assert sum(written for _, _, written, _ in done) >= 8 * OPERATIONS
    assert store.index() == 0


def _search_for_ever(home, ready):
    store = SqliteSessionStore(home)
    writer = store.create()
    ready.set()
    number = 0
    while True:
        number += 1
        writer.append(message_record(f"word{number} common"))
        store.search("common")


def test_the_index_catches_up_after_a_kill_between_the_two_files(home, make_store):
    context = multiprocessing.get_context("fork")
    dice = random.Random(7)
    for _ in range(6):
        ready = context.Event()
        process = context.Process(target=_search_for_ever, args=(home, ready))
        process.start()
        assert ready.wait(30)
        time.sleep(dice.random() * 0.1)  # a random moment, not a synchronisation
        process.kill()
        process.join()
    store = make_store()
    for info in store.list():
        said = [record.message.text.split()[0] for record in store.load(info.id)]
        for word in said[-2:]:
            assert info.id in {hit.session_id for hit in store.search(f'"{word}"', limit=20)}
        assert info.messages == len(said)


def test_a_deletion_that_was_killed_is_finished_by_the_next(home, store, make_store, monkeypatch):
    gone, other = store.create(title="Gone"), store.create()
    for writer in (gone, other):
        writer.append(message_record("hedgehog"))
        writer.close()
    store.search("hedgehog")
    context = multiprocessing.get_context("fork")

    def half():
        import hermes_sessions.index

        hermes_sessions.index.remove_sessions = lambda database, numbers: os._exit(9)
        SqliteSessionStore(home).delete(gone.info.id)

    process = context.Process(target=half)
    process.start()
    process.join()
    assert process.exitcode == 9
    fresh = make_store()
    assert [info.id for info in fresh.list()] == [other.info.id]
    assert [hit.session_id for hit in fresh.search("hedgehog")] == [other.info.id]
    fresh.delete(other.info.id)
    assert fresh._database.connection().execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    assert list(fresh.search("hedgehog")) == []
