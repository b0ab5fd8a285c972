"""Totals that are kept up to date, so that a budget costs the same on the first call of a day and on the thousandth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_accounting.reports import total_where
from hermes_host.services import Spending

if TYPE_CHECKING:
    import sqlite3

__all__ = ["RunningTotals"]

_KEPT = 256


class RunningTotals:
    """What sessions and days have used. Belongs to one connection and is used in its thread only.

    Rows are only ever added, and their ids grow in the order of the commits, those of other processes included: what
    was added since the last look is all that has to be read.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | float], tuple[int, Spending]] = {}

    def of_account(self, ledger: sqlite3.Connection, session_id: str) -> Spending:
        """What a session used so far, with the sessions that worked for it."""
        return self._look(ledger, "account = ?", session_id)

    def since(self, ledger: sqlite3.Connection, since: float) -> Spending:
        """What all sessions used since then."""
        return self._look(ledger, "time >= ?", since)

    def _look(self, ledger: sqlite3.Connection, where: str, value: str | float) -> Spending:
        key = (where, value)
        seen, before = self._known.pop(key, (0, Spending()))
        # One transaction: both questions see the same rows, whatever other processes add meanwhile. The plus signs
        # choose the index: by session or time at the first look, by id afterwards.
        ledger.execute("BEGIN")
        try:
            newest: int = ledger.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()[0]
            new = total_where(
                ledger, f"{where} AND +id > ?" if not seen else f"+{where} AND id > ?", value, seen
            ).spending
        finally:
            ledger.execute("COMMIT")
        total = Spending(
            calls=before.calls + new.calls,
            usage=before.usage + new.usage,
            cost=before.cost + new.cost,
            unpriced=before.unpriced + new.unpriced,
        )
        self._known[key] = newest, total
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return total
