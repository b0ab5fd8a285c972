"""What this store adds to `hermes sessions`: conversations of Hermes Agent 0.5, and the repair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json
from hermes_host.errors import NotFound, SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_host.host import Host
    from hermes_host.records import SessionInfo, SessionRecord

__all__ = ["sessions"]

_PROGRESS = 200


@click.group()
def sessions() -> None:
    """List, search, show, export, import and delete conversations."""


@sessions.command(
    "import", epilog="\b\nExamples:\n  hermes sessions import state.db\n  hermes sessions import talk.jsonl"
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@json_option
@click.pass_context
def import_files(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Bring in conversations: what `export` wrote, here or in Hermes Agent 0.5, or its database state.db.

    They keep ids, times and titles; the files are only read. Those that are here already are passed over, so it can be
    repeated. A state.db is also looked for in the home directory of hermes.
    """
    from hermes_host.cli.application import application

    host = application().host
    paths = [_found(host, name) for name in files]
    foreign = [path for path in paths if _is_foreign(path)]
    if not foreign:
        assert ctx.parent is not None
        own = ctx.parent.command.commands["import"]  # type: ignore[attr-defined]
        ctx.invoke(own, files=tuple(map(str, paths)), as_json=as_json)
    elif len(foreign) < len(paths):
        raise click.UsageError("Import what hermes exported and what Hermes Agent wrote one after the other.")
    else:
        _import(host, foreign, as_json)
    _index(host)


def _found(host: Host, name: str) -> Path:
    for path in (Path(name), host.home / name):
        if path.is_file():
            return path
    raise click.UsageError(f"There is no file {name!r}.")


def _is_foreign(path: Path) -> bool:
    from hermes_sessions.original import is_database

    if is_database(path):
        return True
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline())
        except ValueError:
            return False
    return isinstance(first, dict) and "messages" in first and "records" not in first


def _import(host: Host, paths: Sequence[Path], as_json: bool) -> None:
    imported, present, skipped = [], [], []
    for path in paths:
        for info, records in list(_exported(path)) if not _is_database(path) else _conversations(path):
            if _is_here(host, info.id):
                present.append(info.id)
                continue
            try:
                host.sessions.restore(info, records)
                imported.append(info.id)
            except SessionError as error:
                if not info.id or "cannot be the id" in error.message:
                    skipped.append(info.id)
                    continue
                raise
            if len(imported) % _PROGRESS == 0 and not as_json:
                click.echo(f"{len(imported)} conversations …", err=True)
    if as_json:
        print_json({"imported": imported, "present": present, "skipped": skipped})
        return
    said = f"Imported {count(len(imported), 'conversation')}"
    said += f"; {count(len(present), 'was', 'were')} here already" if present else ""
    said += (
        f"; {count(len(skipped), 'has', 'have')} no usable id and {'was' if len(skipped) == 1 else 'were'} left out"
        if skipped
        else ""
    )
    click.echo(f"{said}.")


def _is_database(path: Path) -> bool:
    from hermes_sessions.original import is_database

    return is_database(path)


def _conversations(path: Path) -> Iterator[tuple[SessionInfo, list[SessionRecord]]]:
    from hermes_sessions.original import read_database

    return read_database(path)


def _exported(path: Path) -> Iterator[tuple[SessionInfo, list[SessionRecord]]]:
    from hermes_sessions.original import conversation

    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                data: Any = json.loads(line)
                messages = data["messages"]
                if not all(isinstance(message, dict) for message in messages):
                    raise TypeError("a message is not an object")
            except (ValueError, KeyError, TypeError) as error:
                raise SessionError(
                    f"{path}: line {number} is no conversation: {error}.", remedy="Nothing of this file was imported."
                ) from error
            yield conversation(data, messages)


def _is_here(host: Host, session_id: str) -> bool:
    try:
        return bool(session_id) and host.sessions.find(session_id).id == session_id
    except NotFound:
        return False


def _index(host: Host) -> None:
    """Now, while the person waits for something long anyway, and not at their first search."""
    from hermes_sessions.store import SqliteSessionStore

    if isinstance(host.sessions, SqliteSessionStore):
        host.sessions.index()


@sessions.command("repair", epilog="Example: hermes sessions repair")
@pass_host
def repair(host: Host) -> None:
    """Make the database of conversations whole, and its index anew.

    What can still be read is kept, the newest good backup fills the rest; the damaged file stays beside it.
    """
    from hermes_sessions.backups import repair as make_whole

    done = make_whole(host.home)
    if not done.fault:
        click.echo("The database is whole. Its index will be made anew at the next search.")
        return
    click.echo(f"The database was damaged: {done.fault}.")
    source = f"the backup {done.backup.name}" if done.backup is not None else "no backup (there is none)"
    click.echo(f"Brought back {count(done.from_backup, 'conversation')} from {source}.")
    click.echo(f"Saved {count(done.saved, 'conversation')} out of the damaged file.")
    if done.lost:
        click.echo(f"{count(done.lost, 'record')} could not be read.")
    if done.kept is not None:
        click.echo(f"The damaged file is kept as {done.kept}.")
