"""The lines at the top of a report, the same on every surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_insights.words import cost_text, count, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_insights.report import Activity, Report

__all__ = ["activity_value", "busiest", "overview"]


def overview(report: Report) -> list[tuple[str, str]]:
    """Label and value of each."""
    amounts = report.amounts
    behind = f" (and {report.background_sessions:,} behind them)" if report.background_sessions else ""
    lines = [
        ("Conversations", f"{report.sessions:,}{behind}"),
        ("Messages", f"{report.messages:,} ({report.user_messages:,} by people)"),
        ("Tool calls", f"{report.tool_calls:,}"),
    ]
    if report.accounts:
        failed = f", {amounts.failed:,} failed" if amounts.failed else ""
        lines.append(("Model calls", f"{amounts.calls:,}{failed}"))
    cached = f" ({amounts.cached:,} from the cache)" if amounts.cached else ""
    thinking = f" ({amounts.reasoning:,} for thinking)" if amounts.reasoning else ""
    lines.append(("Tokens", f"{amounts.input:,} in{cached}, {amounts.output:,} out{thinking}"))
    if report.accounts:
        lines.append(("Cost", cost_text(amounts)))
        extra = sum(group.amounts.calls for group in report.purposes if group.name != "turn")
        if extra:
            lines.append(("Auxiliary work", count(extra, "call")))
    if report.active_seconds:
        lines.append(("Time in conversations", duration(report.active_seconds)))
    streak = f", {report.longest_streak} in a row at most" if report.longest_streak > 1 else ""
    now = f", {report.current_streak} in a row now" if report.current_streak > 1 else ""
    lines.append(("Active days", f"{report.active_days} of {report.days}{streak}{now}"))
    return lines


def activity_value(report: Report, activity: Activity) -> int:
    """What an activity's bar shows: calls of models where they are known, else messages of people."""
    return activity.calls if report.accounts else activity.prompts


def busiest(report: Report, activities: Sequence[Activity], number: int) -> list[Activity]:
    """Those in which most happened, the busiest first."""
    active = [each for each in activities if activity_value(report, each)]
    return sorted(active, key=lambda each: (-activity_value(report, each), each.name))[:number]
