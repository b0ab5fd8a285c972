"""`hermes honcho migrate` and `hermes honcho identity`: sending local texts to Honcho, with consent."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_honcho.access import Access
from hermes_honcho.migration import Migration, Source, history_source, own_file, send
from hermes_honcho.names import names_of
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.context import SessionContext
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from hermes_honcho.names import Names
    from hermes_host.host import Host

__all__ = ["identity", "migrate"]


@click.command(
    epilog="\b\nExamples:\n  hermes honcho migrate --dry-run\n"
    "  hermes honcho migrate --from ~/.openclaw/workspace --yes"
)
@click.option(
    "--from", "folders", multiple=True, type=click.Path(path_type=Path), help="A folder of another agent; repeatable."
)
@click.option("--history", "history", metavar="SESSION", help="A past conversation as well.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_host
def migrate(
    host: Host, folders: tuple[Path, ...], history: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Let Honcho learn from local files: memories, USER.md and SOUL.md of this home, and files of other agents.

    What Honcho has already is not sent again. Nothing is sent without consent; without a terminal that is --yes.
    """
    for folder in folders:
        if not folder.expanduser().is_dir():
            raise ConfigError(f"There is no folder {folder}.", remedy="Nothing was sent.")
    found = Migration(host.home).sources([folder.expanduser() for folder in folders or _usual_places()])
    if history:
        info = host.sessions.find(history)
        found.append(history_source(info.id, host.sessions.load(info.id)))
    usable = [source for source in found if not source.problem]
    if not as_json:
        _print_sources(found)
    if dry_run or not usable:
        if as_json:
            print_json({"sources": [_object(source, "skipped" if source.problem else "found") for source in found]})
        return
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise click.UsageError("Sending these files to Honcho needs your consent: add --yes.")
        if not click.confirm(f"Send {count(len(usable), 'text')} to Honcho?"):
            click.echo("Nothing was sent.")
            return
    outcomes = run_async(host, lambda: _send_all(host, usable, quiet=as_json))
    if as_json:
        states = {source.path: state for source, state in zip(usable, outcomes, strict=True)}
        print_json({"sources": [_object(source, states.get(source.path, "skipped")) for source in found]})


@click.command(epilog="\b\nExamples:\n  hermes honcho identity --show\n  hermes honcho identity ~/.hermes/SOUL.md")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Show what Honcho thinks the assistant is.")
@json_option
@pass_host
def identity(host: Host, file: Path | None, show: bool, as_json: bool) -> None:
    """Tell Honcho who the assistant is from FILE, or show what it knows."""
    if (file is None) != show:
        raise click.UsageError("Give a FILE, or --show.")
    if file is not None:
        source = own_file(file)
        (state,) = run_async(host, lambda: _send_all(host, [source], quiet=as_json))
        if as_json:
            print_json(_object(source, state))
        return

    async def look() -> tuple[str, tuple[str, ...]]:
        access, names = await _here(host)
        await access.ensure(names)
        known = await access.known(names, about=names.ai, summary=False)
        return known.representation, known.card

    representation, card = run_async(host, look)
    if as_json:
        print_json({"representation": representation, "card": card})
    else:
        click.echo("\n".join([*(f"- {fact}" for fact in card), representation]).strip() or "Nothing yet.")


def _usual_places() -> list[Path]:
    places = [Path.home() / ".openclaw" / "workspace", Path.home() / ".openclaw"]
    return [place for place in places if place.is_dir()]


async def _here(host: Host) -> tuple[Access, Names]:
    access = await host.services.get(Access)
    if not access.configuration.active:
        raise ConfigError(access.configuration.reason, remedy="Nothing was sent.")
    return access, names_of(access.configuration, SessionContext("migration", directory=os.getcwd()))


async def _send_all(host: Host, sources: list[Source], *, quiet: bool) -> list[str]:
    access, names = await _here(host)
    states: list[str] = []
    for source in sources:
        state = await send(access, names, source)
        states.append(state)
        if not quiet:
            click.echo(f"{source.path}: {'sent' if state == 'sent' else 'Honcho has it already'}")
    return states


def _print_sources(found: list[Source]) -> None:
    if not found:
        click.echo("There are no local files that Honcho could learn from.")
        return
    rows = [
        (source.path, source.name, source.about, source.problem or f"{len(source.text.encode('utf-8')):,} bytes")
        for source in found
    ]
    print_table(("file", "name at Honcho", "about", "size"), rows)


def _object(source: Source, state: str) -> dict[str, object]:
    return {
        "path": source.path,
        "name": source.name,
        "about": source.about,
        "bytes": len(source.text.encode("utf-8")),
        "state": state,
        "problem": source.problem,
    }
