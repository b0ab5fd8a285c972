"""What is counted, and where it is counted to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_insights.gather import gather
from hermes_insights.period import MomentReader, last_days, streaks

from hermes_host.errors import NotFound
from hermes_host.records import SessionInfo
from hermes_host.testing import PluginContract, StandInHost

NOW = "2026-03-31 18:00"


class TestPlugin(PluginContract):
    plugin = "insights"


@pytest.fixture
def report(home: Path, local: Callable[[str], float]) -> Callable[..., Any]:
    """The report of a host with a ledger."""

    async def report(
        days: int = 30, *, now: str = NOW, source: str = "", plugins: tuple[str, ...] = ("accounting",)
    ) -> Any:
        async with StandInHost(home, plugins=["insights", *plugins]) as host:
            return await gather(host.services, last_days(days, now=local(now)), source=source)

    return report


async def test_conversations_messages_tools_and_calls_are_counted(
    report: Any, conversations: Any, ledger: Any, local: Any
) -> None:
    when = local("2026-03-30 10:00")
    one = conversations.add(when, title="Boats", tools=("read_file", "terminal"), turns=2)
    ledger(when, one, cached=300, reasoning=20)
    ledger(when + 1, one, purpose="title", model="small", cost=None)
    ledger(when + 2, one, outcome="RateLimited", input=0, output=0, cost=0.0)
    found = await report()
    assert (found.sessions, found.messages, found.user_messages) == (1, 8, 2)
    assert (found.assistant_messages, found.tool_messages, found.tool_calls) == (4, 2, 4)
    assert [(tool.name, tool.calls, tool.share) for tool in found.tools] == [
        ("read_file", 2, 0.5),
        ("terminal", 2, 0.5),
    ]
    amounts = found.amounts
    assert (amounts.calls, amounts.failed, amounts.unpriced, amounts.cost) == (3, 1, 1, 0.5)
    assert (amounts.input, amounts.output, amounts.cached, amounts.reasoning) == (2000, 200, 300, 20)
    assert [(group.name, group.amounts.calls, group.sessions) for group in found.models] == [
        ("acme:large", 2, 1),
        ("acme:small", 1, 1),
    ]
    assert {group.name: group.amounts.calls for group in found.purposes} == {"turn": 2, "title": 1}
    assert found.notes == []


async def test_what_lies_before_the_period_does_not_count(
    report: Any, conversations: Any, ledger: Any, local: Any
) -> None:
    old, new = local("2026-03-30 23:59"), local("2026-03-31 00:00")
    spanning = conversations.add(old, turns=2, gap=120, tools=("terminal",))
    conversations.add(old - 86_400)
    ledger(new - 0.001, spanning)
    ledger(new, spanning)
    found = await report(1)
    assert (found.sessions, found.user_messages, found.tool_calls, found.amounts.calls) == (1, 1, 1, 1)


async def test_background_work_counts_into_the_conversation_it_was_done_for(
    report: Any, conversations: Any, ledger: Any, local: Any
) -> None:
    when = local("2026-03-30 10:00")
    parent = conversations.add(when, source="telegram", title="Trip", tools=("delegate_task",))
    child = conversations.add(when + 60, source="subagent", parent=parent, tools=("web_search",))
    grandchild = conversations.add(when + 90, source="subagent", parent=child, tools=("web_search",))
    for session in (parent, child, grandchild):
        ledger(when, session)
    found = await report()
    assert (found.sessions, found.background_sessions) == (1, 2)
    assert found.user_messages == 1, "nobody wrote what a subagent was told"
    assert {tool.name: tool.calls for tool in found.tools} == {"web_search": 2, "delegate_task": 1}
    assert [(group.name, group.sessions, group.amounts.calls) for group in found.sources] == [("telegram", 1, 3)]
    assert {each.what: each.session for each in found.notable}["tokens"] == parent
    assert {each.what: each.value for each in found.notable}["cost"] == 1.5


async def test_background_work_whose_conversation_is_gone_is_not_lost(
    report: Any, conversations: Any, ledger: Any, local: Any
) -> None:
    when = local("2026-03-30 10:00")
    conversations.add(when, source="subagent", parent="20250101_000000_abcdef", tools=("terminal",))
    ledger(when, "20250101_000000_abcdef")
    ledger(when, "")
    found = await report()
    assert (found.tool_calls, found.amounts.calls) == (1, 2)
    assert {group.name: group.amounts.calls for group in found.sources if group.amounts.calls} == {
        "(deleted)": 1,
        "(no conversation)": 1,
    }


async def test_messages_that_a_fork_took_over_count_once(report: Any, conversations: Any, local: Any) -> None:
    when = local("2026-03-30 10:00")
    original = conversations.add(when, turns=3)
    conversations.add(when + 500, parent=original, records=list(conversations.store.load(original)))
    found = await report()
    assert (found.sessions, found.user_messages) == (2, 4)


async def test_one_surface_alone(report: Any, conversations: Any, ledger: Any, local: Any) -> None:
    when = local("2026-03-30 10:00")
    chat = conversations.add(when, source="telegram")
    ledger(when, conversations.add(when, source="subagent", parent=chat))
    ledger(when, conversations.add(when))
    ledger(when, "")
    found = await report(source="telegram")
    assert (found.sessions, found.background_sessions, found.amounts.calls) == (1, 1, 1)
    with pytest.raises(NotFound, match=r"'matrix'.*cli, subagent, telegram"):
        await report(source="matrix")


async def test_pauses_are_no_time_in_a_conversation(report: Any, conversations: Any, local: Any) -> None:
    conversations.add(local("2026-03-30 10:00"), turns=3, gap=100)
    conversations.add(local("2026-03-30 12:00"), turns=2, gap=7200)
    found = await report()
    assert found.active_seconds == pytest.approx(210 + 20)
    assert {each.what: each.value for each in found.notable}["longest"] == pytest.approx(210)


async def test_without_a_ledger_it_says_what_is_not_known(report: Any, conversations: Any, local: Any) -> None:
    conversations.add(local("2026-03-30 10:00"), turns=2)
    found = await report(plugins=())
    assert not found.accounts and "pip install hermes-accounting" in found.notes[0]
    assert (found.amounts.input, found.amounts.output) == (200, 20), "tokens as the conversations have them"
    assert found.active_days == 1


async def test_a_damaged_conversation_is_said_and_costs_no_other(
    report: Any, conversations: Any, local: Any, home: Path
) -> None:
    when = local("2026-03-30 10:00")
    conversations.add(when)
    broken = conversations.add(when)
    (file,) = (home / "sessions").rglob(f"*{broken}*")
    file.chmod(0)
    try:
        found = await report()
    finally:
        file.chmod(0o600)
    # As root the file is readable all the same.
    assert found.sessions in (1, 2)
    assert found.sessions == 2 or not found.notes or "could not be read" in found.notes[0]


@pytest.mark.parametrize(
    ("zone_name", "now", "hours"),
    [
        ("Europe/Berlin", "2026-03-29 12:00", 12 - 1),
        ("Europe/Berlin", "2026-10-25 12:00", 12 + 1),
        ("America/Sao_Paulo", "2018-11-04 12:00", 12 - 1),
        ("Australia/Lord_Howe", "2026-04-05 12:00", 12 + 0.5),
        ("Asia/Kathmandu", "2026-03-31 12:00", 12),
    ],
)
def test_a_day_begins_at_local_midnight_also_when_clocks_change(
    zone: Any, local: Any, zone_name: str, now: str, hours: float
) -> None:
    zone(zone_name)
    today = last_days(1, now=local(now))
    assert (today.until - today.since) / 3600 == hours
    assert today.dates() == [now[:10]]
    assert last_days(2, now=local(now)).since == last_days(1, now=today.since - 1).since


@pytest.mark.parametrize(
    ("zone_name", "when", "place"),
    [
        ("Europe/Berlin", 1774742399, ("2026-03-29", "Sunday", "00")),
        ("Europe/Berlin", 1774746000, ("2026-03-29", "Sunday", "03")),
        ("Australia/Lord_Howe", 1775314800 - 1, ("2026-04-05", "Sunday", "01")),
        ("Asia/Kathmandu", 1774894500, ("2026-03-31", "Tuesday", "00")),
        ("UTC", -1, ("1969-12-31", "Wednesday", "23")),
    ],
)
def test_times_fall_where_the_local_clock_says(zone: Any, zone_name: str, when: int, place: tuple[str, ...]) -> None:
    zone(zone_name)
    reader = MomentReader()
    for _ in range(2):
        moment = reader.read(when)
        assert (moment.day, moment.weekday, moment.hour) == place
    assert time.strftime("%Y-%m-%d %A %H", time.localtime(when)) == " ".join(place)


async def test_activity_falls_into_the_days_on_both_sides_of_a_change(
    report: Any, conversations: Any, ledger: Any, zone: Any, local: Any
) -> None:
    zone("Europe/Berlin")
    for when in ("2026-03-28 23:59", "2026-03-29 01:59", "2026-03-29 03:00", "2026-03-29 23:59", "2026-03-30 00:00"):
        ledger(local(when), conversations.add(local(when)))
    found = await report(now="2026-03-30 12:00")
    assert [(day.name, day.calls) for day in found.by_day] == [("2026-03-28", 1), ("2026-03-29", 3), ("2026-03-30", 1)]
    assert {hour.name: hour.calls for hour in found.by_hour if hour.calls} == {"00": 1, "01": 1, "03": 1, "23": 2}
    assert {day.name: day.prompts for day in found.by_weekday if day.prompts} == {
        "Saturday": 1,
        "Sunday": 3,
        "Monday": 1,
    }
    assert (found.active_days, found.longest_streak, found.current_streak) == (3, 3, 3)


@pytest.mark.parametrize(
    ("days", "today", "expected"),
    [
        ([], "2026-03-03", (0, 0)),
        (["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-03"], "2026-03-03", (3, 1)),
        (["2026-03-01", "2026-03-02"], "2026-03-03", (2, 2)),
        (["2026-03-01", "2026-03-01"], "2026-03-03", (1, 0)),
    ],
)
def test_streaks_are_days_in_a_row(days: list[str], today: str, expected: tuple[int, int]) -> None:
    assert streaks(days, today) == expected


async def test_a_circle_of_parents_ends(report: Any, conversations: Any, local: Any) -> None:
    from hermes_insights.conversations import _roots

    infos = {
        name: SessionInfo(id=name, started=0, updated=0, source="subagent", parent=parent)
        for name, parent in (("a", "b"), ("b", "a"), ("c", "c"))
    }
    assert set(_roots(infos)) == {"a", "b", "c"}
