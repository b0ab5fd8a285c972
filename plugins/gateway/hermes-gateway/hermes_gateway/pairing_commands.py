"""`hermes pairing`: who may talk to the agent. Works while the gateway runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hermes_gateway.database import Database
from hermes_gateway.outbox import Rows
from hermes_gateway.pairing import Pairing
from hermes_gateway.settings import Settings
from hermes_gateway.shared import people_of
from hermes_gateway.waking import Waker
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import ago, count, print_json, print_table
from hermes_host.protocols import Address
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_gateway.pairing import Pending
    from hermes_gateway.people import People
    from hermes_host.host import Host
    from hermes_host.protocols import Role

__all__ = ["pairing"]


@click.group(epilog="Example: hermes pairing approve telegram 7KQ2MXWF --owner")
def pairing() -> None:
    """Let people talk to the agent, or no more."""


@pairing.command("list", epilog="Example: hermes pairing list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_host
def list_(host: Host, as_json: bool) -> None:
    """List who was let in, and who waits."""
    people, codes = _rooms(host)
    let_in, waiting = people.all(), codes.pending()
    if as_json:
        print_json(
            {"people": [person._asdict() for person in let_in], "pending": [entry._asdict() for entry in waiting]}
        )
        return
    now = time.time()
    if let_in:
        print_table(
            ("platform", "id", "role", "name", "since"),
            [
                (one.platform, one.user, one.role or "linked", one_line(one.name, 30), ago(one.since, now))
                for one in let_in
            ],
        )
    if waiting:
        click.echo("\nWaiting:" if let_in else "Waiting:")
        print_table(
            ("platform", "id", "name", "asked"),
            [(one.platform, one.user, one_line(one.name, 30), ago(one.made, now)) for one in waiting],
        )
    if not (let_in or waiting):
        click.echo("Nobody was let in by a code, and nobody waits. Who the settings name is not listed here.")


@pairing.command(epilog="Example: hermes pairing approve telegram 7KQ2MXWF --owner")
@click.argument("platform")
@click.argument("code")
@click.option("--owner", "role", flag_value="owner", help="They are you: they may do everything.")
@click.option("--member", "role", flag_value="member", default=True, help="They may talk, with what members have.")
@click.option("--guest", "role", flag_value="guest", help="They may talk, without tools that act.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_host
def approve(host: Host, platform: str, code: str, role: Role, as_json: bool) -> None:
    """Let in whoever was shown CODE."""
    _, codes = _rooms(host)
    found = codes.approve(platform, code, role)
    _welcome(host, found)
    if as_json:
        print_json({**found._asdict(), "role": role})
        return
    name = f" ({one_line(found.name, 40)})" if found.name else ""
    click.echo(f"{found.user}{name} may talk on {platform} now, as {role}.")
    if role != "owner":
        click.echo(f"If that is you: `hermes pairing role {platform} {found.user} owner` gives you all rights.")


@pairing.command(epilog="Example: hermes pairing role telegram 123456789 owner")
@click.argument("platform")
@click.argument("user")
@click.argument("role", type=click.Choice(("owner", "member", "guest")))
@pass_host
def role(host: Host, platform: str, user: str, role: Role) -> None:
    """Give the account USER another role."""
    people, _ = _rooms(host)
    people.let_in(platform, user, role)
    click.echo(f"{user} on {platform} is {role} now.")


@pairing.command(epilog="Example: hermes pairing revoke telegram 123456789")
@click.argument("platform")
@click.argument("user")
@pass_host
def revoke(host: Host, platform: str, user: str) -> None:
    """Let the account USER talk no more; what it has running is stopped."""
    people, _ = _rooms(host)
    people.revoke(platform, user)
    click.echo(f"{user} on {platform} may not talk any more.")


@pairing.command("clear-pending", epilog="Example: hermes pairing clear-pending telegram")
@click.argument("platform", default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_host
def clear_pending(host: Host, platform: str, as_json: bool) -> None:
    """Forget who waits, on PLATFORM or everywhere."""
    _, codes = _rooms(host)
    number = codes.clear(platform)
    if as_json:
        print_json({"cleared": number})
    else:
        click.echo(f"{count(number, 'code')} forgotten.")


def _welcome(host: Host, found: Pending) -> None:
    """Have the gateway tell them, now or when it runs next."""
    database = Database(host.home)
    with database.transaction() as connection:
        Rows(database).add(
            connection,
            Address.parse(found.address),
            "You are let in. Write what you need; /help lists what I can do.",
            key=f"let-in:{found.platform}:{found.user}:{found.made}",
            adapter=None,
            source="gateway",
        )
    database.close()
    Waker(host.home).wake()


def _rooms(host: Host) -> tuple[People, Pairing]:
    settings = Settings.of(host)
    database = Database(host.home)
    people = people_of(host, database, settings)
    return people, Pairing(database, people, settings)
