"""What the JSON-lines store kept, brought over once, when the database is first made. The files stay as they are."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.sessions.folder import SessionFolder
from hermes_host.sessions.lines import without_continuation
from hermes_sessions.rows import restore_lines

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

__all__ = ["announce_brought", "bring_over", "brought_line", "waiting"]

log = logging.getLogger(__name__)


def waiting(home: Path) -> bool:
    """Whether there are conversations to bring over."""
    return bool(SessionFolder(home / "sessions" / "jsonl").files())


def bring_over(home: Path, connection: sqlite3.Connection) -> int:
    """Put every conversation of the JSON-lines store into an empty database, oldest first; gives how many.

    The caller's transaction and file become visible only when everything is in, so that a process killed here leaves
    nothing behind and the next one begins anew. What cannot be read is left out and logged.
    """
    folder = SessionFolder(home / "sessions" / "jsonl")
    brought = 0
    for info in sorted(folder.infos(), key=lambda info: (info.started, info.id)):
        try:
            lines = [without_continuation(line) for line, _ in folder.records(info.id)]
        except HermesError as error:
            log.warning("session %s was not brought over: %s", info.id, error)
            continue
        restore_lines(connection, info, lines)
        brought += 1
    return brought


def brought_line(brought: int) -> str:
    """What the user is told."""
    things = "1 conversation" if brought == 1 else f"{brought} conversations"
    return f"Brought {things} over into sessions.db; the files in {os.path.join('sessions', 'jsonl')} stay as they are."


def announce_brought(brought: int) -> None:
    """Tell people who run a command. A conversation is told by itself, where it cannot disturb the screen."""
    log.info("%s", brought_line(brought))
    import click

    context = click.get_current_context(silent=True)
    if context is not None and context.find_root().invoked_subcommand not in (None, "chat"):
        click.echo(f"hermes: {brought_line(brought)}", err=True)
