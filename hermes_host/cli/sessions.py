"""`hermes sessions`: past conversations."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import Application, pass_host
from hermes_host.cli.listing import ago, count, json_option, moment, print_json, print_table
from hermes_host.cli.sessions_exchange import export, import_files
from hermes_host.cli.sessions_upkeep import prune, search, stats
from hermes_host.errors import HermesError
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.records import SessionInfo

__all__ = ["sessions"]


class SessionsGroup(click.Group):
    """What every store can do, and what the installed one can do besides.

    A plugin adds subcommands by offering a group named `sessions` (`hermes_commands`, with a priority above 0). One
    that has the name of a subcommand here stands before it and finds it in `context.parent.command.commands`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all subcommands."""
        added = _added(ctx)
        return sorted({*super().list_commands(ctx), *(added.commands if added is not None else ())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A subcommand, the plugin's before the host's."""
        added = _added(ctx)
        found = added.get_command(ctx, cmd_name) if added is not None else None
        return found or super().get_command(ctx, cmd_name)


def _added(ctx: click.Context) -> click.Group | None:
    application = ctx.find_object(Application)
    if application is None:
        return None
    contribution = application.host.commands.get("sessions")
    if contribution.spec.priority <= 0:
        return None
    try:
        command = application.host.target(contribution, contribution.spec.target)
    except HermesError:
        return None  # `report_problems` says why
    return command if isinstance(command, click.Group) else None


@click.group(cls=SessionsGroup, invoke_without_command=True, epilog="Example: hermes sessions list --limit 5")
@click.pass_context
def sessions(ctx: click.Context) -> None:
    """List, search, show, export, import and delete conversations.

    A conversation is named by its id, the beginning of its id, or its title.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_sessions, limit=20, source="", as_json=False)


@sessions.command("list", epilog="Example: hermes sessions list --source cli --json")
@click.option("--limit", default=20, type=click.IntRange(1), show_default=True, help="How many.")
@click.option("--source", default="", metavar="NAME", help="Only those begun on this surface, such as cli.")
@json_option
@pass_host
def list_sessions(host: Host, limit: int, source: str, as_json: bool) -> None:
    """List the latest conversations."""
    found = host.sessions.list(limit=limit, source=source)
    if as_json:
        from hermes_host.sessions.exchange import describe

        print_json([describe(info) for info in found])
        return
    if not found:
        click.echo("There are no conversations yet.")
        return
    now = time.time()
    print_table(
        ("id", "when", "messages", "source", "title"),
        [
            (info.id, ago(info.updated, now), info.messages, info.source, one_line(info.title or info.preview, 80))
            for info in found
        ],
    )


@sessions.command("show", epilog="Example: hermes sessions show 20260102_1530")
@click.argument("reference", metavar="ID|TITLE")
@json_option
@pass_host
def show(host: Host, reference: str, as_json: bool) -> None:
    """Show a conversation."""
    info = host.sessions.find(reference)
    if as_json:
        print_json(_with_messages(host, info))
        return
    facts = [
        ("title", info.title),
        ("started", moment(info.started)),
        ("updated", moment(info.updated)),
        ("source", info.source),
        ("model", info.model),
        ("directory", info.directory),
        ("parent", info.parent),
        ("tokens", f"{info.usage.input:,} in, {info.usage.output:,} out" if info.usage.input else ""),
    ]
    click.echo(info.id)
    for name, value in facts:
        if value:
            click.echo(f"  {name:<10}{one_line(value, 0)}")
    for record in host.sessions.load(info.id):
        if record.message is None or record.kind != "message":
            continue
        _show_message(record.message)


def _show_message(message: Any) -> None:
    from hermes_host.messages import ToolResult, text_of

    if message.text.strip():
        click.echo(f"\n{message.role}:\n{visible(message.text.strip())}")
    for part in message.parts:
        if isinstance(part, ToolResult):
            failed = "failed: " if part.is_error else ""
            click.echo(f"  ┊ {one_line(part.name)}: {failed}{one_line(text_of(part.content), 100)}")


@sessions.command("delete", epilog="Example: hermes sessions delete 20260102_1530 -y")
@click.argument("references", nargs=-1, required=True, metavar="ID|TITLE...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_host
def delete(host: Host, references: tuple[str, ...], yes: bool) -> None:
    """Delete conversations for good."""
    found = {info.id: info for info in map(host.sessions.find, references)}
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody can be asked here: add --yes.")
        for info in found.values():
            click.echo(f"{info.id}  {one_line(info.title or info.preview, 60)}")
        click.confirm(f"Delete {count(len(found), 'conversation')} for good?", abort=True)
    for session_id in found:
        host.forget(session_id)
    click.echo(f"Deleted {count(len(found), 'conversation')}.")


@sessions.command("rename", epilog="Example: hermes sessions rename 20260102_1530 Holiday plans")
@click.argument("reference", metavar="ID|TITLE")
@click.argument("title", nargs=-1, required=True)
@pass_host
def rename(host: Host, reference: str, title: tuple[str, ...]) -> None:
    """Give a conversation a title."""
    writer = host.sessions.open(host.sessions.find(reference).id)
    try:
        click.echo(f"Title: {one_line(writer.rename(' '.join(title)), 0)}")
    finally:
        writer.close()


def _with_messages(host: Host, info: SessionInfo) -> dict[str, Any]:
    from hermes_host.messages import encode_message
    from hermes_host.sessions.exchange import describe

    messages = [
        {"id": record.id, "time": record.time, **encode_message(record.message)}
        for record in host.sessions.load(info.id)
        if record.kind == "message" and record.message is not None
    ]
    return {**describe(info), "message_list": messages}


for _command in (export, import_files, prune, search, stats):
    sessions.add_command(_command)
