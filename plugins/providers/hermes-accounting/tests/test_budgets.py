"""Limits on money and tokens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hermes_accounting.accounting import Accounting
from hermes_accounting.ledger import Call, Ledger
from hermes_accounting.settings import Budget

from hermes_host.context import Services
from hermes_host.errors import BudgetExceeded
from hermes_host.events import Notice
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.services import Auxiliary
from hermes_host.testing import ScriptedProvider, StandInHost, events_of, finished

# One answer of the fixture costs 1000 x $10 + 100 x $20 per million: $0.012, and 1100 tokens.


async def test_a_call_above_the_sessions_limit_is_not_sent_and_says_how_to_go_on(make: Any, answer: Any) -> None:
    host: StandInHost = make(answer(), answer(), answer(), budget="{session: 0.02}")
    session = await host.start()
    assert finished(await events_of(session.run("One"))).outcome == "completed"
    assert finished(await events_of(session.run("Two"))).outcome == "completed"
    ended = finished(await events_of(session.run("Three")))
    assert (ended.outcome, ended.error_kind) == ("budget", "BudgetExceeded")
    for words in (
        "This conversation's budget of $0.0200",
        "$0.0240 in 2 calls",
        "hermes config set budget.session 0.04",
    ):
        assert words in ended.error
    fresh = await host.start()
    assert finished(await events_of(fresh.run("Another conversation"))).outcome == "completed"


async def test_a_days_limit_holds_for_all_conversations_and_restarts(make: Any, answer: Any) -> None:
    host: StandInHost = make(answer(), budget="{day: 0.012}")
    await events_of((await host.start()).run("One"))
    await host.aclose()
    again: StandInHost = make(answer(), budget="{day: 0.012}")
    ended = finished(await events_of((await again.start()).run("Two")))
    assert ended.outcome == "budget" and "Today's budget" in ended.error


async def test_what_another_process_spends_counts_as_well(make: Any, answer: Any, tmp_path: Path) -> None:
    host: StandInHost = make(answer(), answer(), answer(), budget="{day: 1}")
    session = await host.start()
    for prompt in ("One", "Two"):
        assert finished(await events_of(session.run(prompt))).outcome == "completed"
    other = Ledger(tmp_path / "plugins" / "accounting" / "ledger.db")
    other.add(Call(time=time.time(), provider="p", model="m", cost=2.0)).result()
    other.close()
    ended = finished(await events_of(session.run("Three")))
    assert ended.outcome == "budget" and "$2.02 in 3 calls" in ended.error


async def test_side_work_is_bounded_as_well(make: Any, answer: Any) -> None:
    host: StandInHost = make(answer(), answer(), budget="{session: 0.01}")
    session = await host.start()
    await events_of(session.run("One"))
    auxiliary = await host.services.get(Auxiliary)
    with pytest.raises(BudgetExceeded):
        await auxiliary.ask("title", [user_message("Title")], session_id=session.id)


async def test_the_user_is_told_once_at_four_fifths(make: Any, answer: Any) -> None:
    host: StandInHost = make(answer(), answer(), answer(), budget="{session: 0.015}")
    session = await host.start()
    said = []
    for prompt in ("One", "Two"):
        events = await events_of(session.run(prompt))
        said.append([event.text for event in events if isinstance(event, Notice) and event.code == "budget"])
    assert said == [[], ["80 % of this conversation's budget of $0.0150 is used: $0.0120 in 1 call."]]


async def test_calls_without_a_price_count_for_tokens_and_the_message_says_so(make: Any, answer: Any) -> None:
    host: StandInHost = make(answer(cache_write=5), answer(), budget="{session: 0.012, session_tokens: 2200}")
    session = await host.start()
    for prompt in ("One", "Two"):
        assert finished(await events_of(session.run(prompt))).outcome == "completed"
    ended = finished(await events_of(session.run("Three")))
    assert "1 without a known price are not counted" in ended.error
    await session.close()
    only_tokens: StandInHost = make(answer(), budget="{session_tokens: 2200}")
    ended = finished(await events_of((await only_tokens.resume(session.id)).run("Four")))
    assert "2,200 tokens is used up: 2,200 tokens in 2 calls" in ended.error


async def test_a_new_day_begins_at_midnight_of_this_machine(tmp_path: Path, answer: Any) -> None:
    now = [time.mktime((2026, 11, 22, 23, 59, 0, 0, 0, -1))]
    accounting = Accounting(Ledger(tmp_path / "ledger.db"), Budget(day_tokens=1000), Services(), clock=lambda: now[0])
    provider = ScriptedProvider([answer(), answer()])
    request = ModelRequest(provider="p", model="m", messages=(user_message("Hi"),))
    await events_of(accounting(request, provider.stream))
    now[0] += 59
    with pytest.raises(BudgetExceeded):
        await events_of(accounting(request, provider.stream))
    assert accounting.of_today().calls == 1
    now[0] += 1
    assert accounting.of_today().calls == 0
    await events_of(accounting(request, provider.stream))
    await accounting.aclose()
    await accounting.aclose()


async def test_days_are_calendar_days_also_when_the_clocks_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        noon = time.mktime((2026, 10, 25, 12, 0, 0, 0, 0, -1))  # clocks go back that night: the day has 25 hours
        accounting = Accounting(Ledger(tmp_path / "ledger.db"), Budget(), Services(), clock=lambda: noon)
        assert noon - accounting.days_ago(1) == 13 * 3600
        assert time.localtime(accounting.days_ago(2))[:5] == (2026, 10, 24, 0, 0)
    finally:
        monkeypatch.undo()
        time.tzset()
