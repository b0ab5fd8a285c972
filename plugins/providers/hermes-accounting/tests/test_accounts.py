"""A session that works for another one counts for that one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hermes_accounting.accounting import Accounting
from hermes_accounting.ledger import Call, Ledger
from hermes_accounting.settings import Budget

from hermes_host.context import Services
from hermes_host.services import Accounts
from hermes_host.testing import StandInHost, events_of, finished


async def test_what_a_subagent_uses_counts_for_the_conversation_in_front(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home", plugins=["accounting"]) as host:
        host.script("one", "two", "three")
        front = await host.start()
        behind = await host.start(source="subagent", behind=front.id)
        deeper = await host.start(source="subagent", behind=behind.id)
        for session in (front, behind, deeper):
            await events_of(session.run("go"))
        accounts = await host.services.get(Accounts)
        assert [accounts.of_session(session.id).calls for session in (front, behind, deeper)] == [3, 1, 1]


async def test_a_budget_of_the_conversation_stops_its_subagents(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text("budget: {session_tokens: 1}\n", encoding="utf-8")
    async with StandInHost(home, plugins=["accounting"]) as host:
        host.script("one", "never asked")
        front = await host.start()
        assert finished(await events_of(front.run("go"))).outcome == "completed"
        behind = await host.start(source="subagent", behind=front.id)
        assert finished(await events_of(behind.run("go"))).outcome == "budget"


def test_a_ledger_of_the_first_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    ledger.add(Call(time=1.0, session_id="old", provider="p", model="m", account="old")).result()
    ledger.close()
    with sqlite3.connect(path) as earlier:
        earlier.executescript("DROP INDEX calls_by_account; ALTER TABLE calls DROP COLUMN account;")
        earlier.execute("PRAGMA user_version = 1")
    earlier.close()
    for _ in range(2):
        again = Ledger(path)
        again.add(Call(time=2.0, session_id="new", provider="p", model="m", account="old")).result()
        assert again.fault == ""
        again.close()
    accounting = Accounting(Ledger(path), Budget(), Services())
    assert accounting.of_session("old").calls == 3
    accounting.ledger.close()
