"""`hermes network`: what would be allowed and why, and what was asked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json, print_table

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_network.journal import Entry
    from hermes_network.report import Report

__all__ = ["network"]


@click.group()
def network() -> None:
    """Show where the agent may go on the network, and where it went."""


@network.command(
    epilog="\b\nExamples:\n  hermes network check https://example.com/page\n"
    "  hermes network check http://localhost:8080 --json"
)
@click.argument("url")
@click.option("--no-lookup", is_flag=True, help="Do not ask a name server.")
@json_option
@pass_host
def check(host: Host, url: str, no_lookup: bool, as_json: bool) -> None:
    """Say whether a URL may be asked, and which rule decides. Nothing is sent to its host.

    The exit code is 0 when it may be asked, else 1.
    """
    report = run_async(host, lambda: _explain(host, url, not no_lookup))
    if as_json:
        print_json(report)
    else:
        _show(report)
    if not report.allowed:
        raise SystemExit(1)


@network.command(
    epilog="\b\nExamples:\n  hermes network log -n 20\n  hermes network log --host example.com --refused\n"
    "  hermes network log --json"
)
@click.option("-n", "number", default=50, type=click.IntRange(1, 100_000), show_default=True, help="Newest entries.")
@click.option("--host", "site", default="", metavar="NAME", help="Only this host, and those below it.")
@click.option("--refused", is_flag=True, help="Only what was refused.")
@click.option("--failed", is_flag=True, help="Only what failed.")
@json_option
@pass_host
def log(host: Host, number: int, site: str, refused: bool, failed: bool, as_json: bool) -> None:
    """Show what was asked: hosts, sizes and verdicts, oldest first."""
    from hermes_network.journal import Journal

    if refused and failed:
        raise click.UsageError("--refused and --failed exclude each other.")
    verdict = "refused" if refused else "failed" if failed else ""
    entries = Journal(host.home / "logs" / "network.jsonl").read(number, host=site.lower(), verdict=verdict)
    if as_json:
        print_json(entries)
    elif not entries:
        click.echo("Nothing was asked so far." if not (site or verdict) else "Nothing like that was asked.")
    else:
        print_table(
            ("TIME", "PURPOSE", "REQUEST", "HOST", "OUTCOME", "RECEIVED", "SENT", "SECONDS"),
            [_row(entry) for entry in entries],
        )


async def _explain(host: Host, url: str, resolve: bool) -> Report:
    from hermes_network.guard import Network

    return await (await host.services.get(Network)).explain(url, resolve=resolve)


def _show(report: Report) -> None:
    if not report.allowed:
        click.echo(f"Refused ({report.rule}): {report.reason}")
        if report.remedy:
            click.echo(report.remedy)
        return
    why = "an exception in network.allow_private" if report.exception else "a public site"
    click.echo(f"Allowed: {report.scheme}://{_bracketed(report.host)}:{report.port} is {why}.")
    if report.addresses:
        click.echo(f"It leads to {', '.join(report.addresses)}.")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _row(entry: Entry) -> tuple[object, ...]:
    outcome = entry.verdict if not entry.rule else f"{entry.verdict} ({entry.rule})"
    if entry.verdict == "ok":
        outcome = str(entry.status)
    return (
        datetime.fromtimestamp(entry.time).astimezone().strftime("%m-%d %H:%M:%S"),
        entry.purpose,
        f"{entry.method} {entry.scheme}".strip(),
        f"{_bracketed(entry.host)}:{entry.port}" if entry.port else entry.host,
        outcome,
        entry.received,
        entry.sent,
        f"{entry.seconds:.2f}",
    )
