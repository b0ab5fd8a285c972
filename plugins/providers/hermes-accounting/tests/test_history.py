"""The calls of a period, as other plugins read them."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hermes_accounting.history import calls
from hermes_accounting.ledger import Call, Ledger, LedgerError

from hermes_host.services import Accounts
from hermes_host.testing import StandInHost, events_of


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    ledger = Ledger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


async def test_a_call_is_given_with_its_tokens_cost_and_outcome(make: Any, answer: Any) -> None:
    host: StandInHost = make(answer(cached=400, reasoning=30))
    session = await host.start()
    await events_of(session.run("Hi"))
    (call,) = (await host.services.get(Accounts)).calls(0, 1e12)
    assert (call.session_id, call.purpose, call.provider, call.outcome) == (session.id, "turn", "scripted", "ok")
    assert (call.usage.input, call.usage.output, call.usage.cached, call.usage.reasoning) == (1000, 100, 400, 30)
    assert call.cost == pytest.approx(0.0084) and call.seconds >= 0


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(ledger: Ledger) -> None:
    for moment in (9.9, 10.0, 15.0, 20.0):
        ledger.add(Call(time=moment, provider="p", model="m"))
    assert [call.time for call in calls(ledger, 10.0, 20.0)] == [10.0, 15.0]


@pytest.mark.parametrize(("page", "number"), list(product((1, 2, 3, 7), (0, 1, 6, 7))))
def test_pages_lose_and_repeat_nothing_even_among_equal_times(ledger: Ledger, page: int, number: int) -> None:
    for place in range(number):
        ledger.add(Call(time=float(place // 3), provider="p", model=str(place)))
    found = list(calls(ledger, 0.0, 100.0, page=page))
    assert sorted(call.model for call in found) == [str(place) for place in range(number)]
    assert all(one.time <= next_one.time for one, next_one in pairwise(found))


def test_only_what_is_asked_for_is_read(ledger: Ledger) -> None:
    for place in range(10):
        ledger.add(Call(time=float(place), provider="p", model="m"))
    found = calls(ledger, 0.0, 100.0, page=2)
    assert next(found).time == 0.0
    ledger.add(Call(time=50.0, provider="p", model="late")).result()
    assert [call.time for call in found][-1] == 50.0, "later pages are read later"


def test_a_damaged_ledger_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database " * 100)
    ledger = Ledger(tmp_path / "ledger.db")
    with pytest.raises(LedgerError, match="Move it away"):
        next(calls(ledger, 0.0, 1.0))
    ledger.close()
