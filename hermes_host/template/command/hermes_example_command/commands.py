"""The command, and the same in a conversation: imported when they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall
    from hermes_host.host import Host


@click.command(epilog="Example: hermes example-command --json")
@click.option("--source", default="", metavar="NAME", help="Only those of one surface, such as cli.")
@json_option
@pass_host
def main(host: Host, source: str, as_json: bool) -> None:
    """Say how many conversations there are."""
    number = count(host, source)
    if as_json:
        print_json({"conversations": number})
    else:
        click.echo(f"Conversations: {number}")


async def slash(call: SlashCall) -> str:
    """The same in a conversation; the answer is Markdown."""
    return f"Conversations: **{count(call.host, call.arguments.strip())}**"


def count(host: Host, source: str) -> int:
    """How many conversations of a surface are kept; of all where it is empty."""
    return len(host.sessions.list(limit=1_000_000, source=source))
