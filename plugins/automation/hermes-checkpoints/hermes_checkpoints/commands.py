"""`hermes checkpoints`: the snapshots of a workspace, for people and for scripts."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hermes_checkpoints.access import settings_of, store_for
from hermes_checkpoints.shown import listed_object, outcome, row
from hermes_checkpoints.slash import inside
from hermes_checkpoints.store import Store
from hermes_checkpoints.workspace import workspace_of
from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.visible import visible

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["checkpoints"]

_directory = click.option(
    "--directory",
    "-C",
    default=".",
    type=click.Path(file_okay=False),
    help="A folder of the workspace; default: this one.",
)


@click.group(
    epilog="\b\nExamples:\n  hermes checkpoints list\n  hermes checkpoints diff 12\n"
    "  hermes checkpoints restore 12 src/app.py\n  hermes checkpoints prune"
)
def checkpoints() -> None:
    """List, compare, restore and prune snapshots of the workspace."""


@checkpoints.command(name="list", epilog="Example: hermes checkpoints list --json")
@_directory
@json_option
@pass_host
def list_(host: Host, directory: str, as_json: bool) -> None:
    """List the snapshots, newest first, with what was changed after each."""
    store = _store(host, directory)
    listed = store.listing()
    if as_json:
        print_json({"workspace": str(store.workspace), "checkpoints": [listed_object(each) for each in listed]})
        return
    if not listed:
        click.echo(f"There are no snapshots of {store.workspace}.")
        return
    now = time.time()
    print_table(("N", "taken", "why", "changed after it"), [row(each, now) for each in listed])


@checkpoints.command(epilog="Example: hermes checkpoints diff 12 src/app.py")
@click.argument("number", type=click.IntRange(1))
@click.argument("file", required=False)
@_directory
@json_option
@pass_host
def diff(host: Host, number: int, file: str | None, directory: str, as_json: bool) -> None:
    """Show what was changed since a snapshot: what going back to it would undo."""
    store = _store(host, directory)
    text = store.diff(number, inside(store.workspace, directory, file) if file else "")
    if as_json:
        print_json({"number": number, "diff": text})
        return
    click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)


@checkpoints.command(
    epilog="\b\nExamples:\n  hermes checkpoints restore 12\n  hermes checkpoints restore 12 src/app.py"
)
@click.argument("number", type=click.IntRange(1))
@click.argument("file", required=False)
@_directory
@json_option
@pass_host
def restore(host: Host, number: int, file: str | None, directory: str, as_json: bool) -> None:
    """Go back to a snapshot, with all files or one. The present state is kept first, so this can be taken back."""
    store = _store(host, directory)
    restored = store.restore(number, inside(store.workspace, directory, file) if file else "")
    if as_json:
        print_json(restored)
        return
    click.echo(outcome(restored, file or ""))


@checkpoints.command(epilog="Example: hermes checkpoints prune --json")
@json_option
@pass_host
def prune(host: Host, as_json: bool) -> None:
    """Delete snapshots beyond the set number and age, of all workspaces, and what only they held."""
    context = host.context("checkpoints")
    settings = settings_of(context)
    result: dict[str, Any] = {"workspaces": 0, "deleted": 0}
    for folder in sorted(context.state_directory.iterdir()):
        workspace = _workspace_of_store(folder)
        if workspace is not None:
            result["workspaces"] += 1
            result["deleted"] += Store(folder, workspace, settings, home=context.home).prune()
    if as_json:
        print_json(result)
        return
    click.echo(f"Deleted {count(result['deleted'], 'snapshot')} of {count(result['workspaces'], 'workspace')}.")


def _store(host: Host, directory: str) -> Store:
    return store_for(host.context("checkpoints"), workspace_of(directory))


def _workspace_of_store(folder: Path) -> Path | None:
    try:
        return Path(msgspec.json.decode((folder / "state.json").read_bytes())["workspace"])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError):
        return None
