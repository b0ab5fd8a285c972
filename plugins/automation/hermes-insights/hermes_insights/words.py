"""Amounts as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_insights.report import Amounts, Notable, Report

__all__ = ["bar", "cost_text", "count", "duration", "money", "nothing", "notable_text", "period_text", "short"]

_FULL, _EIGHTHS = "█", " ▏▎▍▌▋▊▉"


def money(dollars: float) -> str:
    """`$12.50`; small amounts with four decimals."""
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


def cost_text(amounts: Amounts) -> str:
    """The cost with what is missing in it: `$1.20 + 3 unpriced`."""
    if amounts.calls and amounts.unpriced == amounts.calls:
        return "unknown"
    missing = f" + {amounts.unpriced:,} unpriced" if amounts.unpriced else ""
    return f"{money(amounts.cost)}{missing}"


def count(number: int, word: str) -> str:
    """`1 call`, `2,000 calls`."""
    return f"{number:,} {word if number == 1 else f'{word}s'}"


def duration(seconds: float) -> str:
    """`42 s`, `3 min`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def short(text: str, length: int) -> str:
    """The beginning of a name."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def bar(value: float, most: float, width: int) -> str:
    """A bar of at most `width` characters, in steps of an eighth."""
    if most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(8 * width * value / most))
    rest = _EIGHTHS[eighths % 8].strip()
    return _FULL * (eighths // 8) + rest


def period_text(report: Report) -> str:
    """`the last 30 days`, `today`, with the surface where one was asked for."""
    period = "today" if report.days == 1 else f"the last {report.days:,} days"
    return f"{period}, {report.source} only" if report.source else period


def nothing(report: Report) -> str:
    """What is said where nothing happened."""
    where = f" on {report.source}" if report.source else ""
    return (
        f"Nothing happened{where} today."
        if report.days == 1
        else f"Nothing happened{where} in the last {report.days:,} days."
    )


_WHAT = {
    "longest": "longest",
    "messages": "most messages",
    "tokens": "most tokens",
    "tool_calls": "most tool calls",
    "cost": "most costly",
}


def notable_text(notable: Notable) -> tuple[str, str]:
    """What makes a conversation stand out, and by how much."""
    if notable.what == "longest":
        return _WHAT["longest"], duration(notable.value)
    if notable.what == "cost":
        return _WHAT["cost"], money(notable.value)
    return _WHAT[notable.what], f"{int(notable.value):,}"
