"""Amounts as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hermes_host.services import Spending

__all__ = ["CostStatus", "cost_status", "cost_text", "count", "duration", "money", "tokens"]

CostStatus = Literal["estimated", "included", "unknown"]
"""By list prices; nothing is charged for it; no price is known."""


def money(dollars: float) -> str:
    """`$12.50`; small amounts with four decimals."""
    return f"${dollars:.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


def count(number: int, word: str) -> str:
    """`1 call`, `2,000 calls`."""
    return f"{number:,} {word if number == 1 else f'{word}s'}"


def tokens(number: int) -> str:
    """`1,234,567`."""
    return f"{number:,}"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def cost_status(spending: Spending) -> CostStatus:
    """How far the cost can be trusted. No vendor tells this host what it really charged."""
    if spending.calls and spending.unpriced == spending.calls:
        return "unknown"
    return "included" if spending.cost == 0 and not spending.unpriced else "estimated"


def cost_text(spending: Spending) -> str:
    """The cost with what is missing in it: `$1.20 + 3 unpriced`."""
    if cost_status(spending) == "unknown":
        return "unknown"
    missing = f" + {spending.unpriced} unpriced" if spending.unpriced else ""
    return f"{money(spending.cost)}{missing}"
