"""What people and scripts read: `/usage`, `hermes usage`, `hermes doctor`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_accounting.ledger import Call, Ledger
from hermes_accounting.words import duration, money

from hermes_host.testing import StandInHost, events_of

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    path = tmp_path / "plugins" / "accounting" / "ledger.db"
    path.parent.mkdir(parents=True)
    ledger = Ledger(path)
    yield ledger
    ledger.close()


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Calls of today and of ten days ago."""
    today = time.time()
    for index, (when, session, model, purpose, outcome, cost) in enumerate(
        [
            (today, "s1", "large", "turn", "ok", 2.0),
            (today, "s1", "large", "title", "ok", 0.5),
            (today, "s2", "small", "turn", "RateLimited", 0.0),
            (today, "s2", "small", "turn", "ok", None),
            (today - 10 * 86_400, "s3", "large", "turn", "cancelled", 4.0),
        ]
    ):
        ledger.add(
            Call(
                time=when,
                session_id=session,
                purpose=purpose,
                provider="acme",
                model=model,
                outcome=outcome,
                cost=cost,
                input=1000 + index,
                output=10,
                cached=100,
                reasoning=5,
                seconds=30.0,
            )
        ).result()
    return ledger


@pytest.fixture
def hermes(tmp_path: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("hermes"), *arguments],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HERMES_HOME": str(tmp_path),
                "HERMES_PLUGINS": "accounting",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    return run


async def test_usage_in_a_conversation_shows_tokens_cost_context_and_budget(make: Any, answer: Any, slash: Any) -> None:
    host: StandInHost = make(answer(cached=400, reasoning=30), answer(), budget="{session: 1, day_tokens: 50000}")
    session = await host.start()
    assert await slash(host, session, "/usage") == "No model was called yet."
    for prompt in ("One", "Two"):
        await events_of(session.run(prompt))
    said = await slash(host, session, "/usage")
    for words in (
        "2,000 in, 200 out (400 of the input from the cache, 30 of the output for thinking)",
        "**Calls:** 2",
        "**Cost:** $0.0204 (estimated)",
        "about 1 % of 128,000 tokens",
        "$0.0204 of $1.00 in this conversation, 2,200 of 50,000 tokens today",
    ):
        assert words in said, said


async def test_usage_says_when_no_price_is_known(make: Any, answer: Any, slash: Any) -> None:
    host: StandInHost = make(answer(), plugins=("accounting",))
    session = await host.start()
    await events_of(session.run("One"))
    assert "**Cost:** unknown" in await slash(host, session, "/usage")


async def test_switched_off_the_hosts_own_usage_is_back(tmp_path: Path, answer: Any, slash: Any) -> None:
    async with StandInHost(tmp_path, plugins=["accounting"], blocked=["accounting"]) as host:
        host.script(answer())
        session = await host.start()
        await events_of(session.run("One"))
        assert "1,000 tokens in, 100 out" in await slash(host, session, "/usage")


def test_usage_by_model_adds_up_and_names_what_has_no_price(filled: Ledger, hermes: Run) -> None:
    run = hermes("usage", "--days", "2")
    assert run.returncode == 0, run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    assert [line[0] for line in lines] == ["model", "acme:large", "acme:small", "total"]
    assert lines[1][-1] == "$2.50"
    assert run.stdout.splitlines()[2].endswith("$0.00 + 1 unpriced")
    assert run.stdout.splitlines()[3].endswith("$2.50 + 1 unpriced")


@pytest.mark.parametrize(
    ("by", "keys"),
    [("session", ["s3", "s1", "s2"]), ("purpose", ["turn", "title"]), ("model", ["acme:large", "acme:small"])],
)
def test_usage_for_scripts_groups_as_asked(filled: Ledger, hermes: Run, by: str, keys: list[str]) -> None:
    document = json.loads(hermes("usage", "--by", by, "--json").stdout)
    assert [group["key"] for group in document["groups"]] == keys
    assert (document["total"]["calls"], document["total"]["failed"], document["total"]["unpriced"]) == (5, 1, 1)
    assert document["total"]["cost"] == pytest.approx(6.5)
    assert document["total"]["input"] == sum(group["input"] for group in document["groups"])


def test_usage_by_day_has_the_days_in_order(filled: Ledger, hermes: Run) -> None:
    document = json.loads(hermes("usage", "--by", "day", "--json").stdout)
    days = [group["key"] for group in document["groups"]]
    assert days == sorted(days) and len(days) == 2
    assert days[-1] == time.strftime("%Y-%m-%d")


def test_an_empty_ledger_is_no_error(hermes: Run) -> None:
    run = hermes("usage")
    assert (run.returncode, run.stdout) == (0, "No model was called in the last 30 days.\n")
    assert json.loads(hermes("usage", "--json").stdout)["groups"] == []


def test_a_damaged_ledger_is_one_line_with_a_remedy(tmp_path: Path, hermes: Run) -> None:
    path = tmp_path / "plugins" / "accounting" / "ledger.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database " * 100)
    run = hermes("usage")
    assert run.returncode == 1 and run.stdout == ""
    assert str(path) in run.stderr and "Move it away" in run.stderr and "Traceback" not in run.stderr


async def test_the_check_reads_the_ledger_and_doubts_budgets_without_prices(filled: Ledger, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("budget: {day: 5}", encoding="utf-8")
    host = StandInHost(tmp_path, plugins=["accounting"])
    check = host.checks.get("accounting.ledger")
    results: Any = await host.target(check, check.spec.target)(host.context("accounting"))
    assert [(result.name, result.status) for result in results] == [("ledger", "ok"), ("budget", "warning")]
    assert "5 calls" in results[0].detail
    assert "hermes-catalog" in results[1].remedy
    filled.close()
    filled.path.write_bytes(b"no database " * 100)
    results = await host.target(check, check.spec.target)(host.context("accounting"))
    assert results[0].status == "error"


def test_amounts_are_written_for_people() -> None:
    assert [money(dollars) for dollars in (0, 0.01234, 1, 1234.5)] == ["$0.00", "$0.0123", "$1.00", "$1234.50"]
    assert [duration(seconds) for seconds in (0.4, 59.6, 125, 7800)] == ["0 s", "1 min 0 s", "2 min 5 s", "2 h 10 min"]
