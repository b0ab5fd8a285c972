"""`hermes usage`: what the ledger says, for people and for scripts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from hermes_accounting.reports import Group, GroupBy, spending_by, total_since
from hermes_accounting.slash import accounting_of
from hermes_accounting.words import cost_status, cost_text, duration, tokens
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json, print_table

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_host.host import Host

__all__ = ["usage"]

_days = click.option("--days", default=30, type=click.IntRange(1), show_default=True, help="Today and the days before.")


@click.command(epilog="\b\nExamples:\n  hermes usage --days 7 --by day\n  hermes usage --by session --json")
@_days
@click.option(
    "--by",
    default="model",
    type=click.Choice(["model", "day", "session", "purpose"]),
    show_default=True,
    help="What to add up.",
)
@json_option
@pass_host
def usage(host: Host, days: int, by: GroupBy, as_json: bool) -> None:
    """Show the tokens and the cost of model calls.

    Calls without a known price are listed as unpriced and are in no sum of dollars.
    """

    def look(ledger: sqlite3.Connection, since: float) -> tuple[Sequence[Group], Group]:
        return spending_by(ledger, by, since=since), total_since(ledger, since)

    groups, total = _ask(host, days, look)
    if as_json:
        print_json(
            {"days": days, "by": by, "groups": [_object(group) for group in groups], "total": _object(total, key=False)}
        )
        return
    if not groups:
        click.echo(f"No model was called in the last {days} days." if days > 1 else "No model was called today.")
        return
    headers = (by, "calls", "failed", "tokens in", "cached", "tokens out", "thinking", "time", "cost")
    print_table(headers, [_row(group.key or "(none)", group) for group in groups] + [_row("total", total)])


def _ask(host: Host, days: int, look: Callable[[sqlite3.Connection, float], Any]) -> Any:
    async def inside() -> Any:
        accounting = await accounting_of(host)
        since = accounting.days_ago(days)
        return await asyncio.wrap_future(accounting.ledger.ask(lambda ledger: look(ledger, since)))

    return run_async(host, inside)


def _row(key: str, group: Group) -> tuple[str, ...]:
    used = group.spending.usage
    return (
        key,
        tokens(group.spending.calls),
        tokens(group.failed),
        tokens(used.input),
        tokens(used.cached),
        tokens(used.output),
        tokens(used.reasoning),
        duration(group.seconds),
        cost_text(group.spending),
    )


def _object(group: Group, *, key: bool = True) -> dict[str, Any]:
    used = group.spending.usage
    return {
        **({"key": group.key} if key else {}),
        "calls": group.spending.calls,
        "failed": group.failed,
        "input": used.input,
        "output": used.output,
        "cached": used.cached,
        "cache_write": used.cache_write,
        "reasoning": used.reasoning,
        "cost": group.spending.cost,
        "unpriced": group.spending.unpriced,
        "cost_status": cost_status(group.spending),
        "seconds": group.seconds,
    }
