"""The one writer of one session."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import SessionError
from hermes_host.sessions.lines import encode_record
from hermes_host.sessions.summary import advance
from hermes_sessions.database import explain
from hermes_sessions.rows import update

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.records import SessionInfo, SessionRecord
    from hermes_sessions.database import Database
    from hermes_sessions.leases import Lease

__all__ = ["SqliteSessionWriter"]

_BEHIND = 64
"""How many commits the session's row may lie behind while somebody writes to it."""

# The session's row is read, not written: a look at a page that is in memory anyway. A displaced writer adds nothing.
_APPEND = "INSERT INTO records (session, data) VALUES ((SELECT number FROM sessions WHERE number = ? AND lease = ?), ?)"


class SqliteSessionWriter:
    """Appends to one session whose lease it holds. The lease goes with `close`, or with the process."""

    def __init__(
        self,
        database: Database,
        number: int,
        info: SessionInfo,
        lease: Lease,
        through: int,
        *,
        retitle: Callable[[int, str, str], str],
        on_close: Callable[[SqliteSessionWriter], None],
    ) -> None:
        self._database = database
        self._number = number
        self._info = info
        self._lease = lease
        self._through = through
        self._retitle = retitle
        self._on_close = on_close
        self._behind = 0
        self._closed = False

    @property
    def info(self) -> SessionInfo:
        """What is known about the conversation, as of the last `append`."""
        return self._info

    def append(self, *records: SessionRecord) -> None:
        """Write in one commit, in order: after a crash all of them are there, or none.

        Survives `kill -9` once it returned, and a power cut once `end` or `close` returned. Raises `SessionError` when
        the disk refuses, when a record is not JSON, or when the session is closed or was taken over; nothing is then
        written.
        """
        if not records:
            return
        self._refuse_closed()
        lines = [encode_record(record) for record in records]
        info = self._info
        for record in records:
            info = advance(info, record)
        due = self._behind + 1 >= _BEHIND
        if len(lines) == 1 and not due:
            self._append_one(lines[0])
        else:
            with self._database.writing() as connection:
                for line in lines:
                    self._insert(connection, line)
                if due:
                    self._bring_up_to_date(connection, info)
        self._info = info
        self._behind = 0 if due else self._behind + 1

    def _append_one(self, line: bytes) -> None:
        database = self._database
        with database.lock:
            try:
                # A single statement is a transaction of its own.
                self._insert(database.connection(), line)
            except (sqlite3.Error, OSError) as error:
                raise explain(error, database.path) from error

    def _insert(self, connection: sqlite3.Connection, line: bytes) -> None:
        try:
            cursor = connection.execute(_APPEND, (self._number, self._lease.token, line))
        except sqlite3.IntegrityError:
            raise self._displaced() from None  # no session: the row is another's
        self._through = cursor.lastrowid or self._through

    def _bring_up_to_date(self, connection: sqlite3.Connection, info: SessionInfo) -> None:
        token = self._lease.token
        if not update(connection, self._number, token, info, through=self._through, keep=token):
            raise self._displaced()

    def _displaced(self) -> SessionError:
        return SessionError(
            f"Session {self._info.id!r} was deleted or taken over by another process.", remedy="Start a new session."
        )

    def _refuse_closed(self) -> None:
        if self._closed:
            raise SessionError(f"Session {self._info.id!r} is closed.", remedy="Open it again to go on.")

    def rename(self, title: str) -> str:
        """Set the title; gives the one really set: trimmed, without control characters, at most 100, unique.

        An empty one takes the title away.
        """
        self._refuse_closed()
        unique = self._retitle(self._number, title, self._lease.token)
        self._info = msgspec.structs.replace(self._info, title=unique)
        return unique

    def end(self, reason: str) -> None:
        """Note why the conversation ended, and force everything to the disk."""
        self._refuse_closed()
        info = msgspec.structs.replace(self._info, ended=reason)
        with self._database.writing(forced=True) as connection:
            self._bring_up_to_date(connection, info)
        self._info, self._behind = info, 0

    def close(self) -> None:
        """Force everything to the disk and let others write. May be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            with self._database.writing(forced=True) as connection:
                # Of a session that was taken over nothing is left to bring up to date.
                update(connection, self._number, self._lease.token, self._info, through=self._through, keep="")
        finally:
            self._lease.release()
            self._on_close(self)
