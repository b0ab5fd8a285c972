"""`hermes sessions export` and `import`: whole conversations, one line of JSON each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json
from hermes_host.errors import SessionError

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.records import SessionInfo

__all__ = ["every_session", "export", "import_files"]

_EVERYTHING = 1_000_000


def every_session(host: Host, source: str = "") -> list[SessionInfo]:
    """All of them, also the work behind conversations; or those of one surface."""
    from hermes_host.records import BACKGROUND_SOURCES

    sources = [source] if source else ["", *sorted(BACKGROUND_SOURCES)]
    return [info for name in sources for info in host.sessions.list(limit=_EVERYTHING, source=name)]


@click.command(
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
    """Write conversations as JSON lines, one line each, to OUT or standard output (-).

    A line holds everything: `hermes sessions import` brings it back, here or on another machine.
    """
    if len(names) > (1 if everything else 2) or (not everything and not names):
        raise click.UsageError("Give a conversation and, if you like, a file; or --all and a file.")
    target = names[-1] if len(names) == (1 if everything else 2) else "-"
    chosen = every_session(host, source) if everything else [host.sessions.find(names[0])]
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
    from hermes_host.sessions.exchange import write_line

    for info in chosen:
        file.write(write_line(info, host.sessions.load(info.id)))
    file.flush()


@click.command("import", epilog="Example: hermes sessions import talk.jsonl")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False))
@json_option
@pass_host
def import_files(host: Host, files: tuple[str, ...], as_json: bool) -> None:
    """Bring in conversations that `export` wrote, or files of sessions/jsonl.

    They keep ids, times and titles. Those that are here already are passed over, so it can be repeated.
    """
    from hermes_host.sessions.exchange import read_lines

    for name in files:
        with Path(name).open("rb") as file:
            for _ in _named(name, read_lines(file)):
                pass  # everything is looked at before anything is changed
    imported, present = [], []
    for name in files:
        with Path(name).open("rb") as file:
            for info, records in _named(name, read_lines(file)):
                if _bring_in(host, info, records):
                    imported.append(info.id)
                else:
                    present.append(info.id)
    if as_json:
        print_json({"imported": imported, "present": present})
        return
    said = f"Imported {count(len(imported), 'conversation')}"
    click.echo(f"{said}; {count(len(present), 'was', 'were')} here already." if present else f"{said}.")


def _named(name: str, conversations: Any) -> Any:
    try:
        yield from conversations
    except SessionError as error:
        raise SessionError(f"{name}: {error.message}", remedy=error.remedy) from error


def _bring_in(host: Host, info: Any, records: Any) -> bool:
    """Restore a conversation; False when there is one of its id already. Raises `SessionError`."""
    from hermes_host.errors import NotFound

    try:
        present = host.sessions.find(info.id).id == info.id
    except NotFound:
        present = False
    if not present:
        host.sessions.restore(info, records)
    return not present
