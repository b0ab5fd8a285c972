"""`hermes secrets`. No value is ever printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_host.errors import HermesError
from hermes_secrets.places import ENV_FILE, check_name, known_names, move, places_of, store_named

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["secrets"]

_store_option = click.option("--store", default="", metavar="STORE", help="keyring, command, or .env.")


@click.group(
    epilog="\b\nExamples:\n  hermes config set secrets.stores '[keyring]'\n  hermes secrets set ACME_API_KEY\n"
    "  hermes secrets where ACME_API_KEY\n  hermes secrets migrate"
)
def secrets() -> None:
    """Keep secrets, and see where each one comes from.

    `.env` counts first, then the environment, then the stores that the setting secrets.stores names, in their order.
    Values are never printed.
    """


@secrets.command("list", epilog="Example: hermes secrets list --json")
@click.option("--all", "everything", is_flag=True, help="Also those that plugins could use and that are not set.")
@json_option
@pass_host
def list_(host: Host, everything: bool, as_json: bool) -> None:
    """Show which secrets are set, and where."""
    rows = [{"name": name, "where": host.secrets.origin(name)} for name in known_names(host)]
    rows = [row for row in rows if everything or row["where"]]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(("Name", "Where"), [(row["name"], row["where"] or "-") for row in rows])
    else:
        click.echo("No secrets are set.")


@secrets.command(
    "set", epilog="\b\nExamples:\n  hermes secrets set ACME_API_KEY\n  pass acme | hermes secrets set ACME_API_KEY"
)
@click.argument("name")
@_store_option
@pass_host
def set_(host: Host, name: str, store: str) -> None:
    """Keep one secret. You are asked for the value; without a terminal it is read from standard input."""
    known_names(host)
    check_name(host, name)
    place = store_named(host, store)
    if sys.stdin.isatty():
        value: str = click.prompt(f"Value for {name}", hide_input=True, err=True)
    else:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise click.UsageError(f"No value for {name}.")
    host.secrets.watch(value, name)
    check_name(host, name, value)
    if place is None:
        host.secrets.set(name, value)
    else:
        place.set(name, value)
    kept = store or _name_of(host)
    click.echo(f"Stored {name} in {kept}.")
    found = places_of(host, name)
    if found and found[0] != kept:
        click.echo(f"Note: {found[0]} has a value for {name} too, and that one counts.")


@secrets.command(epilog="Example: hermes secrets unset ACME_API_KEY --store keyring")
@click.argument("name")
@_store_option
@pass_host
def unset(host: Host, name: str, store: str) -> None:
    """Forget one secret, in the place that counts or in the one that is named."""
    known_names(host)
    check_name(host, name)
    found = [place for place in places_of(host, name) if place != "environment"]
    where = store or (found[0] if found else "")
    place = store_named(host, where)
    if where not in found:
        raise HermesError(f"{name} is not set{f' in {where}' if where else ' anywhere that can be changed'}.")
    if place is None:
        host.secrets.unset(name)
    else:
        place.unset(name)
    click.echo(f"Removed {name} from {where}.")


@secrets.command(epilog="Example: hermes secrets where ACME_API_KEY --json")
@click.argument("name")
@json_option
@pass_host
def where(host: Host, name: str, as_json: bool) -> None:
    """Show every place that has a secret, the one that counts first. Exit code 1 where none has it."""
    known_names(host)
    check_name(host, name)
    found = places_of(host, name)
    if as_json:
        print_json({"name": name, "where": found})
    else:
        for place in found:
            click.echo(place)
    if not found:
        click.echo(f"{name} is not set.", err=True)
        sys.exit(1)


@secrets.command(
    epilog="\b\nExamples:\n  hermes secrets migrate --dry-run\n  hermes secrets migrate ACME_API_KEY --yes"
)
@click.argument("names", nargs=-1)
@_store_option
@click.option("--dry-run", is_flag=True, help="Only say what would be moved.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_host
def migrate(host: Host, names: tuple[str, ...], store: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Move secrets from .env to a store: all of them, or those that are named.

    Each one leaves .env only after the store has given it back unchanged.
    """
    place = store_named(host, store)
    if place is None:
        raise HermesError(
            "There is no store to move secrets to.", remedy="Run: hermes config set secrets.stores '[keyring]'"
        )
    known_names(host)
    there = [name for name, value in host.secrets.variables.items() if value and host.secrets.is_secret(name)]
    missing = sorted(set(names) - set(there))
    if missing:
        raise HermesError(f"{ENV_FILE} has no secret {missing[0]!r}. Nothing was moved.")
    moving = [name for name in there if not names or name in names]
    if moving and not dry_run and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody can be asked here; use --yes.")
        click.confirm(f"Move {', '.join(moving)} from {ENV_FILE} to {store or _name_of(host)}?", abort=True, err=True)
    failed: dict[str, str] = {}
    for name in [] if dry_run else moving:
        try:
            move(host, name, place)
        except HermesError as error:
            failed[name] = str(error)
    moved = [name for name in moving if name not in failed]
    if as_json:
        print_json({"moved": [] if dry_run else moved, "would_move": moved if dry_run else [], "failed": failed})
    else:
        for name in moved:
            click.echo(f"{'Would move' if dry_run else 'Moved'} {name}.")
        for name, why in failed.items():
            click.echo(f"Not moved: {name}: {why}", err=True)
        if not moving:
            click.echo(f"{ENV_FILE} has no secrets.")
    if failed:
        sys.exit(1)


def _name_of(host: Host) -> str:
    return next((name for name, _ in host.secrets.stores() or ()), ENV_FILE)
