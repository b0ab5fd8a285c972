"""Rows of the table `sessions` as `SessionInfo`, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import SessionError
from hermes_host.records import SessionInfo
from hermes_host.sessions.summary import advance
from hermes_host.sessions.titles import base_title, clean_title, unique_title
from hermes_host.stream import Usage
from hermes_sessions.lines import decoded

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = [
    "COLUMNS",
    "LAST",
    "copy_records",
    "current",
    "exists",
    "info_of",
    "insert",
    "remove",
    "restore_lines",
    "taken",
    "update",
]

LAST = "\U0010ffff"
"""Greater than every letter: a text and this behind it bound all that begin with the text."""

_FIELDS = ("id", "started", "updated", "title", "source", "model", "parent", "directory", "ended", "messages")
COLUMNS = f"number, through, lease, {', '.join(_FIELDS)}, preview, usage"
"""What `info_of` and `current` read of a row, in their order."""

_usage = msgspec.json.Decoder(Usage)
_encoder = msgspec.json.Encoder()


def info_of(row: tuple[Any, ...]) -> SessionInfo:
    """What a row says, without the records behind `through`."""
    id, started, updated, title, source, model, parent, directory, ended, messages, preview, usage = row[3:]
    return SessionInfo(
        id=id,
        started=started,
        updated=updated,
        title=title,
        source=source,
        model=model,
        parent=parent,
        directory=directory,
        ended=ended,
        messages=messages,
        preview=preview,
        usage=_usage.decode(usage),
    )


def current(connection: sqlite3.Connection, row: tuple[Any, ...]) -> SessionInfo:
    """What is known about a session now. While somebody writes to it, or after they were killed, its last records are
    added up."""
    info = info_of(row)
    number, through, lease = row[:3]
    if lease:
        query = "SELECT data FROM session_records WHERE session = ? AND number > ?"
        for (data,) in connection.execute(query, (number, through)):
            record = decoded(data)
            if record is not None:
                info = advance(info, record)
    return info


def insert(connection: sqlite3.Connection, info: SessionInfo, *, lease: str = "") -> int:
    """A new row; gives its number."""
    values = [getattr(info, field) for field in _FIELDS]
    places = ", ".join("?" * (len(_FIELDS) + 4))
    cursor = connection.execute(
        f"INSERT INTO sessions ({', '.join(_FIELDS)}, preview, usage, folded, lease) VALUES ({places})",
        (*values, info.preview, _encoder.encode(info.usage).decode(), info.title.casefold(), lease),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def update(
    connection: sqlite3.Connection, number: int, lease: str, info: SessionInfo, *, through: int, keep: str
) -> bool:
    """Bring a row up to date as of the record `through` and leave `keep` as its lease; False when somebody else has the
    session now."""
    cursor = connection.execute(
        "UPDATE sessions SET updated = ?, model = ?, ended = ?, messages = ?, preview = ?, usage = ?, lease = ?,"
        " through = ? WHERE number = ? AND lease = ?",
        (
            info.updated,
            info.model,
            info.ended,
            info.messages,
            info.preview,
            _encoder.encode(info.usage).decode(),
            keep,
            through,
            number,
            lease,
        ),
    )
    return cursor.rowcount == 1


def remove(connection: sqlite3.Connection, number: int) -> None:
    """Take a session and its records out, in the caller's transaction."""
    connection.execute(
        "DELETE FROM records WHERE number IN (SELECT number FROM session_records WHERE session = ?)", (number,)
    )
    connection.execute("DELETE FROM runs WHERE session = ?", (number,))
    connection.execute("DELETE FROM sessions WHERE number = ?", (number,))


def exists(connection: sqlite3.Connection, session_id: str) -> bool:
    """Whether a session has that id, also one whose deletion has begun."""
    return connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone() is not None


def taken(connection: sqlite3.Connection, title: str, number: int = 0) -> Sequence[str]:
    """Titles that begin like this one, without that of the session itself."""
    # Long titles lose some of their end to a number, so only the part is compared that never goes.
    start = base_title(clean_title(title)).casefold()[:80].rstrip()
    query = "SELECT folded FROM sessions WHERE folded >= ? AND folded < ? AND folded != '' AND number != ?"
    return [folded for (folded,) in connection.execute(query, (start, start + LAST, number))]


def copy_records(connection: sqlite3.Connection, copied: Sequence[int], number: int) -> None:
    """Give a session copies of these records."""
    if copied:
        connection.executemany(
            "INSERT INTO records (session, data) SELECT ?, data FROM records WHERE number = ?",
            ((number, original) for original in copied),
        )
        connection.execute(
            "UPDATE sessions SET through = (SELECT max(number) FROM records) WHERE number = ?", (number,)
        )


def restore_lines(connection: sqlite3.Connection, info: SessionInfo, lines: Sequence[bytes]) -> None:
    """Put a conversation into the database as it is. Raises `SessionError` where there is one of its id."""
    if exists(connection, info.id):
        raise SessionError(f"There is a session {info.id!r} already.")
    counted = msgspec.structs.replace(info, messages=0)
    for line in lines:
        record = decoded(line)
        counted = advance(counted, record) if record is not None else counted
    title = unique_title(info.title, taken(connection, info.title)) if info.title else ""
    kept = msgspec.structs.replace(info, title=title, messages=counted.messages, preview=counted.preview)
    number = insert(connection, kept)
    connection.executemany("INSERT INTO records (session, data) VALUES (?, ?)", ((number, line) for line in lines))
    connection.execute(
        "UPDATE sessions SET through = (SELECT coalesce(max(number), 0) FROM records) WHERE number = ?", (number,)
    )
