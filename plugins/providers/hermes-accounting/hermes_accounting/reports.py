"""Questions to the ledger. Times are seconds since the epoch; days are those of this machine's time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_host.services import Spending
from hermes_host.stream import Usage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = [
    "Group",
    "GroupBy",
    "last_prompt",
    "spending_by",
    "spending_of_session",
    "spending_since",
    "total_of_session",
    "total_since",
    "total_where",
]

GroupBy = Literal["model", "day", "session", "purpose"]

_KEYS: dict[str, str] = {
    "model": "provider || ':' || model",
    "day": "date(time, 'unixepoch', 'localtime')",
    "session": "session_id",
    "purpose": "purpose",
}
_SUMS = """count(*), total(input), total(output), total(cached), total(cache_write), total(reasoning), total(cost),
    total(cost IS NULL), total(outcome NOT IN ('ok', 'cancelled')), total(seconds), min(time), max(time + seconds)"""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that have something in common."""

    key: str
    spending: Spending
    failed: int = 0
    seconds: float = 0.0
    """How long models were answering, all calls added up."""
    first: float = 0.0
    last: float = 0.0


def spending_of_session(ledger: sqlite3.Connection, session_id: str) -> Spending:
    """What a session used, with the sessions that worked for it."""
    return total_of_session(ledger, session_id).spending


def spending_since(ledger: sqlite3.Connection, since: float) -> Spending:
    """What all sessions used since then."""
    return total_where(ledger, "time >= ?", since).spending


def total_of_session(ledger: sqlite3.Connection, session_id: str) -> Group:
    """The calls of a session, and of those that worked for it, as one group."""
    return total_where(ledger, "session_id = ? OR account = ?", session_id, session_id)


def total_since(ledger: sqlite3.Connection, since: float) -> Group:
    """All calls since then as one group."""
    return total_where(ledger, "time >= ?", since)


def spending_by(ledger: sqlite3.Connection, by: GroupBy, *, since: float = 0.0, limit: int = 0) -> Sequence[Group]:
    """Calls since `since` in groups: days in order, others the most costly first.

    `limit` is the greatest number of groups, 0 for all.
    """
    order = "1" if by == "day" else "total(cost) DESC, total(input) + total(output) DESC"
    rows = ledger.execute(
        f"SELECT {_KEYS[by]}, {_SUMS} FROM calls WHERE time >= ? GROUP BY 1 ORDER BY {order} LIMIT ?",
        (since, limit or -1),
    )
    return [_group(*row) for row in rows]


def last_prompt(ledger: sqlite3.Connection, session_id: str) -> tuple[str, str, int]:
    """Provider, model and tokens of the last finished answer of a session's own turns: how full the context is."""
    row = ledger.execute(
        "SELECT provider, model, input + output FROM calls "
        "WHERE session_id = ? AND purpose = 'turn' AND outcome = 'ok' ORDER BY id DESC LIMIT 1",
        (session_id,),
    ).fetchone()
    return row or ("", "", 0)


def total_where(ledger: sqlite3.Connection, where: str, *values: Any) -> Group:
    """The calls that meet a condition in SQL as one group."""
    row = ledger.execute(f"SELECT '', {_SUMS} FROM calls WHERE {where}", values).fetchone()
    return _group(*row)


def _group(
    key: str,
    calls: int,
    input: float,
    output: float,
    cached: float,
    cache_write: float,
    reasoning: float,
    cost: float,
    unpriced: float,
    failed: float,
    seconds: float,
    first: float | None,
    last: float | None,
) -> Group:
    usage = Usage(
        input=int(input),
        output=int(output),
        cached=int(cached),
        cache_write=int(cache_write),
        reasoning=int(reasoning),
    )
    return Group(
        key=key,
        spending=Spending(calls=calls, usage=usage, cost=cost, unpriced=int(unpriced)),
        failed=int(failed),
        seconds=seconds,
        first=first or 0.0,
        last=last or 0.0,
    )
