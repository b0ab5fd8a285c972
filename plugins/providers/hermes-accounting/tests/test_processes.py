"""The ledger file: several processes, killed writers, full disks and files that are not ledgers."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_accounting.ledger import Call, Ledger, LedgerError
from hermes_accounting.reports import spending_since

from hermes_host.testing import StandInHost, events_of, finished

WRITER = """
import sys
from pathlib import Path
from hermes_accounting.ledger import Call, Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    ledger.add(Call(time=float(number), provider="p", model="m", session_id=sys.argv[3], input=1, cost=0.5)).result()
    print(number, flush=True)
    if ledger.fault:
        sys.exit(ledger.fault)
ledger.close()
"""


def writer(path: Path, number: int, name: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(number), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", **options)


def test_several_processes_write_one_ledger_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    processes = [writer(path, 100, f"s{number}") for number in range(4)]
    for process in processes:
        process.communicate(timeout=40)
        assert process.returncode == 0
    ledger = Ledger(path)
    spending = ledger.ask(lambda connection: spending_since(connection, 0)).result()
    ledger.close()
    assert (spending.calls, spending.usage.input, spending.cost) == (400, 400, 200)


def test_what_was_committed_survives_the_writer_being_killed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    process = writer(path, 1_000_000, "s")
    assert process.stdout is not None
    seen = 0
    while seen < 20:
        seen = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.communicate(timeout=20)
    committed = (int(rest[-1]) if rest else seen) + 1
    ledger = Ledger(path)
    ledger.add(Call(time=0.0, provider="p", model="m")).result()
    spending = ledger.ask(lambda connection: spending_since(connection, -1)).result()
    ledger.close()
    assert ledger.fault == ""
    # One more may have been committed and not been said.
    assert spending.calls in (committed + 1, committed + 2)
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_a_closed_ledger_opens_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    for _ in range(2):
        ledger.add(Call(time=1.0, provider="p", model="m"))
        ledger.close()
        ledger.close()
    assert ledger.ask(lambda connection: spending_since(connection, 0)).result().calls == 2
    ledger.close()


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.commit()
    newer.close()
    before = path.read_bytes()
    ledger = Ledger(path)
    with pytest.raises(LedgerError, match=r"newer hermes-accounting.*Upgrade"):
        ledger.ask(lambda connection: spending_since(connection, 0)).result()
    ledger.add(Call(time=1.0, provider="p", model="m")).result()
    assert "newer" in ledger.fault
    ledger.close()
    assert path.read_bytes() == before


async def test_a_ledger_that_cannot_be_written_stops_nothing_and_is_said_once(
    make: Any, answer: Any, tmp_path: Path, rows: Callable[[], list[dict[str, Any]]]
) -> None:
    path = tmp_path / "plugins" / "accounting" / "ledger.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database, and longer than a header of one would be, so that it is looked at" * 20)
    host = make(answer(), answer(), answer(), answer())
    session = await host.start()
    notices: list[list[str]] = []
    for _ in range(3):
        events = await events_of(session.run("Hi"))
        assert finished(events).outcome == "completed"
        notices.append([event.text for event in events if type(event).__name__ == "Notice"])
    assert [len(said) for said in notices] == [0, 1, 0]
    assert str(path) in notices[1][0]
    path.unlink()
    await events_of(session.run("Hi"))
    assert len(rows()) == 4, "what could not be written is written as soon as it can be"


async def test_with_a_budget_a_ledger_that_cannot_be_read_stops_calls(make: Any, answer: Any, tmp_path: Path) -> None:
    path = tmp_path / "plugins" / "accounting" / "ledger.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database, and longer than a header of one would be, so that it is looked at" * 20)
    host: StandInHost = make(answer(), budget="{session: 5}")
    session = await host.start()
    ended = finished(await events_of(session.run("Hi")))
    assert (ended.outcome, ended.error_kind) == ("failed", "LedgerError")
    assert str(path) in ended.error
