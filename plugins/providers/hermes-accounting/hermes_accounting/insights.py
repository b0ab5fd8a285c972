"""How and when models are used: what the ledger can tell of a number of days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from hermes_accounting.reports import Group, spending_by, total_since
from hermes_accounting.words import cost_text, count, duration, tokens

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Insights", "gather", "markdown", "streak"]

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_BAR = 15


class Insights(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is reported of a period."""

    total: Group
    sessions: int
    active_days: int
    longest_streak: int
    """Days in a row on which a model was called."""
    models: Sequence[Group]
    purposes: Sequence[Group]
    days: Sequence[Group]
    weekdays: Sequence[Group]
    hours: Sequence[Group]
    top_sessions: Sequence[Group]


def gather(ledger: sqlite3.Connection, since: float) -> Insights:
    """Ask the ledger for everything since then."""
    days = spending_by(ledger, "day", since=since)
    sessions = [group for group in spending_by(ledger, "session", since=since) if group.key]
    return Insights(
        total=total_since(ledger, since),
        sessions=len(sessions),
        active_days=len(days),
        longest_streak=streak([group.key for group in days]),
        models=spending_by(ledger, "model", since=since),
        purposes=spending_by(ledger, "purpose", since=since),
        days=days,
        weekdays=spending_by(ledger, "weekday", since=since),
        hours=spending_by(ledger, "hour", since=since),
        top_sessions=sessions[:5],
    )


def streak(days: Sequence[str]) -> int:
    """The longest run of days in a row; `days` are distinct, sorted, and written `YYYY-MM-DD`."""
    best = run = 0
    before: date | None = None
    for day in map(date.fromisoformat, days):
        run = run + 1 if before is not None and day - before == timedelta(days=1) else 1
        best, before = max(best, run), day
    return best


def markdown(found: Insights, days: int) -> str:
    """The report as Markdown."""
    period = "today" if days <= 1 else f"the last {days} days"
    if not found.total.spending.calls:
        return f"No model was called in {period}." if days > 1 else "No model was called today."
    return "\n".join(
        [
            f"**Insights for {period}**",
            "",
            *_overview(found),
            *_section("Models", found.models, 10),
            *_section("Purposes", found.purposes, 10),
            *_section("Conversations that cost most", found.top_sessions, 5),
            *_activity(found),
        ]
    )


def _overview(found: Insights) -> list[str]:
    spending, used = found.total.spending, found.total.spending.usage
    failed = f", {found.total.failed} failed" if found.total.failed else ""
    lines = [
        ("Conversations", str(found.sessions)),
        ("Calls", f"{spending.calls}{failed}"),
        ("Tokens", f"{tokens(used.input)} in ({tokens(used.cached)} from the cache), {tokens(used.output)} out"),
        ("Cost", cost_text(spending)),
        ("Models answered for", duration(found.total.seconds)),
        ("Active days", f"{found.active_days}, at most {found.longest_streak} in a row"),
    ]
    return [f"- {label}: {value}" for label, value in lines]


def _section(title: str, groups: Sequence[Group], limit: int) -> list[str]:
    lines = [
        f"- `{group.key or '(none)'}`: {count(group.spending.calls, 'call')}, "
        f"{tokens(group.spending.usage.input + group.spending.usage.output)} tokens, {cost_text(group.spending)}"
        for group in groups[:limit]
    ]
    more = [f"- and {len(groups) - limit} more"] if len(groups) > limit else []
    return ["", f"**{title}**", "", *lines, *more] if lines else []


def _activity(found: Insights) -> list[str]:
    by_weekday = {WEEKDAYS[int(group.key)]: group.spending.calls for group in found.weekdays}
    most = max(by_weekday.values(), default=1)
    ordered = (*WEEKDAYS[1:], WEEKDAYS[0])
    bars = [
        f"{day[:3]} {'█' * round(_BAR * by_weekday.get(day, 0) / most):<{_BAR}} {by_weekday.get(day, 0)}"
        for day in ordered
    ]
    busiest = sorted(found.hours, key=lambda group: -group.spending.calls)[:3]
    hours = ", ".join(f"{group.key}:00 ({group.spending.calls})" for group in busiest)
    return ["", "**Calls by weekday**", "", "```", *bars, "```", "", f"Busiest hours: {hours}"]
