"""`hermes sessions`: past conversations."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import ago, count, json_option, moment, print_json, print_table
from hermes_host.records import SessionInfo
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["sessions"]

_EVERYTHING = 1_000_000


@click.group(invoke_without_command=True, epilog="Example: hermes sessions list --limit 5")
@click.pass_context
def sessions(ctx: click.Context) -> None:
    """List, show, export and delete conversations.

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
        print_json([_as_object(info) for info in found])
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
        print_json(_export(host, info))
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


@sessions.command(
    "export",
    epilog="\b\nExamples:\n"
    "  hermes sessions export 20260102_1530 talk.jsonl\n"
    "  hermes sessions export --all - | jq .title",
)
@click.argument("names", nargs=-1, metavar="[ID|TITLE] [OUT]")
@click.option("--all", "everything", is_flag=True, help="All conversations; the argument is then only OUT.")
@click.option("--source", default="", metavar="NAME", help="With --all: only those begun on this surface.")
@pass_host
def export(host: Host, names: tuple[str, ...], everything: bool, source: str) -> None:
    """Write conversations as JSON lines, one line each, to OUT or standard output (-)."""
    if len(names) > (1 if everything else 2) or (not everything and not names):
        raise click.UsageError("Give a conversation and, if you like, a file; or --all and a file.")
    target = names[-1] if len(names) == (1 if everything else 2) else "-"
    chosen = host.sessions.list(limit=_EVERYTHING, source=source) if everything else [host.sessions.find(names[0])]
    if target == "-":
        _write(host, chosen, sys.stdout.buffer)
        return
    path = Path(target)
    if path.exists():
        raise click.UsageError(f"The file {target!r} exists already.")
    # Conversations hold what tools read: the copy is for its owner alone as well.
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file:
        _write(host, chosen, file)
    click.echo(f"Wrote {count(len(chosen), 'conversation')} to {target}.", err=True)


def _write(host: Host, chosen: Any, file: IO[bytes]) -> None:
    import msgspec

    for info in chosen:
        file.write(msgspec.json.encode(_export(host, info)) + b"\n")
    file.flush()


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


def _as_object(info: SessionInfo) -> dict[str, Any]:
    """All keys, also those that are empty, so that a script can rely on them."""
    import msgspec

    values = {name: getattr(info, name) for name in SessionInfo.__struct_fields__}
    values["usage"] = {name: getattr(info.usage, name) for name in info.usage.__struct_fields__}
    plain: dict[str, Any] = msgspec.to_builtins(values)
    return plain


def _export(host: Host, info: SessionInfo) -> dict[str, Any]:
    from hermes_host.messages import encode_message

    messages = [
        {"id": record.id, "time": record.time, **encode_message(record.message)}
        for record in host.sessions.load(info.id)
        if record.kind == "message" and record.message is not None
    ]
    return {**_as_object(info), "message_list": messages}
