"""The report as Markdown, for conversations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from hermes_host.visible import one_line
from hermes_insights.overview import activity_value, busiest, overview
from hermes_insights.words import bar, cost_text, count, notable_text, nothing, period_text, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_insights.report import Group, Report

__all__ = ["markdown"]

_MODELS, _TOOLS, _WIDTH = 5, 8, 15


def markdown(report: Report) -> str:
    """Short enough for a chat: the rest is in `hermes insights`."""
    if report.empty:
        return "\n\n".join([nothing(report), *report.notes])
    parts = [
        [f"**Insights for {period_text(report)}**"],
        [f"- {label}: {value}" for label, value in overview(report)],
        _groups("Models", report.models, _MODELS),
        _groups("Auxiliary work", [group for group in report.purposes if group.name != "turn"], _MODELS),
        _surfaces(report),
        _tools(report),
        _activity(report),
        _notable(report),
        [f"_{note}_" for note in report.notes],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _groups(title: str, groups: Sequence[Group], limit: int) -> list[str]:
    lines = [
        f"- `{_code(group.name)}`: {count(group.amounts.calls, 'call')}, {group.amounts.tokens:,} tokens, "
        f"{cost_text(group.amounts)}"
        for group in groups[:limit]
    ]
    more = [f"- and {len(groups) - limit} more"] if len(groups) > limit else []
    return [f"**{title}**", "", *lines, *more] if lines else []


def _surfaces(report: Report) -> list[str]:
    if len(report.sources) < 2:
        return []
    lines = [
        f"- `{_code(group.name)}`: {count(group.sessions, 'conversation')}, {count(group.messages, 'message')}, "
        f"{group.amounts.tokens:,} tokens"
        for group in report.sources
    ]
    return ["**Surfaces**", "", *lines]


def _tools(report: Report) -> list[str]:
    lines = [f"- `{_code(tool.name)}`: {tool.calls:,} ({tool.share:.0%})" for tool in report.tools[:_TOOLS]]
    more = [f"- and {len(report.tools) - _TOOLS} more"] if len(report.tools) > _TOOLS else []
    return ["**Tools**", "", *lines, *more] if lines else []


def _activity(report: Report) -> list[str]:
    most = max((activity_value(report, each) for each in report.by_weekday), default=0)
    if not most:
        return []
    bars = [
        f"{each.name[:3]} {bar(activity_value(report, each), most, _WIDTH):<{_WIDTH}} {activity_value(report, each):,}"
        for each in report.by_weekday
    ]
    hours = ", ".join(
        f"{each.name}:00 ({activity_value(report, each):,})" for each in busiest(report, report.by_hour, 3)
    )
    what = "Calls" if report.accounts else "Messages"
    return [f"**{what} by weekday**", "", "```", *bars, "```", "", f"Busiest hours: {hours}"]


def _notable(report: Report) -> list[str]:
    lines = []
    for each in report.notable:
        what, value = notable_text(each)
        day = datetime.fromtimestamp(each.started).date().isoformat()
        title = f" {_plain(short(one_line(each.title, 0), 50))}" if each.title else ""
        lines.append(f"- {what.capitalize()}: {value}, `{_code(each.session)}`{title} ({day})")
    return ["**Notable conversations**", "", *lines] if lines else []


def _code(text: str) -> str:
    return one_line(text, 0).replace("`", "'") or "(none)"


def _plain(text: str) -> str:
    """A title as text: what would be markup in it is not."""
    return "".join(f"\\{each}" if each in "\\`*_[]<>|#" else each for each in text)
