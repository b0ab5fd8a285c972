"""`hermes sessions search`, `prune` and `stats`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import ago, count, json_option, moment, print_json, print_table
from hermes_host.cli.sessions_exchange import every_session
from hermes_host.errors import SessionError
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.records import SessionInfo

__all__ = ["prune", "search", "stats"]

_DAY = 86400


@click.command("search", epilog="Example: hermes sessions search 'timeout in parser.py'")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=10, type=click.IntRange(1, 1000), show_default=True, help="How many places.")
@json_option
@pass_host
def search(host: Host, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find where words occur in conversations, best first."""
    hits = host.sessions.search(" ".join(words), limit=limit)
    titles: dict[str, str] = {}
    for hit in hits:
        if hit.session_id not in titles:
            info = host.sessions.find(hit.session_id)
            titles[hit.session_id] = info.title or info.preview
    if as_json:
        fields = ("session_id", "record_id", "role", "time", "score", "excerpt")
        print_json([{**{name: getattr(hit, name) for name in fields}, "title": titles[hit.session_id]} for hit in hits])
        return
    if not hits:
        click.echo("Nothing was found.")
        return
    now = time.time()
    for hit in hits:
        when = ago(hit.time, now) if hit.time else ""
        title = one_line(titles[hit.session_id], 60)
        click.echo(click.style(f"{hit.session_id}  {title}  {when}".rstrip(), bold=True))
        click.echo(f"  {hit.role}: {one_line(hit.excerpt, 300)}")


@click.command("prune", epilog="Example: hermes sessions prune --older-than 90 --dry-run")
@click.option("--older-than", default=90, type=click.IntRange(0), show_default=True, metavar="DAYS", help="Last used.")
@click.option("--source", default="", metavar="NAME", help="Only those begun on this surface, such as cron.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_host
def prune(host: Host, older_than: int, source: str, dry_run: bool, yes: bool) -> None:
    """Delete conversations that were not used for a while. Those in use are kept."""
    border = time.time() - older_than * _DAY
    old = [info for info in every_session(host, source) if info.updated < border]
    if not old:
        click.echo("There is nothing to delete.")
        return
    if dry_run or not yes:
        for info in old:
            click.echo(f"{info.id}  {moment(info.updated)}  {one_line(info.title or info.preview, 60)}")
    if dry_run:
        click.echo(f"{count(len(old), 'conversation')} would be deleted.")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody can be asked here: add --yes, or --dry-run.")
        click.confirm(f"Delete {count(len(old), 'conversation')} for good?", abort=True)
    _delete(host, old)


def _delete(host: Host, old: Sequence[SessionInfo]) -> None:
    kept = 0
    for info in old:
        try:
            host.forget(info.id)
        except SessionError as error:
            kept += 1
            click.echo(f"hermes: {one_line(error.message, 0)}", err=True)
    click.echo(f"Deleted {count(len(old) - kept, 'conversation')}{f', kept {kept}' if kept else ''}.")


@click.command("stats", epilog="Example: hermes sessions stats --json | jq .messages")
@json_option
@pass_host
def stats(host: Host, as_json: bool) -> None:
    """Count conversations, messages and tokens."""
    infos = every_session(host)
    facts: dict[str, Any] = {
        "conversations": len(infos),
        "messages": sum(info.messages for info in infos),
        "input_tokens": sum(info.usage.input for info in infos),
        "output_tokens": sum(info.usage.output for info in infos),
        "oldest": min((info.started for info in infos), default=None),
        "newest": max((info.updated for info in infos), default=None),
        "sources": dict(Counter(info.source for info in infos).most_common()),
        "models": dict(Counter(info.model or "(none)" for info in infos).most_common()),
    }
    if as_json:
        print_json(facts)
        return
    rows: list[tuple[str, str]] = [
        (name.replace("_", " "), f"{facts[name]:,}")
        for name in ("conversations", "messages", "input_tokens", "output_tokens")
    ]
    if infos:
        rows += [("oldest", moment(facts["oldest"])), ("newest", moment(facts["newest"]))]
    for name in ("sources", "models"):
        rows.append((name, ", ".join(f"{one_line(key)} {number:,}" for key, number in facts[name].items())))
    print_table(("what", "how many"), rows)
