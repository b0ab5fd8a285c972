"""`hermes plugins top`: what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_isolated.status import running

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["top"]


@click.command(epilog="\b\nExamples:\n  hermes plugins top\n  hermes plugins top --json")
@json_option
@pass_host
def top(host: Host, as_json: bool) -> None:
    """Show the processes of isolated plugins, of every running hermes with this home directory."""
    rows = running(host.home)
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("No isolated plugin runs. Its process starts with the first call and ends when it is idle.")
    else:
        print_table(
            ("PLUGIN", "VERSION", "PID", "MEMORY", "CPU", "CALLS", "RESTARTS", "UPTIME", "HOST", "WORKSPACE"),
            [
                (
                    row.plugin,
                    row.version,
                    row.pid,
                    f"{row.memory / (1 << 20):.0f} MiB",
                    f"{row.cpu_seconds:.2f} s",
                    row.calls,
                    row.restarts,
                    _duration(row.uptime),
                    row.host,
                    row.workspace,
                )
                for row in rows
            ],
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
