"""The file `gateway.db`: what came in, what is being worked on, and what goes out, in one transactional store.

Everything the gateway promises hangs on this file: an update is admitted once (`updates` has a unique key), a turn is
worked on by one holder (`turns` has a lease and a fence), and an answer is put into `outbox` in the same transaction
that ends its turn. The journal is a write-ahead log. `synchronous` is FULL: what a platform was told to forget must
survive a power cut too; many updates share one commit.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["VERSION", "Database"]

VERSION = 1

_BUSY_SECONDS = 10.0

SCHEMA = """
CREATE TABLE updates (
    id INTEGER PRIMARY KEY,
    platform TEXT NOT NULL,
    account TEXT NOT NULL,
    update_id TEXT NOT NULL,
    conversation TEXT NOT NULL,
    body BLOB NOT NULL,                       -- an Inbound as JSON
    admitted REAL NOT NULL,
    state TEXT NOT NULL,                      -- waiting, claimed, done, refused
    turn INTEGER REFERENCES turns(id),
    UNIQUE (platform, account, update_id)
);
CREATE INDEX updates_waiting ON updates (conversation, id) WHERE state IN ('waiting', 'claimed');

CREATE TABLE conversations (
    key TEXT PRIMARY KEY,
    address TEXT NOT NULL,                    -- where its answers go
    session TEXT NOT NULL DEFAULT '',         -- the session it goes on with; empty: the next message begins one
    began REAL NOT NULL,
    used REAL NOT NULL,
    data BLOB NOT NULL DEFAULT '{}'           -- settings of this conversation, as JSON
);
CREATE INDEX conversations_used ON conversations (used);

CREATE TABLE turns (
    id INTEGER PRIMARY KEY,
    conversation TEXT NOT NULL,
    session TEXT NOT NULL,
    state TEXT NOT NULL,                      -- running, finished, failed, quarantined
    fence INTEGER NOT NULL,                   -- grows with every claim; writes with an older one are refused
    holder TEXT NOT NULL,
    lease REAL NOT NULL,                      -- until when, in seconds since the epoch
    resumes INTEGER NOT NULL DEFAULT 0,
    shown TEXT NOT NULL DEFAULT '',           -- a Receipt as JSON: the message that shows the turn while it runs
    began REAL NOT NULL,
    ended REAL
);
CREATE INDEX turns_running ON turns (state) WHERE state = 'running';
CREATE INDEX turns_of ON turns (conversation, id);
CREATE INDEX updates_of_turn ON updates (turn) WHERE turn IS NOT NULL;

CREATE TABLE owned_sessions (                 -- whose sessions these are, for those who want to go on with one
    session TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    person TEXT NOT NULL,
    began REAL NOT NULL
);
CREATE INDEX owned_sessions_of ON owned_sessions (person);

CREATE TABLE asked (                          -- what waits for a person's answer
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                       -- approval, question
    conversation TEXT NOT NULL,
    address TEXT NOT NULL,
    made REAL NOT NULL
);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    part INTEGER NOT NULL,                    -- the place of this message among those of one key
    place INTEGER NOT NULL,                   -- a chat's messages go by this, then by part
    address TEXT NOT NULL,
    body BLOB NOT NULL,                       -- an Outbound as JSON
    edits TEXT NOT NULL DEFAULT '',           -- a Receipt as JSON: the message this one takes the place of
    state TEXT NOT NULL,                      -- held, pending, sending, sent, failed, unknown, dropped
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    created REAL NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    turn INTEGER,
    receipt TEXT NOT NULL DEFAULT '',         -- a Receipt as JSON
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (key, part)
);
CREATE INDEX outbox_held ON outbox (due) WHERE state = 'held';
CREATE INDEX outbox_open ON outbox (address, place, part) WHERE state IN ('pending', 'sending');

CREATE TABLE people (
    platform TEXT NOT NULL,
    user TEXT NOT NULL,                       -- the platform's id
    person TEXT NOT NULL,                     -- the same for linked accounts
    role TEXT NOT NULL,                       -- owner, member, guest
    name TEXT NOT NULL DEFAULT '',
    since REAL NOT NULL,
    PRIMARY KEY (platform, user)
);

CREATE TABLE pairing (
    platform TEXT NOT NULL,
    user TEXT NOT NULL,
    name TEXT NOT NULL,
    code BLOB NOT NULL,                       -- a salted hash
    salt BLOB NOT NULL,
    address TEXT NOT NULL,
    made REAL NOT NULL,
    purpose TEXT NOT NULL DEFAULT 'pair',     -- pair, link
    PRIMARY KEY (platform, user, purpose)
);

CREATE TABLE attempts (                       -- what is limited: codes asked for, wrong codes, notices
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX attempts_of ON attempts (what, subject, time);

CREATE TABLE places (
    address TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    seen REAL NOT NULL
);

CREATE TABLE mirrored (                       -- what was sent into a chat from elsewhere, until it is told
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    text TEXT NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX mirrored_into ON mirrored (address);

CREATE TABLE homes (
    platform TEXT PRIMARY KEY,
    address TEXT NOT NULL
);

CREATE TABLE words (                          -- what adapters keep across restarts
    platform TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (platform, name)
);
"""

MIGRATIONS: dict[int, str] = {}
"""From a version to the next: the statements."""


class Database:
    """`gateway.db`: one connection that writes and one that reads, each for one thread at a time.

    Reading waits for nobody who writes: it sees what was committed, and within a transaction what that has done.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "gateway.db"
        self._home = home
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._forced: bool | None = None
        self._writer = 0
        """The thread that is in a transaction."""
        self._reading = threading.RLock()
        self._reader: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self, *, forced: bool = True) -> Iterator[sqlite3.Connection]:
        """Write: all of it or nothing, on disk when the block is left. Within another it is a part of that one.

        Without `forced` it survives the end of this process, but perhaps not a power cut: for what may be done again.
        Raises `SessionError` when the disk refuses, or the file is not one of ours.
        """
        with self._lock:
            connection = self._open()
            if connection.in_transaction:
                yield connection
                return
            try:
                if forced is not self._forced:
                    connection.execute(f"PRAGMA synchronous = {'FULL' if forced else 'NORMAL'}")
                    self._forced = forced
                connection.execute("BEGIN IMMEDIATE")
                self._writer = threading.get_ident()
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                finally:
                    self._writer = 0
                connection.commit()
            except sqlite3.Error as error:
                if connection.in_transaction:
                    connection.rollback()
                raise SessionError(f"{self.path} cannot be written: {error}", remedy=_remedy(error)) from error

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read. Raises `SessionError`."""
        if self._writer == threading.get_ident():
            with self._explained():
                yield self._open()
            return
        if self._connection is None:
            with self._lock, self._explained():
                self._open()  # makes the file, where there is none
        with self._reading, self._explained():
            if self._reader is None:
                self._reader = _connect(self.path)
                self._reader.execute("PRAGMA query_only = ON")
            yield self._reader

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SessionError(f"{self.path} cannot be read: {error}", remedy=_remedy(error)) from error

    def close(self) -> None:
        """Release it. May be called twice; used again, it is opened again."""
        with self._lock, self._reading:
            for connection in (self._reader, self._connection):
                if connection is not None:
                    connection.close()
            self._reader = self._connection = self._forced = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            private_directory(self._home)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = _connect(self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            _bring_up(connection, self.path)
            self._connection = connection
        return self._connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _bring_up(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to this version."""
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        connection.rollback()
        raise SessionError(f"{path} was written by a newer hermes-gateway.", remedy="Upgrade hermes-gateway.")
    for statement in _statements(SCHEMA if version == 0 else "".join(MIGRATIONS[v] for v in range(version, VERSION))):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.commit()


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _remedy(error: sqlite3.Error) -> str:
    text = str(error)
    if "full" in text:
        return "Make room on the disk; nothing was lost that was taken."
    if "malformed" in text or "not a database" in text:
        return "Move the file away and start again; what had not been answered is in it."
    return ""
