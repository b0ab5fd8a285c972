"""`hermes worktree`: the worktrees that were made for conversations."""

from __future__ import annotations

from pathlib import Path

import click

from hermes_host.cli.listing import count, json_option, moment, print_json, print_table
from hermes_host.errors import NotFound
from hermes_worktree.worktrees import Worktree, in_use, list_worktrees, prune, remove, work_in

__all__ = ["worktree"]


@click.group(invoke_without_command=True, epilog="Example: hermes worktree list")
@click.pass_context
def worktree(ctx: click.Context) -> None:
    """See and remove the worktrees that `hermes -w` made in this repository."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command, as_json=False)


@worktree.command("list", epilog="Example: hermes worktree list --json")
@json_option
def list_command(as_json: bool) -> None:
    """List them, with the work they hold."""
    found = list_worktrees(Path.cwd())
    if as_json:
        print_json([_as_object(item) for item in found])
    elif not found:
        click.echo("No conversation has a worktree in this repository. `hermes -w` makes one.")
    else:
        rows = [(item.name, moment(item.made), _state(item), str(item.path)) for item in found]
        print_table(("worktree", "made", "state", "path"), rows)


def _state(item: Worktree) -> str:
    return "in use" if in_use(item) else "; ".join(work_in(item)) or "nothing in it"


def _as_object(item: Worktree) -> dict[str, object]:
    return {
        "name": item.name,
        "path": str(item.path),
        "branch": item.branch,
        "made": item.made,
        "in_use": in_use(item),
        "work": list(work_in(item)),
    }


@worktree.command("remove", epilog="Example: hermes worktree remove hermes-1a2b3c4d")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when work would be lost.")
def remove_command(name: str, force: bool) -> None:
    """Remove one and its branch. Without --force nothing that is not merged, pushed or committed elsewhere is lost."""
    found = [item for item in list_worktrees(Path.cwd()) if item.name == name]
    if not found:
        raise NotFound(f"There is no worktree {name!r} here.", remedy="`hermes worktree list` shows them.")
    remove(found[0], force=force)
    click.echo(f"Removed {name}.")


@worktree.command("prune", epilog="Example: hermes worktree prune --older-than 0")
@click.option("--older-than", default=24.0, type=click.FloatRange(0), show_default=True, metavar="HOURS")
@json_option
def prune_command(older_than: float, as_json: bool) -> None:
    """Remove those nobody works in and that hold no work."""
    gone = prune(Path.cwd(), older_than=older_than * 3600)
    if as_json:
        print_json([item.name for item in gone])
    else:
        click.echo(f"Removed {count(len(gone), 'worktree')}.")
