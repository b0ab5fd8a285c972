"""`hermes gateway outbox` and `hermes gateway chats`: what could not be delivered, and which chats are known."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import ago, count, json_option, print_json, print_table
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_gateway.sending import Sending
    from hermes_host.host import Host

__all__ = ["chats", "outbox", "send"]


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n  hermes gateway outbox retry 12\n  hermes gateway outbox drop --all",
)
@click.pass_context
def outbox(ctx: click.Context) -> None:
    """See what waits to be sent and what could not be delivered; send it again, or give it up."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_outbox, as_json=False)


@outbox.command("list", epilog="Example: hermes gateway outbox list --json")
@json_option
@pass_host
def list_outbox(host: Host, as_json: bool) -> None:
    """List what is not sent yet, failed, or may have arrived (unknown)."""
    rows = _sending(host).rows.open()
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("Everything was delivered.")
    else:
        print_table(
            ("id", "state", "to", "since", "text", ""),
            [
                (
                    row["id"],
                    row["state"],
                    row["address"],
                    ago(row["created"], time.time()),
                    one_line(row["text"], 40),
                    row["error"],
                )
                for row in rows
            ],
        )


@outbox.command("retry", epilog="Example: hermes gateway outbox retry 12")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that failed.")
@pass_host
def retry(host: Host, ids: tuple[int, ...], everything: bool) -> None:
    """Send messages again. One that may have arrived arrives twice then."""
    sending = _sending(host)
    wanted = [row["id"] for row in sending.rows.open(states=("failed",), limit=1000)] if everything else ids
    done = sending.rows.retry(wanted) if wanted else 0
    click.echo(f"{count(done, 'message')} will be sent again.")
    sys.exit(0 if done or everything else 1)


@outbox.command("drop", epilog="Example: hermes gateway outbox drop 12")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that failed or may have arrived.")
@pass_host
def drop(host: Host, ids: tuple[int, ...], everything: bool) -> None:
    """Give messages up."""
    sending = _sending(host)
    states = ("failed", "unknown")
    wanted = [row["id"] for row in sending.rows.open(states=states, limit=1000)] if everything else ids
    done = sending.rows.drop(wanted) if wanted else 0
    click.echo(f"{count(done, 'message')} given up.")
    sys.exit(0 if done or everything else 1)


@click.command(epilog="Example: hermes gateway chats telegram")
@click.argument("platform", default="")
@json_option
@pass_host
def chats(host: Host, platform: str, as_json: bool) -> None:
    """List the chats the gateway has seen, with their addresses."""
    places = _sending(host).directory.places(platform)
    if as_json:
        print_json([{"address": str(item.address), "name": item.name, "kind": item.kind} for item in places])
    elif not places:
        click.echo("No chats are known yet: they are once somebody has written.")
    else:
        print_table(("address", "kind", "name"), [(item.address, item.kind, item.name) for item in places])


@click.command(
    epilog="\b\nExamples:\n  hermes gateway send telegram 'Done.'\n  df -h | hermes gateway send telegram:#ops -"
)
@click.argument("target")
@click.argument("text")
@json_option
@pass_host
def send(host: Host, target: str, text: str, as_json: bool) -> None:
    """Send TEXT (- for standard input) to TARGET: a platform's home, platform:#name or platform:id."""
    from hermes_host.cli.application import run_async

    said = sys.stdin.read() if text == "-" else text
    sending = _sending(host)

    async def work() -> list[dict[str, object]]:
        ids = await sending.send(target, said, source="command line")
        return [
            {"id": item.id, "state": item.state, "address": item.address, "error": item.error}
            for item in await sending.wait(ids, timeout=20)
        ]

    found = run_async(host, work)
    if as_json:
        print_json(found)
    else:
        for item in found:
            click.echo(f"{item['state']}: {item['address']} {item['error']}".rstrip())
            if item["state"] == "pending":
                click.echo("It is sent as soon as the gateway runs: `hermes gateway start`.", err=True)
    sys.exit(0 if all(item["state"] in ("sent", "pending") for item in found) else 1)


def _sending(host: Host) -> Sending:
    from hermes_gateway.sending import Sending

    return Sending(host.context("gateway"))
