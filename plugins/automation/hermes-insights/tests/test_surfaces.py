"""What people and scripts read: tables, Markdown, JSON and pictures."""

from __future__ import annotations

import builtins
import json
import sqlite3
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.testing import StandInHost


@pytest.fixture
def used(conversations: Any, ledger: Any) -> str:
    """A home in which something happened today and yesterday."""
    now = time.time()
    session = conversations.add(now - 60, title="A [red]title[/red] `x`", tools=("read_file",))
    ledger(now - 60, session)
    ledger(now - 50, session, purpose="title", model="small", cost=None)
    ledger(now - 86_400, conversations.add(now - 86_400, source="telegram"), cost=0.0012)
    return str(session)


@pytest.fixture
def slash(home: Path) -> Callable[..., Any]:
    """Use the slash command as a front end does."""

    async def slash(arguments: str = "", plugins: tuple[str, ...] = ("accounting",)) -> str:
        from hermes_host.frontends import SlashCall
        from hermes_host.slash import find, run

        async with StandInHost(home, plugins=["insights", *plugins]) as host:
            host.script()
            session = await host.start()
            call = SlashCall(name="insights", arguments=arguments, host=host, session=session)
            return await run(await find(host, session, "insights"), call)

    return slash


def test_tables_have_everything_and_titles_are_no_markup(hermes: Any, used: str) -> None:
    run = hermes("insights")
    assert run.returncode == 0, run.stderr
    for words in (
        "Insights for the last 30 days",
        "acme:large",
        "$0.5012 + 1 unpriced",
        "auxiliary work",
        "telegram",
        "read_file",
        "most costly",
        used,
        "A [red]title[/red]",
        "2 of 30, 2 in a row at most",
    ):
        assert words in run.stdout, words


def test_scripts_get_one_document(hermes: Any, used: str) -> None:
    document = json.loads(hermes("insights", "--days", "7", "--json").stdout)
    assert (document["days"], document["sessions"], document["amounts"]["calls"]) == (7, 2, 3)
    assert document["empty"] is False and document["amounts"]["unpriced"] == 1
    assert sum(hour["calls"] for hour in document["by_hour"]) == 3
    only = json.loads(hermes("insights", "--source", "telegram", "--json").stdout)
    assert (only["sessions"], only["amounts"]["calls"]) == (1, 1)


@pytest.mark.parametrize("arguments", [["--days", "0"], ["--days", "soon"], ["--days", "-3"], ["--days", "99999"]])
def test_rubbish_days_are_wrong_usage(hermes: Any, arguments: list[str]) -> None:
    run = hermes("insights", *arguments)
    assert run.returncode == 2 and "--days" in run.stderr and run.stdout == ""


def test_where_nothing_happened_it_says_so(hermes: Any) -> None:
    assert hermes("insights").stdout == "Nothing happened in the last 30 days.\n"
    assert hermes("insights", "--days", "1").stdout == "Nothing happened today.\n"
    assert json.loads(hermes("insights", "--json").stdout)["empty"] is True


def test_without_the_ledgers_plugin_the_rest_is_shown(hermes: Any, used: str) -> None:
    run = hermes("insights", plugins="insights")
    assert run.returncode == 0 and "read_file" in run.stdout
    assert "pip install hermes-accounting" in run.stdout and "$" not in run.stdout


def test_an_unknown_surface_names_the_known_ones(hermes: Any, used: str) -> None:
    run = hermes("insights", "--source", "telegramm")
    assert run.returncode == 1 and "cli, telegram" in run.stderr


def test_a_damaged_ledger_is_one_line_with_a_remedy(hermes: Any, home: Path) -> None:
    (home / "plugins" / "accounting").mkdir(parents=True)
    (home / "plugins" / "accounting" / "ledger.db").write_bytes(b"no database " * 100)
    run = hermes("insights")
    assert run.returncode == 1 and "Move it away" in run.stderr and "Traceback" not in run.stderr


async def test_in_a_conversation_it_is_markdown(slash: Any, used: str) -> None:
    said = await slash("--days 7")
    assert said.startswith("**Insights for the last 7 days**")
    assert "- `acme:large`: 2 calls, 2,200 tokens, $0.5012" in said
    assert "A \\[red\\]title\\[/red\\] \\`x\\`" in said
    assert "- `telegram`: 1 conversation" in said
    assert (await slash("1")).startswith("**Insights for today**")
    assert "telegram only" in await slash("--source telegram 7")
    assert "There are: cli" in await slash("--source=nowhere")


@pytest.mark.parametrize(
    "arguments", ["soon", "--days", "--days 0", "--days=x", "--source", "'", "9" * 5000, "--weeks 3"]
)
async def test_in_a_conversation_rubbish_gives_the_usage(slash: Any, arguments: str) -> None:
    assert (await slash(arguments)).startswith("Usage: `/insights [--days N]")


@pytest.mark.parametrize("name", ["insights.png", "insights.svg"])
def test_a_picture_is_drawn(hermes: Any, used: str, tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    run = hermes("insights", "--chart", name)
    assert run.returncode == 0, run.stderr
    assert f"Drawn: {name}" in run.stdout
    data = (tmp_path / name).read_bytes()
    if name.endswith("png"):
        assert data.startswith(b"\x89PNG") and struct.unpack(">II", data[16:24]) == (1440, 960)
    else:
        assert b"<svg" in data
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_picture_of_nothing_can_be_drawn(hermes: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert hermes("insights", "--chart", "empty.png").returncode == 0
    assert (tmp_path / "empty.png").exists()


@pytest.mark.parametrize("name", ["insights.doc", "none/insights.png"])
def test_a_picture_that_cannot_be_written_is_refused_before_any_work(hermes: Any, tmp_path: Path, name: str) -> None:
    run = hermes("insights", "--chart", name)
    assert run.returncode == 1 and name in run.stderr and run.stdout == ""


def test_without_matplotlib_it_says_what_to_install(hermes: Any, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    run = hermes("insights", "--chart", "x.png")
    assert run.returncode == 1 and "pip install 'hermes-insights[chart]'" in run.stderr


async def test_a_hundred_thousand_calls_are_reported_in_bounded_time(home: Path) -> None:
    from hermes_accounting.ledger import Ledger
    from hermes_insights.gather import gather
    from hermes_insights.period import last_days

    folder = home / "plugins" / "accounting"
    folder.mkdir(parents=True, mode=0o700)
    opened = Ledger(folder / "ledger.db")
    opened.ask(lambda connection: None).result()
    opened.close()
    now = time.time()
    columns = (
        "time, session_id, purpose, provider, model, credential, outcome, counted, input, output, cached, "
        "cache_write, reasoning, price_source, cost, seconds"
    )
    connection = sqlite3.connect(folder / "ledger.db")
    connection.executemany(
        f"INSERT INTO calls ({columns}) VALUES ({', '.join('?' * 16)})",
        (
            (
                now - 1 - number * 25,
                f"s{number // 20}",
                "turn",
                "acme",
                "large",
                "",
                "ok",
                1,
                10,
                5,
                1,
                1,
                1,
                "",
                0.1,
                1.0,
            )
            for number in range(100_000)
        ),
    )
    connection.commit()
    connection.close()
    async with StandInHost(home, plugins=["insights", "accounting"]) as host:
        began = time.process_time()
        report = await gather(host.services, last_days(30, now=now))
        took = time.process_time() - began
    assert report.amounts.calls == 100_000
    # A second on an idle machine; this one may be busy.
    assert took < 3, took
