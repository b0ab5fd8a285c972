"""`hermes approvals`: the actions that are always allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, moment, print_json, print_table
from hermes_host.errors import NotFound

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["approvals"]

_SHORT = 12


@click.group(invoke_without_command=True, epilog="Example: hermes approvals list")
@click.pass_context
def approvals(ctx: click.Context) -> None:
    """See and revoke what was allowed with `always`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_approvals, as_json=False)


@approvals.command("list", epilog="Example: hermes approvals list --json")
@json_option
@pass_host
def list_approvals(host: Host, as_json: bool) -> None:
    """List the remembered approvals."""
    rules = host.rules.list()
    if as_json:
        print_json(rules)
    elif rules:
        rows = [(rule.key[:_SHORT], moment(rule.added), rule.tool, rule.shown) for rule in rules]
        print_table(("id", "since", "tool", "action"), rows)
    else:
        click.echo("Nothing is remembered: every action that needs consent is asked about.")


@approvals.command("revoke", epilog="\b\nExamples:\n  hermes approvals revoke 3f9c2a\n  hermes approvals revoke --all")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@pass_host
def revoke(host: Host, ids: tuple[str, ...], everything: bool) -> None:
    """Forget approvals, by id or its beginning."""
    if bool(ids) == everything:
        raise click.UsageError("Give the ids, or --all.")
    keys = [rule.key for rule in host.rules.list()]
    chosen = keys if everything else [_one(keys, prefix) for prefix in ids]
    for key in chosen:
        host.rules.remove(key)
    click.echo(f"Revoked {count(len(set(chosen)), 'approval')}.")


def _one(keys: list[str], prefix: str) -> str:
    found = [key for key in keys if key.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    what = "There is no remembered approval" if not found else "There are several remembered approvals"
    raise NotFound(f"{what} {prefix!r}.", remedy="`hermes approvals list` shows them.")
