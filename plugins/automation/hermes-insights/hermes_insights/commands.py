"""`hermes insights`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json
from hermes_insights.gather import gather
from hermes_insights.period import LONGEST, last_days

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.host import Host
    from hermes_insights.report import Report

__all__ = ["as_object", "insights"]


@click.command(
    epilog="\b\nExamples:\n  hermes insights --days 7\n  hermes insights --source telegram --json\n"
    "  hermes insights --days 90 --chart insights.png"
)
@click.option(
    "--days", default=30, type=click.IntRange(1, LONGEST), show_default=True, help="Today and the days before."
)
@click.option("--source", default="", metavar="NAME", help="One surface only, such as cli or telegram.")
@click.option(
    "--chart", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw a picture as well (.png, .svg, .pdf)."
)
@json_option
@pass_host
def insights(host: Host, days: int, source: str, chart: Path | None, as_json: bool) -> None:
    """Show how, when and for how much the agent is used.

    What was said and done is read from the conversations; models, tokens and cost from the ledger of hermes-accounting.
    Costs are those of the moment of each call; calls without a known price are in no sum, and are said.
    """
    if chart is not None:
        from hermes_insights.chart import check_path

        check_path(chart)
    report = _gather(host, days, source)
    if chart is not None:
        from hermes_insights.chart import draw

        draw(report, chart)
    if as_json:
        print_json(as_object(report, chart))
        return
    from rich.console import Console

    from hermes_insights.tables import show

    show(report, Console(highlight=False, **_width()))
    if chart is not None:
        click.echo(f"Drawn: {chart}")


def as_object(report: Report, chart: Path | None = None) -> dict[str, Any]:
    """The report for scripts."""
    document: dict[str, Any] = msgspec.to_builtins(report)
    document["empty"] = report.empty
    if chart is not None:
        document["chart"] = str(chart)
    return document


def _width() -> dict[str, Any]:
    """Nothing is folded where nobody looks at it."""
    return {} if sys.stdout.isatty() else {"width": 200}


def _gather(host: Host, days: int, source: str) -> Report:
    if not sys.stderr.isatty():
        return run_async(host, lambda: gather(host.services, last_days(days), source=source))
    from rich.console import Console

    with Console(stderr=True).status("Reading conversations") as status:
        return run_async(
            host, lambda: gather(host.services, last_days(days), source=source, progress=_told(status.update))
        )


def _told(update: Callable[[str], None]) -> Callable[[int, int], None]:
    def tell(place: int, number: int) -> None:
        if not place % 50:
            update(f"Reading conversations: {place:,} of {number:,}")

    return tell
