"""The report on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.cli.listing import moment
from hermes_host.visible import one_line
from hermes_insights.overview import activity_value, busiest, overview
from hermes_insights.words import bar, cost_text, duration, notable_text, nothing, period_text, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from hermes_insights.report import Activity, Group, Report

__all__ = ["show"]

_MODELS, _TOOLS, _WIDTH, _DAYS = 15, 15, 15, 31


def show(report: Report, console: Console) -> None:
    """Print it."""
    if report.empty:
        console.print(nothing(report), markup=False)
    else:
        for part in _parts(report):
            console.print(part)
            console.print()
    for note in report.notes:
        console.print(note, style="yellow", markup=False)


def _parts(report: Report) -> list[RenderableType]:
    from rich.text import Text

    heading = Text(f"Insights for {period_text(report)}", style="bold")
    heading.append(f"  {moment(report.since)} to {moment(report.until)} {report.time_zone}", style="not bold dim")
    parts: list[RenderableType] = [heading, _table(("", ""), overview(report), numbers=False)]
    if report.models:
        parts.append(_groups("model", report.models[:_MODELS], len(report.models) - _MODELS))
    auxiliary = [group for group in report.purposes if group.name != "turn"]
    if auxiliary:
        parts.append(_groups("auxiliary work", auxiliary, 0))
    if len(report.sources) > 1:
        rows = [
            (group.name, f"{group.sessions:,}", f"{group.messages:,}", f"{group.amounts.tokens:,}")
            for group in report.sources
        ]
        parts.append(_table(("surface", "conversations", "messages", "tokens"), rows))
    if report.tools:
        parts.append(_tools(report))
    parts += _activity(report)
    if report.notable:
        found = [
            (*notable_text(each), each.session, moment(each.started), short(one_line(each.title, 0), 60))
            for each in report.notable
        ]
        parts.append(_table(("notable", "", "conversation", "begun", "title"), found, numbers=False))
    return parts


def _groups(title: str, groups: Sequence[Group], more: int) -> RenderableType:
    rows: list[tuple[str, ...]] = [
        (
            short(one_line(group.name, 0), 40) or "(none)",
            *(f"{group.sessions:,}", f"{group.amounts.calls:,}", f"{group.amounts.failed:,}"),
            *(f"{group.amounts.input:,}", f"{group.amounts.cached:,}", f"{group.amounts.output:,}"),
            *(duration(group.amounts.seconds), cost_text(group.amounts)),
        )
        for group in groups
    ]
    if more > 0:
        rows.append((f"and {more} more", *[""] * 8))
    headers = (title, "conversations", "calls", "failed", "tokens in", "cached", "tokens out", "time", "cost")
    return _table(headers, rows)


def _tools(report: Report) -> RenderableType:
    most = report.tools[0].calls
    rows = [
        (short(one_line(tool.name, 0), 40), f"{tool.calls:,}", f"{tool.share:.0%}", bar(tool.calls, most, _WIDTH))
        for tool in report.tools[:_TOOLS]
    ]
    if len(report.tools) > _TOOLS:
        rows.append((f"and {len(report.tools) - _TOOLS} more", "", "", ""))
    return _table(("tool", "calls", "share", ""), rows, bars=True)


def _activity(report: Report) -> list[RenderableType]:
    what = "calls" if report.accounts else "messages"
    parts = []
    if report.days > 1 and report.by_day:
        parts.append(_bars(report, "day", what, report.by_day[-_DAYS:]))
    if busy := busiest(report, report.by_hour, 5):
        if report.days > 1:
            parts.append(_bars(report, "weekday", what, report.by_weekday))
        parts.append(_bars(report, "busiest hour", what, busy))
    return parts


def _bars(report: Report, title: str, what: str, activities: Sequence[Activity]) -> RenderableType:
    most = max(activity_value(report, each) for each in activities)
    rows = [
        (
            f"{each.name}:00" if title == "busiest hour" else each.name,
            *(f"{each.prompts:,}", f"{activity_value(report, each):,}", f"{each.tokens:,}"),
            bar(activity_value(report, each), most, _WIDTH),
        )
        for each in activities
    ]
    return _table((title, "prompts", what, "tokens", ""), rows, bars=True)


def _table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True, bars: bool = False
) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=any(headers), header_style="bold", padding=(0, 2, 0, 0))
    for place, header in enumerate(headers):
        right: Any = "right" if numbers and place > 0 and not (bars and place == len(headers) - 1) else "left"
        table.add_column(header, justify=right, overflow="fold")
    for row in rows:
        # As text: what stands in a title is no markup.
        table.add_row(*(Text(cell) for cell in row))
    return table
