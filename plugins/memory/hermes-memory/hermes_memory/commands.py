"""`hermes memory`: see, edit, decide and undo, for people and for scripts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, cast

import click

from hermes_host.cli.application import application, pass_host
from hermes_host.cli.listing import json_option, moment, print_json
from hermes_host.errors import HermesError
from hermes_memory import files
from hermes_memory.access import settings_of, store_of
from hermes_memory.entries import FILES, TARGETS, Target, encode
from hermes_memory.shown import (
    content_object,
    edit_line,
    edit_object,
    entry_text,
    pending_object,
    pending_text,
    provenance,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.host import Host


__all__ = ["memory"]

_target = click.argument("target", type=click.Choice(TARGETS), default="memory")


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n  hermes memory show\n  hermes memory edit user\n  hermes memory pending --json\n"
    "  hermes memory undo",
)
@click.pass_context
def memory(context: click.Context) -> None:
    """Show, edit and undo what the agent remembers."""
    if context.invoked_subcommand is None:
        _show(application().host, TARGETS, as_json=False)


@memory.command(epilog="Example: hermes memory show user --json")
@click.argument("target", type=click.Choice(TARGETS), required=False)
@json_option
@pass_host
def show(host: Host, target: str | None, as_json: bool) -> None:
    """Show the entries, who stood behind each, and which are kept from the model."""
    _show(host, (cast("Target", target),) if target else TARGETS, as_json=as_json)


@memory.command(epilog="Example: EDITOR=nano hermes memory edit user")
@_target
@pass_host
def edit(host: Host, target: Target) -> None:
    """Edit a file in your editor. Entries have a line of § between them.

    What the agent wrote meanwhile is never overwritten, and what the model would not be shown is not saved.
    """
    if not (sys.stdin.isatty() or os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise HermesError("There is no terminal to edit in.", remedy=f"Edit {store_of(host).path(target)} yourself.")
    store = store_of(host)
    before = store.raw(target)
    draft = host.context("memory").state_directory / f"edited-{os.urandom(4).hex()}-{FILES[target]}"
    files.replace(draft, encode(before))
    try:
        click.edit(filename=str(draft))
        outcome = store.edit(target, before, _text(draft))
    except (HermesError, click.ClickException) as error:
        raise HermesError(f"{error}", remedy=f"Your text is in {draft}.") from error
    draft.unlink(missing_ok=True)
    click.echo(f"{outcome.message} {FILES[target]}: {outcome.content.usage}.")


@memory.command(epilog="Example: hermes memory pending --json")
@json_option
@pass_host
def pending(host: Host, as_json: bool) -> None:
    """Show the changes that wait for your consent, because they came from outside."""
    items = store_of(host).pending()
    if as_json:
        print_json([pending_object(item) for item in items])
        return
    if not items:
        click.echo("Nothing waits for consent.")
    for item in items:
        click.echo(click.style(f"{item.number}  {provenance(item.stamp)}", bold=True))
        click.echo(_indented(pending_text(item)))


@memory.command(epilog="Example: hermes memory accept 3")
@click.argument("number", type=click.IntRange(1))
@json_option
@pass_host
def accept(host: Host, number: int, as_json: bool) -> None:
    """Let a change that waits be made."""
    outcome = store_of(host).accept(number)
    if as_json:
        print_json({"accepted": number, "edit": outcome.number, "message": outcome.message})
        return
    click.echo(f"{outcome.message} {FILES[outcome.content.target]}: {outcome.content.usage}.")


@memory.command(epilog="Example: hermes memory reject 3")
@click.argument("number", type=click.IntRange(1))
@json_option
@pass_host
def reject(host: Host, number: int, as_json: bool) -> None:
    """Throw a change that waits away."""
    item = store_of(host).reject(number)
    if as_json:
        print_json({"rejected": item.number})
        return
    click.echo(f"Rejected {item.number}.")


@memory.command(epilog="Example: hermes memory history --limit 5")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many of the last edits.")
@json_option
@pass_host
def history(host: Host, limit: int, as_json: bool) -> None:
    """Show what was changed, newest first."""
    edits = store_of(host).history()[: -limit - 1 : -1]
    if as_json:
        print_json([edit_object(each) for each in edits])
        return
    if not edits:
        click.echo("No edits are known.")
    for each in edits:
        undone = f" (takes back {each.undoes})" if each.undoes else ""
        head = f"{each.number}  {moment(each.stamp.time)}  {each.action} in {each.target}{undone}"
        click.echo(click.style(head, bold=True))
        click.echo(_indented(edit_line(each)))


@memory.command(epilog="\b\nExamples:\n  hermes memory undo\n  hermes memory undo 12")
@click.argument("number", type=click.IntRange(1), required=False)
@json_option
@pass_host
def undo(host: Host, number: int | None, as_json: bool) -> None:
    """Take back the last edit, or the one of a number from `hermes memory history`."""
    taken, outcome = store_of(host).undo(number or 0)
    if as_json:
        print_json({"undone": taken.number, "edit": outcome.number, "target": taken.target})
        return
    click.echo(f"{outcome.message} {FILES[taken.target]}: {outcome.content.usage}.")


def _show(host: Host, targets: tuple[Target, ...], *, as_json: bool) -> None:
    store = store_of(host)
    contents = [store.content(target) for target in targets]
    waiting = store.pending()
    if as_json:
        listed = [content_object(content, str(store.path(content.target))) for content in contents]
        print_json({"files": listed, "pending": len(waiting)})
        return
    for content in contents:
        off = "" if settings_of(host.context("memory")).enabled(content.target) else " (switched off)"
        click.echo(click.style(f"{store.path(content.target)}  {content.usage}{off}", bold=True))
        for number, entry in enumerate(content.entries, 1):
            click.echo(f"{number:3}  {_indented(entry_text(entry)).lstrip()}")
            click.echo(click.style(f"     {provenance(entry.stamp)}", dim=True))
            if entry.finding:
                click.echo(click.style(f"     Kept from the model: {entry.finding.reason}.", fg="yellow"))
        if content.used > content.limit:
            click.echo(click.style("     It is over its limit: not all of it is in the prompt.", fg="yellow"))
        if not content.entries:
            click.echo("     (empty)")
    if waiting:
        click.echo(f"{len(waiting)} waiting for your consent: `hermes memory pending`.")


def _text(draft: Path) -> str:
    from hermes_memory.entries import decode

    return decode(files.read(draft))


def _indented(text: str) -> str:
    return "\n".join(f"     {line}" for line in text.split("\n"))
