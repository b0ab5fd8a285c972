# ruff: noqa: D102  (the names of the tests are their documentation)
"""What session stores keep to between processes, and when one of them is killed: a part of their conformance kit."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from hermes_host.errors import SessionError
from hermes_host.messages import Message, user_message
from hermes_host.records import SessionRecord
from hermes_host.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.protocols import SessionStore

__all__ = ["SessionStoreProcesses", "message_record"]

_numbers = itertools.count(1)


def message_record(text: str | Message, *, id: str = "", turn_id: str = "") -> SessionRecord:
    """A `message` record of now; a string becomes a user message."""
    message = user_message(text) if isinstance(text, str) else text
    return SessionRecord(
        kind="message", id=id or f"m{next(_numbers)}", time=time.time(), turn_id=turn_id, message=message
    )


class SessionStoreProcesses(Contract):
    """The tests that need more than one process. `SessionStoreContract` has them all."""

    @pytest.fixture
    def make_store(self) -> Callable[[], SessionStore]:
        """Override: a function that makes a store, each time over the same data."""
        raise NotImplementedError("Override the fixture make_store.")

    def test_another_process_cannot_write_and_its_death_frees_the_session(
        self, make_store: Callable[[], SessionStore]
    ) -> None:
        read, write = os.pipe()

        def hold() -> None:
            writer = make_store().create()
            os.write(write, writer.info.id.encode())
            signal.pause()

        process = _fork(hold)
        os.close(write)
        session_id = os.read(read, 100).decode()
        os.close(read)
        with pytest.raises(SessionError):
            make_store().open(session_id)
        process.kill()
        process.join()
        writer = make_store().open(session_id)
        writer.append(record := message_record("mine"))
        assert list(make_store().load(session_id)) == [record]
        writer.close()

    def test_what_append_returned_from_survives_kill(self, make_store: Callable[[], SessionStore]) -> None:
        dice = random.Random(54)
        for _ in range(20):
            session_id, acknowledged = _killed_writer(make_store, dice.randrange(1, 150))
            ids = [int(record.id) for record in make_store().load(session_id)]
            assert ids == list(range(len(ids)))
            assert acknowledged <= _commits(len(ids)) <= acknowledged + 1
            writer = make_store().open(session_id)
            assert writer.info.messages == len(ids)
            writer.append(message_record("after", id=str(len(ids))))
            writer.close()
            assert len(make_store().load(session_id)) == len(ids) + 1

    def test_two_processes_never_give_the_same_title(self, make_store: Callable[[], SessionStore]) -> None:
        def make_many() -> None:
            store = make_store()
            for _ in range(15):
                store.create(title="Same").close()

        processes = [_fork(make_many) for _ in range(2)]
        for process in processes:
            process.join()
            assert process.exitcode == 0
        titles = {info.title for info in make_store().list(limit=100)}
        assert titles == {"Same", *(f"Same #{number}" for number in range(2, 31))}


_COMMIT_SIZES = (1, 3, 1, 2)


def _commits(records: int) -> int:
    """How many commits `records` records are; a broken commit fails the test."""
    commits = 0
    for size in itertools.cycle(_COMMIT_SIZES):
        if records <= 0:
            break
        records -= size
        commits += 1
    assert records == 0, "a commit of several records was stored in part"
    return commits


def _killed_writer(make_store: Callable[[], SessionStore], after: int) -> tuple[str, int]:
    """The session of a process killed while it wrote, and how many of its commits it had reported."""
    read, write = os.pipe()

    def write_for_ever() -> None:
        writer = make_store().create()
        os.write(write, f"{writer.info.id}\n".encode())
        numbers = itertools.count()
        for size in itertools.cycle(_COMMIT_SIZES):
            ids: Sequence[int] = [next(numbers) for _ in range(size)]
            writer.append(*(message_record("x" * (number * 997 % 9000), id=str(number)) for number in ids))
            os.write(write, b".")

    process = _fork(write_for_ever)
    os.close(write)
    with os.fdopen(read, "rb") as reports:
        session_id = reports.readline().decode().strip()
        acknowledged = len(reports.read(after))
        process.kill()
        process.join()
        return session_id, acknowledged + len(reports.read())


def _fork(target: Callable[[], None]) -> multiprocessing.process.BaseProcess:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork")
    process = multiprocessing.get_context("fork").Process(target=target, daemon=True)
    process.start()
    return process
