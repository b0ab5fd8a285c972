"""`hermes plugins search`, `accept` and `lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_installer.accept import accept_plugin
from hermes_installer.commands import catalogue_option, workshop
from hermes_installer.lockfile import entry_of, lock_path, read_lock
from hermes_installer.update import mark_revoked

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_installer.lockfile import LockedPlugin

__all__ = ["accept", "lock", "search"]


@click.command(epilog="Example: hermes plugins search browser")
@click.argument("words", nargs=-1)
@catalogue_option
@json_option
@pass_host
def search(host: Host, words: tuple[str, ...], catalogue: str, as_json: bool) -> None:
    """Look for plugins in the catalogue; all of it without WORDS."""
    shop = workshop(host, catalogue=catalogue)
    found = shop.catalogue.search(words)
    versions = {name.lower().replace("_", "-"): version for name, version in shop.plugin_versions().items()}
    versions |= {entry.distribution.lower(): entry.version for entry in read_lock(shop.home).plugins.values()}
    for line in [] if catalogue else mark_revoked(shop):
        shop.say(f"! {line}")
    if as_json:
        print_json([{"installed": versions.get(plugin.distribution, ""), **_object(plugin)} for plugin in found])
    elif not found:
        click.echo("The catalogue has no such plugin. A distribution can also be installed by its exact name.")
    else:
        rows = [
            (plugin.name, plugin.distribution, versions.get(plugin.distribution, "-"), plugin.summary)
            for plugin in found
        ]
        print_table(("plugin", "distribution", "installed", "summary"), rows)


@click.command(epilog="Example: hermes plugins accept telegram")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Agree to what is shown, without being asked.")
@catalogue_option
@json_option
@pass_host
def accept(host: Host, name: str, yes: bool, catalogue: str, as_json: bool) -> None:
    """Agree to a plugin as it is now: its bytes and what it wants.

    For one that the host refuses since it changed, and for one that came by pip, which is then held to it.
    """
    outcome = accept_plugin(workshop(host, catalogue=catalogue), name, yes=yes)
    if as_json:
        print_json(outcome)
    else:
        click.echo(f"Agreed to {outcome.distribution} {outcome.version} (plugin {outcome.plugin}).")


@click.command(epilog="Example: hermes plugins lock --json")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@pass_host
def lock(host: Host, names: tuple[str, ...], as_json: bool) -> int:
    """Show what was agreed to, and verify every byte of it. Exit code 1 when something is not as it was."""
    found = read_lock(host.home)
    chosen = dict(entry_of(found, name) for name in names) if names else found.plugins
    states = {name: _states(entry) for name, entry in chosen.items()}
    if as_json:
        print_json({name: {"problems": states[name], **_object(entry)} for name, entry in chosen.items()})
    elif not chosen:
        click.echo(f"Nothing was installed with `hermes plugins install`: there is no {lock_path(host.home)}.")
    else:
        rows = [
            (name, entry.version, _where(entry), "; ".join(states[name]) or "as agreed")
            for name, entry in chosen.items()
        ]
        print_table(("plugin", "version", "from", "state"), rows)
    return 1 if any(states.values()) else 0


def _states(entry: LockedPlugin) -> list[str]:
    found = [f"revoked: {entry.revoked}"] if entry.revoked else []
    changes = entry.changes
    if changes:
        more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
        found.append(f"changed: {', '.join(changes[:5])}{more}")
    return found


def _where(entry: LockedPlugin) -> str:
    place = entry.requirement if entry.source in ("wheel", "folder", "url") else entry.index
    return f"{entry.source}{f' {place}' if place else ''}{', isolated' if entry.isolated else ''}"


def _object(struct: object) -> dict[str, object]:
    import msgspec

    found: dict[str, object] = msgspec.to_builtins(struct)
    return found
