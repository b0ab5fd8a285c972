"""The store: who writes, who finds, who copies and removes."""

from __future__ import annotations

import datetime
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import NotFound, SessionError
from hermes_host.records import BACKGROUND_SOURCES, SearchHit, SessionInfo, SessionRecord
from hermes_host.sessions.lines import encode_record
from hermes_host.sessions.titles import base_title, clean_title, unique_title
from hermes_host.stream import Usage
from hermes_sessions.database import BUSY_SECONDS, Database, explained
from hermes_sessions.leases import Lease, acquire
from hermes_sessions.lines import decoded
from hermes_sessions.rows import (
    COLUMNS,
    LAST,
    copy_records,
    current,
    exists,
    info_of,
    insert,
    remove,
    restore_lines,
    taken,
    update,
)
from hermes_sessions.writer import SqliteSessionWriter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_host.specs import SessionStoreSpec
    from hermes_sessions.search import Searcher

__all__ = ["SqliteSessionStore", "connect"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NEAR = 2000
"""How many of the latest sessions are looked at for names like one that does not exist."""


def connect(context: PluginContext, spec: SessionStoreSpec) -> SqliteSessionStore:
    """The store in the host's home directory."""
    from hermes_sessions.bringing import announce_brought

    return SqliteSessionStore(context.home, brought=announce_brought)


class SqliteSessionStore:
    """Conversations in one SQLite database.

    Nothing is read or made before the first call. Any number of processes may use it: a session has one writer, by a
    lease that goes with its process, and any number of readers.
    """

    def __init__(self, home: Path, *, brought: Callable[[int], None] | None = None, busy: float = BUSY_SECONDS) -> None:
        """`brought` is told how many conversations were taken over from the JSON-lines store; `busy` is how many
        seconds a write waits for other processes."""
        from hermes_sessions.bringing import bring_over, waiting

        self.home = home
        self.brought = 0
        """How many conversations were taken over when the database was made, which this store did."""
        self._tell = brought

        def fill(connection: sqlite3.Connection) -> None:
            self.brought = bring_over(home, connection)

        self._database = Database(home, fill=fill, wanted=lambda: waiting(home), busy=busy)
        self._leases = home / "sessions" / "writers"
        self._writers: set[SqliteSessionWriter] = set()
        self._searcher: Searcher | None = None

    # -------------------------------------------------------------------------------------------- making and opening

    def create(
        self, *, source: str = "cli", model: str = "", directory: str = "", parent: str = "", title: str = ""
    ) -> SqliteSessionWriter:
        """A new session. Raises `SessionError` when it cannot be written."""
        now = time.time()
        info = SessionInfo(
            id="", started=now, updated=now, source=source, model=model, directory=directory, parent=parent
        )
        return self._make(info, title)

    def open(self, session_id: str) -> SqliteSessionWriter:
        """Go on with a session. Raises `NotFound`, or `SessionError` while somebody else writes to it."""
        self._row(session_id)
        lease = self._lease(session_id)
        try:
            with self._database.writing() as connection:
                row = self._row(session_id)
                info = msgspec.structs.replace(current(connection, row), ended="")
                (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM records").fetchone()
                connection.execute("UPDATE sessions SET lease = ? WHERE number = ?", (lease.token, row[0]))
                update(connection, row[0], lease.token, info, through=last, keep=lease.token)
        except BaseException:
            lease.release()
            raise
        return self._writer(row[0], info, lease, last)

    def fork(self, session_id: str, *, until: str = "") -> SqliteSessionWriter:
        """A new session with the records up to and including the record `until` (all of them when empty).

        Its records are those of the original, byte for byte, so that nothing this host does not know is lost. Usage
        begins at zero: what the original spent is the original's. Raises `NotFound` for the session or the record.
        """
        numbers, messages, last = [], 0, ""
        for number, record in self._numbered(session_id):
            numbers.append(number)
            messages += record is not None and record.kind == "message"
            last = record.id if record is not None else ""
            if until and last == until:
                break
        if until and last != until:
            raise NotFound(f"Session {session_id!r} has no record {until!r}.")
        original = self.find(session_id)
        now = time.time()
        info = msgspec.structs.replace(
            original, parent=session_id, started=now, updated=now, ended="", messages=messages, usage=Usage()
        )
        return self._make(info, original.title, numbers)

    def restore(self, info: SessionInfo, records: Sequence[SessionRecord]) -> None:
        """Bring in a conversation from elsewhere, whole, with the id, the times and the title it had.

        A title that another conversation has already gets a number. Raises `SessionError` when there is one of that
        id, or when `info.id` is no session id; nothing is then changed.
        """
        if not _NAME.fullmatch(info.id):
            raise SessionError(f"{info.id!r} cannot be the id of a session.")
        lines = [encode_record(record) for record in records]
        with self._database.writing() as connection:
            restore_lines(connection, info, lines)

    def _make(self, info: SessionInfo, title: str, copied: Sequence[int] = ()) -> SqliteSessionWriter:
        while True:
            session_id = _new_id(info.started)
            lease = self._lease(session_id)
            try:
                with self._database.writing() as connection:
                    if not exists(connection, session_id):
                        unique = unique_title(title, taken(connection, title)) if title else ""
                        info = msgspec.structs.replace(info, id=session_id, title=unique)
                        number = insert(connection, info, lease=lease.token)
                        copy_records(connection, copied, number)
                        (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM records").fetchone()
                        return self._writer(number, info, lease, last)
            except BaseException:
                lease.release()
                raise
            lease.release()

    def _lease(self, session_id: str) -> Lease:
        with explained(self._leases):
            return acquire(self._leases, session_id)

    def _writer(self, number: int, info: SessionInfo, lease: Lease, through: int) -> SqliteSessionWriter:
        writer = SqliteSessionWriter(
            self._database, number, info, lease, through, retitle=self._retitle, on_close=self._writers.discard
        )
        self._writers.add(writer)
        self._say_what_was_brought()
        return writer

    def _say_what_was_brought(self) -> None:
        if self.brought and self._tell is not None:
            tell, self._tell = self._tell, None
            tell(self.brought)

    def _retitle(self, number: int, title: str, token: str) -> str:
        with self._database.writing() as connection:
            unique = unique_title(title, taken(connection, title, number))
            changed = connection.execute(
                "UPDATE sessions SET title = ?, folded = ? WHERE number = ? AND lease = ?",
                (unique, unique.casefold(), number, token),
            )
            if changed.rowcount != 1:
                raise SessionError("The session was deleted or taken over by another process.")
        return unique

    # ---------------------------------------------------------------------------------------------- reading and finding

    def load(self, session_id: str) -> Sequence[SessionRecord]:
        """Every record, oldest first. Raises `NotFound`, and `SessionError` for an unreadable file.

        A record that is damaged is left out and logged; it stays in the file.
        """
        return [record for _, record in self._numbered(session_id) if record is not None]

    def _numbered(self, session_id: str) -> Sequence[tuple[int, SessionRecord | None]]:
        row = self._row(session_id)
        query = "SELECT number, data FROM session_records WHERE session = ?"
        return [(number, decoded(data)) for number, data in sorted(self._rows(query, (row[0],)))]

    def find(self, reference: str) -> SessionInfo:
        """By id, unique prefix of an id, or title, in this order; upper and lower case of a title are alike.

        A title without a number means the one last used of `name`, `name #2`, `name #3` … Raises `NotFound`, naming
        near ones.
        """
        reference = reference.strip()
        where = f"SELECT {COLUMNS} FROM sessions WHERE going = 0 AND"
        found = self._infos(f"{where} id = ?", (reference,))
        if not found and reference:
            found = self._infos(f"{where} id >= ? AND id < ? LIMIT 2", (reference, reference + LAST))
            found = found if len(found) == 1 else []
        if not found and (wanted := clean_title(reference).casefold()):
            named = self._infos(f"{where} folded >= ? AND folded < ? AND folded != ''", (wanted, wanted + LAST))
            found = [info for info in named if wanted in (info.title.casefold(), base_title(info.title.casefold()))]
        if not found:
            raise self._not_found(reference)
        self._say_what_was_brought()
        return max(found, key=lambda info: info.updated)

    def list(self, *, limit: int = 50, source: str = "") -> Sequence[SessionInfo]:
        """The sessions last written to, newest first; those of background sources only where `source` asks."""
        hidden = () if source else tuple(BACKGROUND_SOURCES)
        where = "going = 0 AND " + ("source = ?" if source else f"source NOT IN ({', '.join('?' * len(hidden))})")
        values = (source,) if source else hidden
        # Rows of sessions that are being written to lie behind what is true, so all of these are looked at.
        query = f"SELECT {COLUMNS} FROM sessions WHERE {where} AND lease != ''"
        found = self._infos(query, values)
        query = f"SELECT {COLUMNS} FROM sessions WHERE {where} AND lease = '' ORDER BY updated DESC, id LIMIT ?"
        found = [*found, *self._infos(query, (*values, limit))]
        self._say_what_was_brought()
        return sorted(found, key=lambda info: (-info.updated, info.id))[:limit]

    def search(self, query: str, *, limit: int = 20) -> Sequence[SearchHit]:
        """Where the words of `query` occur, best first. See `hermes_sessions.queries` for what can be typed."""
        return self.find_hits(query, limit=limit)

    def find_hits(
        self,
        query: str,
        *,
        limit: int = 20,
        roles: Collection[str] = (),
        hidden: tuple[str, Collection[str]] | None = None,
    ) -> Sequence[SearchHit]:
        """As `search`; only messages of `roles`, and without those of one session whose records' ids are `hidden`.

        Raises `SessionError` where the database cannot be read; an index that cannot be used is made anew.
        """
        if self._reader() is None:
            return []
        if self._searcher is None:
            from hermes_sessions.search import Searcher

            self._searcher = Searcher(self._database)
        return self._searcher.search(query, limit=limit, roles=roles, hidden=hidden)

    def index(self) -> int:
        """Bring the index up to date now; gives how many records it took in. What searches would do anyway."""
        self.find_hits("", limit=0)
        return self._searcher.catch_up() if self._searcher is not None else 0

    def _reader(self) -> sqlite3.Connection | None:
        return self._database.reader()

    def _rows(self, query: str, values: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        with self._database.lock, explained(self._database.path):
            connection = self._reader()
            return connection.execute(query, values).fetchall() if connection is not None else []

    def _infos(self, query: str, values: tuple[Any, ...]) -> Sequence[SessionInfo]:
        with self._database.lock, explained(self._database.path):
            connection = self._reader()
            if connection is None:
                return []
            return [current(connection, row) for row in connection.execute(query, values).fetchall()]

    def _row(self, session_id: str) -> tuple[Any, ...]:
        if _NAME.fullmatch(session_id):
            query = f"SELECT {COLUMNS} FROM sessions WHERE going = 0 AND id = ?"
            for row in self._rows(query, (session_id,)):
                return row
        raise self._not_found(session_id)

    def _not_found(self, reference: str) -> NotFound:
        query = f"SELECT {COLUMNS} FROM sessions WHERE going = 0 ORDER BY updated DESC LIMIT {_NEAR}"
        infos = [info_of(row) for row in self._rows(query, ())]
        matching = [info.id for info in infos if reference and info.id.startswith(reference)]
        if len(matching) > 1:
            return NotFound(f"{len(matching)} sessions begin with {reference!r}.", remedy=_such_as(matching))
        near = _near(reference, infos)
        remedy = _such_as(near) if near else "See `hermes sessions list`."
        return NotFound(f"There is no session {reference!r}.", remedy=remedy)

    # -------------------------------------------------------------------------------------------------------- removing

    def delete(self, session_id: str) -> None:
        """Remove a session and what the index knows of it; those forked from it stay, without a parent.

        Raises `NotFound`, or `SessionError` while it is written to.
        """
        number = self._row(session_id)[0]
        lease = self._lease(session_id)
        try:
            with self._database.writing() as connection:
                connection.execute("UPDATE sessions SET parent = '' WHERE parent = ?", (session_id,))
                connection.execute(
                    "UPDATE sessions SET going = 1, title = '', folded = '', lease = '' WHERE number = ?", (number,)
                )
            self._finish_deletions()
        finally:
            lease.release()

    def _finish_deletions(self) -> None:
        """Take sessions whose deletion has begun out of the index, which needs their text, and then out of here."""
        from hermes_sessions.index import remove_sessions

        going = [number for (number,) in self._rows("SELECT number FROM sessions WHERE going = 1", ())]
        if not going:
            return
        remove_sessions(self._database, going)
        with self._database.writing(forced=True) as connection:
            (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM records").fetchone()
            for number in going:
                # Keeps the highest number taken: the index relies on numbers never being given twice.
                connection.execute(
                    "UPDATE records SET session = 0, data = x'' WHERE number = ? AND session = ?", (last, number)
                )
                remove(connection, number)

    def close(self) -> None:
        """Close the sessions that this store opened and that are still open, and let go of the files."""
        for writer in list(self._writers):
            writer.close()
        if self._searcher is not None:
            self._searcher.close()
            self._searcher = None
        self._database.close()


def _such_as(names: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(repr(name) for name in names[:3])}?"


def _near(reference: str, infos: Sequence[SessionInfo]) -> Sequence[str]:
    from difflib import get_close_matches

    titles = {info.title.casefold(): info.title for info in infos if info.title}
    wanted = reference.casefold()
    near = [titles[title] for title in get_close_matches(wanted, titles, n=3)]
    near += [title for folded, title in titles.items() if wanted and wanted in folded and title not in near]
    return near or get_close_matches(reference, [info.id for info in infos], n=3, cutoff=0.8)


def _new_id(started: float) -> str:
    return f"{datetime.datetime.fromtimestamp(started):%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
