"""The calls of a period one after another, however many there are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hermes_host.services import ModelCall
from hermes_host.stream import Usage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from hermes_accounting.ledger import Ledger

__all__ = ["PAGE", "calls"]

PAGE = 4_000
"""Rows held in memory at once."""

# The row value is compared by the index of times, so that each page begins where the last one ended.
_QUERY = """SELECT id, time, session_id, purpose, provider, model, outcome,
    input, output, cached, cache_write, reasoning, cost, seconds
    FROM calls WHERE (time, id) > (?, ?) AND time < ? ORDER BY time, id LIMIT ?"""


def calls(ledger: Ledger, since: float, until: float, *, page: int = PAGE) -> Iterator[ModelCall]:
    """See `Accounts.calls`. Calls that begin while it is read are seen if they begin before `until`.

    Raises `LedgerError`.
    """
    after: tuple[float, int] = (since, -1)
    while True:
        rows = ledger.ask(partial(_page, after=after, until=until, page=page)).result()
        for row in rows:
            yield _call(*row[1:])
        if len(rows) < page:
            return
        after = (rows[-1][1], rows[-1][0])


def _page(connection: sqlite3.Connection, after: tuple[float, int], until: float, page: int) -> Sequence[Any]:
    return connection.execute(_QUERY, (*after, until, page)).fetchall()


def _call(
    time: float,
    session_id: str,
    purpose: str,
    provider: str,
    model: str,
    outcome: str,
    input: int,
    output: int,
    cached: int,
    cache_write: int,
    reasoning: int,
    cost: float | None,
    seconds: float,
) -> ModelCall:
    return ModelCall(
        time=time,
        session_id=session_id,
        purpose=purpose,
        provider=provider,
        model=model,
        outcome=outcome,
        usage=Usage(input=input, output=output, cached=cached, cache_write=cache_write, reasoning=reasoning),
        cost=cost,
        seconds=seconds,
    )
