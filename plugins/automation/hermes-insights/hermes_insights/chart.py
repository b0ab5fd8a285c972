"""The report as a picture, drawn by matplotlib, which is imported here alone and on first use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError, PluginUnavailable
from hermes_insights.overview import activity_value, overview
from hermes_insights.period import WEEKDAYS, Period
from hermes_insights.words import period_text, short

if TYPE_CHECKING:
    from hermes_insights.report import Report

__all__ = ["check_path", "draw"]

_FORMATS = frozenset({".pdf", ".png", ".svg"})
_TOOLS = 10
_COLOUR, _SECOND = "#3b6fb6", "#d98032"


def check_path(path: Path) -> None:
    """Raise before any work where the picture could not be written."""
    if path.suffix.lower() not in _FORMATS:
        raise HermesError(f"{path} is no picture's name.", remedy="End it with .png, .svg or .pdf.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise HermesError(f"{path} cannot be written.", remedy="Name a file in a folder that exists.")
    _figure()


def draw(report: Report, path: Path) -> None:
    """Write the picture; a file of that name is replaced when it is complete. Raises `HermesError`."""
    figure_class, canvas_class = _figure()
    figure = figure_class(figsize=(12, 8), dpi=120, layout="constrained")
    canvas_class(figure)
    figure.suptitle(f"Insights for {period_text(report)}", fontsize=16, fontweight="bold")
    places = figure.subplots(2, 2)
    _days(report, places[0][0])
    _hours(report, places[0][1])
    _tools(report, places[1][0])
    _words(report, places[1][1])
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        figure.savefig(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise HermesError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _figure() -> tuple[Any, Any]:
    try:
        # Without pyplot: no window system is looked for, and nothing is kept between two pictures.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PluginUnavailable(
            "Pictures need matplotlib, which is not installed.", remedy="pip install 'hermes-insights[chart]'"
        ) from error
    return Figure, FigureCanvasAgg


def _days(report: Report, place: Any) -> None:
    known = {each.name: each for each in report.by_day}
    dates = Period(report.days, report.since, report.until).dates()
    values = [activity_value(report, known[day]) if day in known else 0 for day in dates]
    place.bar(range(len(dates)), values, color=_COLOUR, width=0.9)
    step = max(1, len(dates) // 8)
    place.set_xticks(range(0, len(dates), step), [day[5:] for day in dates[::step]], fontsize=8)
    place.set_title("Model calls by day" if report.accounts else "Messages by day")
    if any(each.cost for each in report.by_day):
        money = place.twinx()
        money.plot(range(len(dates)), [known[day].cost if day in known else 0.0 for day in dates], color=_SECOND)
        money.set_ylabel("US dollars", color=_SECOND)
        money.set_ylim(bottom=0)


def _hours(report: Report, place: Any) -> None:
    hours = [activity_value(report, each) for each in report.by_hour]
    place.bar(range(24), hours, color=_COLOUR)
    place.set_xticks(range(0, 24, 3), [f"{hour:02}:00" for hour in range(0, 24, 3)], fontsize=8)
    known = {each.name: activity_value(report, each) for each in report.by_weekday}
    busiest = max(WEEKDAYS, key=lambda day: known.get(day, 0))
    place.set_title(f"By hour of the day (busiest day: {busiest})" if known.get(busiest) else "By hour of the day")


def _tools(report: Report, place: Any) -> None:
    tools = list(reversed(report.tools[:_TOOLS]))
    place.barh([_literal(short(tool.name, 28)) for tool in tools], [tool.calls for tool in tools], color=_COLOUR)
    place.set_title("Tool calls" if tools else "No tool was called")


def _words(report: Report, place: Any) -> None:
    place.axis("off")
    lines = [f"{label}: {value}" for label, value in overview(report)]
    lines += ["", *(f"{short(group.name, 34)}: {group.amounts.tokens:,} tokens" for group in report.models[:5])]
    place.text(0.0, 1.0, _literal("\n".join(lines)), va="top", fontsize=10, transform=place.transAxes)


def _literal(text: str) -> str:
    """Text that matplotlib does not read as a formula: two dollar signs would be one."""
    return text.replace("$", r"\$")
