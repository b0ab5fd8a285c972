"""Checks for `hermes doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_accounting.budgets import limits_of
from hermes_accounting.ledger import Ledger, LedgerError
from hermes_accounting.reports import total_since
from hermes_accounting.settings import Budget
from hermes_host.protocols import CheckResult
from hermes_host.services import Catalog

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from hermes_host.context import PluginContext

__all__ = ["ledger"]


async def ledger(context: PluginContext) -> Iterable[CheckResult]:
    """Read the ledger through, and see whether limits on money can be kept."""
    path = context.home / "plugins" / context.plugin / "ledger.db"
    results = [await _state(path) if path.exists() else CheckResult(name="ledger", status="ok", detail="no calls yet")]
    limits = limits_of(context.section(Budget, "budget"))
    catalog = await context.services.find(Catalog)
    if catalog is None and any(limit.unit == "dollars" for limit in limits):
        results.append(
            CheckResult(
                name="budget",
                status="warning",
                detail="A limit in dollars is set, but no plugin knows prices, so it is never reached.",
                remedy="`pip install hermes-catalog`, or set budget.session_tokens or budget.day_tokens.",
            )
        )
    return results


async def _state(path: Path) -> CheckResult:
    opened = Ledger(path)

    def look(connection: sqlite3.Connection) -> tuple[str, int]:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return verdict, total_since(connection, 0.0).spending.calls

    try:
        verdict, calls = await asyncio.wrap_future(opened.ask(look))
    except LedgerError as error:
        return CheckResult(name="ledger", status="error", detail=error.message, remedy=error.remedy)
    finally:
        await asyncio.to_thread(opened.close)
    if verdict != "ok":
        remedy = f"Move {path} away to begin a new one; `sqlite3 {path} .recover` saves what can be saved."
        return CheckResult(name="ledger", status="error", detail=f"{path} is damaged: {verdict}", remedy=remedy)
    return CheckResult(name="ledger", status="ok", detail=f"{calls:,} calls in {path}")
