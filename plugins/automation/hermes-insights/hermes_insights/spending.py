"""What the ledger tells of a period, read once from its beginning to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hermes_insights.period import QUARTER, Moment
from hermes_insights.report import Amounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hermes_host.services import ModelCall
    from hermes_insights.period import MomentReader

__all__ = ["Spent", "read_calls"]

_BREATH = 2_000
"""Calls after which other work may run."""

_GOOD = frozenset({"ok", "cancelled"})

Key = tuple[str, str, str, str, int]
"""Session, purpose, provider, model and quarter of an hour."""


class Spent(msgspec.Struct, frozen=True):
    """Calls that agree in everything that is reported."""

    session_id: str
    purpose: str
    model: str
    """`provider:model`."""
    moment: Moment
    amounts: Amounts


async def read_calls(calls: Iterator[ModelCall], moments: MomentReader, counts: Callable[[str], bool]) -> list[Spent]:
    """Add up the calls of the sessions for which `counts` holds. Memory grows with what is reported, not with calls."""
    found: dict[Key, Amounts] = {}
    counted: dict[str, bool] = {}
    lookup = found.get
    for number, call in enumerate(calls, 1):
        if not number % _BREATH:
            await asyncio.sleep(0)
        session_id = call.session_id
        if session_id not in counted:
            counted[session_id] = counts(session_id)
        if not counted[session_id]:
            continue
        key = (session_id, call.purpose, call.provider, call.model, int(call.time // QUARTER))
        amounts = lookup(key)
        if amounts is None:
            amounts = found[key] = Amounts()
        usage, cost = call.usage, call.cost
        amounts.calls += 1
        amounts.input += usage.input
        amounts.output += usage.output
        amounts.cached += usage.cached
        amounts.cache_write += usage.cache_write
        amounts.reasoning += usage.reasoning
        amounts.seconds += call.seconds
        if cost is None:
            amounts.unpriced += 1
        else:
            amounts.cost += cost
        if call.outcome not in _GOOD:
            amounts.failed += 1
    return [
        Spent(session_id, purpose, f"{provider}:{model}", moments.read(quarter * QUARTER), amounts)
        for (session_id, purpose, provider, model, quarter), amounts in found.items()
    ]
