"""The index beside the database: `sessions-index.db`. It holds nothing that cannot be made again from the database.

`words` is an FTS5 table without content, by number of record: what was said as words (see `hermes_sessions.tokens`),
and whose words they are. `vocabulary` has each word once, and `pieces` finds words by any three of their characters
(FTS5's trigrams over words: a twentieth of what trigrams over the text would take). An index belongs to one
`identity` of the database and is complete up to the record `through`; it is brought up to date before every search.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from hermes_host.records import BACKGROUND_SOURCES
from hermes_sessions.database import create_private
from hermes_sessions.lines import decoded
from hermes_sessions.spoken import searchable
from hermes_sessions.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from hermes_sessions.database import Database

__all__ = ["Index", "Unusable", "index_path", "remove_sessions", "throw_away"]

_VERSION = 1
"""Changes with the tables here and with what counts as a word; an index of another version is made anew."""

_BATCH = 500
_BUSY_SECONDS = 5.0
_OPTIMIZED = 30_000
"""Up to this number of records the index is rewritten after a deletion, so that deleted words leave the file."""

_BESIDE = ("sessions-index.db-wal", "sessions-index.db-shm")

_TABLES = (
    "CREATE TABLE state (identity TEXT NOT NULL, through INTEGER NOT NULL)",
    """CREATE VIRTUAL TABLE words USING fts5(text, role, content='', tokenize="unicode61 remove_diacritics 0",
       columnsize=0)""",
    "CREATE TABLE vocabulary (number INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE)",
    """CREATE VIRTUAL TABLE pieces USING fts5(term, content='vocabulary', content_rowid='number', tokenize='trigram',
       detail=none, columnsize=0)""",
)


class Unusable(Exception):
    """The index is damaged or of another database: throw it away and make it anew."""


def index_path(path: Path) -> Path:
    """Where the index of the database at `path` lies."""
    return path.with_name("sessions-index.db")


class Index:
    """One connection to the index of a database. Not for two threads at once."""

    def __init__(self, database: Database) -> None:
        """Open it, or make it. Raises `Unusable`, `sqlite3.Error` and `OSError`."""
        self.path = index_path(database.path)
        self._database = database
        self._identity = _identity(database)
        with _alone(self.path):
            if not self.path.exists():
                self._make()
            self.connection = _connect(self.path)
            self._inode = self.path.stat().st_ino
        try:
            self._refuse_foreign()
        except sqlite3.DatabaseError as error:
            self.close()
            raise Unusable(str(error)) from error
        except Unusable:
            self.close()
            raise

    def _make(self) -> None:
        new = self.path.with_name("sessions-index.db.new")
        for leftover in ("sessions-index.db.new", "sessions-index.db.new-journal", *_BESIDE):
            self.path.with_name(leftover).unlink(missing_ok=True)
        create_private(new)
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.execute("BEGIN")
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute("INSERT INTO state VALUES (?, 0)", (self._identity,))
            connection.execute(f"PRAGMA user_version={_VERSION}")
            connection.execute("COMMIT")
        finally:
            connection.close()
        new.replace(self.path)

    def _refuse_foreign(self) -> None:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            raise Unusable(f"version {version}")
        (identity,) = self.connection.execute("SELECT identity FROM state").fetchone()
        if identity != self._identity:
            raise Unusable("of another database")

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def is_current(self) -> bool:
        """Whether the file is still the one at its place: others may have thrown it away."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def through(self) -> int:
        """The number of the last record that is in it."""
        found: int = self.connection.execute("SELECT through FROM state").fetchone()[0]
        return found

    # ------------------------------------------------------------------------------------------------ taking in

    def catch_up(self) -> int:
        """Take in what was written since; gives how many records were looked at. Raises `sqlite3.Error`.

        Each batch is a transaction with its own `through`: who is killed loses one batch, and nothing goes in twice.
        """
        looked = 0
        while self.through() < self._last():
            with _transaction(self.connection):
                through = self.through()
                rows = self._rows(through)
                self._take_in((number, source, data) for number, source, data in rows)
                if rows:
                    self.connection.execute("UPDATE state SET through = ?", (rows[-1][0],))
            looked += len(rows)
            if not rows:
                break
        return looked

    def _last(self) -> int:
        with self._database.lock:
            found: int = (
                self._database.connection().execute("SELECT coalesce(max(number), 0) FROM records").fetchone()[0]
            )
        return found

    def _rows(self, through: int) -> Sequence[tuple[int, str | None, bytes]]:
        query = (
            "SELECT r.number, CASE WHEN s.going THEN NULL ELSE s.source END, r.data FROM records r"
            " LEFT JOIN sessions s ON s.number = r.session WHERE r.number > ? ORDER BY r.number LIMIT ?"
        )
        with self._database.lock:
            return self._database.connection().execute(query, (through, _BATCH)).fetchall()

    def _take_in(self, rows: Iterable[tuple[int, str | None, bytes]]) -> None:
        documents, terms = [], set()
        for number, source, data in rows:
            if source is None or source in BACKGROUND_SOURCES:
                continue
            if (found := _document(data)) is not None:
                words, role = found
                terms.update(words)
                documents.append((number, " ".join(words), role))
        self.connection.executemany("INSERT INTO words (rowid, text, role) VALUES (?, ?, ?)", documents)
        self._learn(terms)

    def _learn(self, terms: set[str]) -> None:
        (last,) = self.connection.execute("SELECT coalesce(max(number), 0) FROM vocabulary").fetchone()
        self.connection.executemany(
            "INSERT OR IGNORE INTO vocabulary (term) VALUES (?)", ((term,) for term in sorted(terms))
        )
        self.connection.execute(
            "INSERT INTO pieces (rowid, term)"
            " SELECT number, term FROM vocabulary WHERE number > ? AND length(term) > 3",
            (last,),
        )

    # -------------------------------------------------------------------------------------------------- taking out

    def remove(self, records: Iterable[tuple[int, str, bytes]]) -> None:
        """Take records out; they are those that were taken in, with their sessions' sources."""
        with _transaction(self.connection):
            through, terms = self.through(), set()
            for number, source, data in records:
                if number > through or source in BACKGROUND_SOURCES or (found := _document(data)) is None:
                    continue
                words, role = found
                terms.update(words)
                self.connection.execute(
                    "INSERT INTO words (words, rowid, text, role) VALUES ('delete', ?, ?, ?)",
                    (number, " ".join(words), role),
                )
            self._forget(terms)
        if terms and through <= _OPTIMIZED:
            self.connection.execute("INSERT INTO words (words) VALUES ('optimize')")
            self.connection.execute("INSERT INTO pieces (pieces) VALUES ('optimize')")

    def _forget(self, terms: set[str]) -> None:
        for term in terms:
            question = f'text : "{term}"'
            if self.connection.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (question,)).fetchone():
                continue
            row = self.connection.execute("SELECT number FROM vocabulary WHERE term = ?", (term,)).fetchone()
            if row is None:
                continue
            if len(term) > 3:
                self.connection.execute(
                    "INSERT INTO pieces (pieces, rowid, term) VALUES ('delete', ?, ?)", (row[0], term)
                )
            self.connection.execute("DELETE FROM vocabulary WHERE number = ?", row)


class _transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def remove_sessions(database: Database, numbers: Sequence[int]) -> None:
    """Take sessions out of the index, while their text is still in the database. An index that cannot be used goes."""
    if not index_path(database.path).exists():
        return
    query = (
        "SELECT r.number, s.source, r.data FROM sessions s JOIN session_records r ON r.session = s.number"
        " WHERE s.number = ?"
    )
    try:
        index = Index(database)
    except (Unusable, sqlite3.DatabaseError):
        throw_away(database.path)
        return
    try:
        for number in numbers:
            with database.lock:
                records = database.connection().execute(query, (number,)).fetchall()
            index.remove(records)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        throw_away(database.path)
    finally:
        index.close()


def throw_away(path: Path) -> None:
    """Remove the index of the database at `path`; the next search makes it anew."""
    path = index_path(path)
    with _alone(path):
        for name in (path.name, *_BESIDE):
            path.with_name(name).unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else makes or removes the file meanwhile: a new one must not meet the log of an old one."""
    descriptor = os.open(
        path.with_name("sessions-index.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _document(data: bytes) -> tuple[list[str], str] | None:
    if b'"kind":"message"' not in data[:200] and b"message" not in data:
        return None
    record = decoded(data)
    if record is None or record.kind != "message" or record.message is None:
        return None
    words = tokens(searchable(record.message))
    return (words, record.message.role) if words else None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=ON")
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Unusable(str(error)) from error
    return connection


def _identity(database: Database) -> str:
    with database.lock:
        row = database.connection().execute("SELECT value FROM meta WHERE name = 'identity'").fetchone()
    return str(row[0]) if row else ""
