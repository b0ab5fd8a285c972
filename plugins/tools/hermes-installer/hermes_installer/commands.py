"""`hermes plugins install`, `update` and `remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json
from hermes_host.errors import HermesError
from hermes_host.visible import one_line
from hermes_installer.consent import ask
from hermes_installer.install import Choices
from hermes_installer.install import install as install_plugin
from hermes_installer.lockfile import entry_of, read_lock
from hermes_installer.remove import plan_removal, remove_plugin
from hermes_installer.settings import Settings
from hermes_installer.update import mark_revoked, update_plugin
from hermes_installer.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.host import Host

__all__ = ["catalogue_option", "install", "remove", "update", "workshop"]

catalogue_option = click.option(
    "--catalogue", default="", metavar="PATH|URL", help="Another catalogue than `installer.catalogue`."
)
_yes = click.option("--yes", is_flag=True, help="Agree to what is shown, without being asked.")


def _origin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option("--index", default="", metavar="URL", help="Take it from this package index and no other."),
        click.option("--wheels", default="", metavar="FOLDER", help="Take it from this folder of wheels and no index."),
        click.option("--allow-build", is_flag=True, help="Build a project folder; this runs what the project says."),
        catalogue_option,
        _yes,
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(epilog="Example: hermes plugins install telegram")
@click.argument("what", metavar="NAME|WHEEL|FOLDER|URL")
@click.option("--isolated", is_flag=True, help="Into an environment and a process of its own.")
@click.option("--exact", is_flag=True, help="I mean this name, though it looks like another.")
@_origin_options
@pass_host
def install(host: Host, /, what: str, isolated: bool, exact: bool, allow_build: bool, **said: Any) -> None:
    """Install a plugin: fetch it, show what it wants, ask, install, and write down what was agreed to.

    Nothing of it runs in the host before you agree. Only wheels are taken, for they run nothing when they are
    installed. NAME is a short name of the catalogue, or a distribution's exact name.
    """
    shop = workshop(host, **_places(said))
    choices = Choices(isolated=isolated, yes=said["yes"], exact=exact, allow_build=allow_build)
    outcome = install_plugin(shop, what, choices)
    _tell_revoked(shop)
    if said["as_json"]:
        print_json(outcome)
    else:
        click.echo(outcome.line())


@click.command(epilog="Example: hermes plugins update --all")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All that were installed with `hermes plugins install`.")
@_origin_options
@pass_host
def update(host: Host, /, names: tuple[str, ...], every: bool, allow_build: bool, **said: Any) -> int:
    """Bring plugins up to date, from where they came from. One that wants more than before waits for consent.

    An older version, another publisher, another place are refused. What the catalogue revoked is switched off.
    """
    if bool(names) == every:
        raise click.UsageError("Say the plugins, or --all.")
    shop = workshop(host, **_places(said))
    lock = read_lock(shop.home)
    chosen = [entry_of(lock, name) for name in names] if names else list(lock.plugins.items())
    choices = Choices(yes=said["yes"], allow_build=allow_build)
    outcomes: list[dict[str, Any]] = []
    failed = False
    for plugin, entry in chosen:
        try:
            outcome = update_plugin(shop, plugin, entry, choices)
            outcomes.append({"plugin": plugin, "from": outcome.before, "to": outcome.version})
            text = outcome.line()
        except HermesError as error:
            failed = True
            outcomes.append({"plugin": plugin, "from": entry.version, "error": str(error)})
            text = f"{plugin}: {_whole(error)}"
        if not said["as_json"]:
            click.echo(one_line(text, 0))
    _tell_revoked(shop)
    if said["as_json"]:
        print_json(outcomes)
    elif not chosen:
        click.echo("Nothing was installed with `hermes plugins install`.")
    return 1 if failed else 0


@click.command(epilog="Example: hermes plugins remove telegram --purge")
@click.argument("name")
@click.option("--purge", is_flag=True, help="Also delete what the plugin kept.")
@_yes
@json_option
@pass_host
def remove(host: Host, name: str, purge: bool, yes: bool, as_json: bool) -> None:
    """Remove a plugin and the distributions that came with it. What it kept stays, unless --purge."""
    shop = workshop(host)
    plugin, entry = entry_of(read_lock(shop.home), name)
    removal = plan_removal(shop, plugin, entry, purge=purge)
    going = [*removal.distributions, *filter(None, [removal.environment]), *removal.folders]
    shop.say(f"This goes: {', '.join(going) or 'the entry in the lock'}.")
    ask(f"Remove plugin {plugin!r}?", yes=yes)
    remove_plugin(shop, removal)
    if as_json:
        print_json(removal)
        return
    click.echo(f"Removed {entry.distribution} (plugin {plugin}).")
    if removal.kept:
        click.echo(f"Kept: {', '.join(removal.kept)}. `--purge` would have deleted it.")


def workshop(host: Host, **places: str) -> Workshop:
    """The tools for one command; what they do is told on standard error."""
    return Workshop(
        host.home, host.config.section("installer", Settings), say=lambda line: click.echo(line, err=True), **places
    )


def _places(said: dict[str, Any]) -> dict[str, str]:
    return {name: said[name] for name in ("catalogue", "index", "wheels")}


def _tell_revoked(shop: Workshop) -> None:
    for line in mark_revoked(shop):
        shop.say(f"! {line}")


def _whole(error: HermesError) -> str:
    return f"{error.message} {error.remedy}".strip()
