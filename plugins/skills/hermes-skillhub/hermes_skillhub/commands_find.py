"""`hermes skills search`, `browse`, `inspect` and `tap`: looking, without changing anything but the taps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_host.errors import HermesError
from hermes_host.visible import exact, one_line
from hermes_skillhub.github import split_reference
from hermes_skillhub.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermes_host.host import Host
    from hermes_skillhub.protocol import SkillListing

__all__ = ["browse", "describe", "hub_of", "inspect", "search", "show_failures", "tap", "tap_of", "tell"]

source_option = click.option("--source", default="", metavar="HUB", help="Only this hub, such as github or clawhub.")


async def hub_of(host: Host) -> Hub:
    """The service of this plugin."""
    return await host.services.get(Hub)


def tell(line: str) -> None:
    """Progress, on standard error."""
    click.echo(one_line(line, 200), err=True)


def _watching(as_json: bool) -> Callable[[str], None] | None:
    """Progress for somebody who watches; scripts get none."""
    return tell if sys.stderr.isatty() and not as_json else None


@click.command(epilog="Example: hermes skills search pdf --limit 5")
@click.argument("query", nargs=-1, required=True)
@source_option
@click.option("--limit", default=20, type=click.IntRange(1, 200), show_default=True, help="How many.")
@json_option
@pass_host
def search(host: Host, query: tuple[str, ...], source: str, limit: int, as_json: bool) -> None:
    """Search all hubs at once."""
    words = " ".join(query)

    async def work() -> None:
        hub = await hub_of(host)
        found = await hub.hubs.search(words, limit=limit, source=source, progress=_watching(as_json))
        if as_json:
            print_json({"skills": found.listings, "failures": found.failures})
            return
        show_listings(found.listings)
        show_failures(found.failures)
        if not found.listings:
            click.echo(f"No hub has a skill for {words!r}.")

    run_async(host, work)


@click.command(epilog="Example: hermes skills browse --source clawhub --page 2")
@click.option("--page", default=1, type=click.IntRange(1, 50), show_default=True)
@click.option("--size", default=20, type=click.IntRange(1, 100), show_default=True, help="Skills on a page.")
@source_option
@json_option
@pass_host
def browse(host: Host, page: int, size: int, source: str, as_json: bool) -> None:
    """Look through what the hubs show first."""

    async def work() -> None:
        hub = await hub_of(host)
        found = await hub.hubs.search("", limit=page * size + 1, source=source, progress=_watching(as_json))
        shown = found.listings[(page - 1) * size : page * size]
        more = len(found.listings) > page * size
        if as_json:
            print_json({"page": page, "more": more, "skills": shown, "failures": found.failures})
            return
        show_listings(shown)
        show_failures(found.failures)
        if not shown:
            click.echo("There is nothing more.")
        elif more:
            click.echo(f"More: hermes skills browse --page {page + 1}")

    run_async(host, work)


@click.command(epilog="Example: hermes skills inspect anthropics/skills/skills/pdf")
@click.argument("reference", metavar="SKILL")
@source_option
@json_option
@pass_host
def inspect(host: Host, reference: str, source: str, as_json: bool) -> None:
    """Show what a hub says of a skill, without installing it."""

    async def work() -> None:
        hub = await hub_of(host)
        listing = await hub.hubs.inspect(await hub.hubs.resolve(reference, source))
        if as_json:
            print_json(listing)
            return
        for label, value in describe(listing):
            click.echo(f"{label:<12} {value}")

    run_async(host, work)


def describe(listing: SkillListing) -> list[tuple[str, str]]:
    """A listing in lines, with nothing in it that could act on a terminal."""
    known = [
        ("skill", listing.name),
        ("from", f"{listing.hub}:{listing.identifier}"),
        ("trust", listing.trust),
        ("version", listing.version),
        ("what", listing.description),
        ("tags", ", ".join(listing.tags)),
        ("repository", listing.repository),
        ("address", listing.url),
        *((str(key), str(value)) for key, value in listing.details.items()),
    ]
    return [(one_line(label, 12), exact(one_line(value, 1000))) for label, value in known if value]


@click.group(invoke_without_command=True, epilog="Example: hermes skills tap add owner/repo")
@click.pass_context
def tap(ctx: click.Context) -> None:
    """List, add and remove repositories that are searched for skills."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(tap_list, as_json=False)


@tap.command("list")
@json_option
@pass_host
def tap_list(host: Host, as_json: bool) -> None:
    """List the repositories that are searched."""

    async def work() -> None:
        taps = (await hub_of(host)).taps()
        if as_json:
            print_json([{"repo": name, "path": path, "configured": configured} for name, path, configured in taps])
            return
        rows = [(name, path or "/", "settings" if configured else "added") for name, path, configured in taps]
        print_table(("repository", "folder", "from"), rows)

    run_async(host, work)


@tap.command("add", epilog="Example: hermes skills tap add acme/skills/agent")
@click.argument("repository", metavar="OWNER/REPO[/FOLDER]")
@pass_host
def tap_add(host: Host, repository: str) -> None:
    """Search a repository on GitHub from now on. It gives its skills no trust."""
    name, folder = tap_of(repository)

    async def work() -> None:
        added = (await hub_of(host)).add_tap(name, folder)
        click.echo(f"{name} is searched from now on." if added else f"{name} is searched already.")

    run_async(host, work)


@tap.command("remove", epilog="Example: hermes skills tap remove acme/skills")
@click.argument("repository", metavar="OWNER/REPO")
@pass_host
def tap_remove(host: Host, repository: str) -> None:
    """Search a repository no longer. Installed skills stay."""
    name, _ = tap_of(repository)

    async def work() -> None:
        if not (await hub_of(host)).remove_tap(name):
            raise HermesError(f"{name} was not added here.", remedy="Those of the settings are in skillhub.taps.")
        click.echo(f"{name} is no longer searched.")

    run_async(host, work)


def tap_of(text: str) -> tuple[str, str]:
    """Repository and folder. Raises `HermesError`."""
    parts = split_reference(text)
    if parts is None or parts[2]:
        raise HermesError(f"{text!r} is not of the form owner/repo or owner/repo/folder.")
    return parts[0], parts[1]


def show_listings(listings: Sequence[SkillListing]) -> None:
    """A table of skills."""
    if listings:
        rows = [
            (item.name, item.trust, exact(f"{item.hub}:{item.identifier}"), one_line(item.description, 200))
            for item in listings
        ]
        print_table(("skill", "trust", "install", "what it does"), rows)


def show_failures(failures: Mapping[str, str]) -> None:
    """Which hubs gave nothing, or not all, on standard error."""
    for name, reason in failures.items():
        click.echo(f"hermes: {name}: {reason}", err=True)
