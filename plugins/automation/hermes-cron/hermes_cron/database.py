"""The file `cron/cron.db`: jobs, their due instants, and what became of each, in one transactional store.

Everything hangs on two rules: an instant of a schedule is put in once (`runs` has a unique key), in the same
transaction that moves its job to the next one; and a run belongs to one holder, whose lock ends with its process.

A file that is damaged, or gone while its backups are there, is refused: it is never begun anew behind anybody's back.
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

__all__ = ["VERSION", "Database", "folder", "latest_backup"]

VERSION = 1

_BUSY_SECONDS = 10.0

SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    definition BLOB NOT NULL,                 -- a Job as JSON
    state TEXT NOT NULL,                      -- active, paused, completed, removed
    next REAL,
    completed INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX jobs_due ON jobs (next) WHERE state = 'active' AND next IS NOT NULL;
CREATE UNIQUE INDEX jobs_named ON jobs (name COLLATE NOCASE) WHERE state <> 'removed';

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    due REAL NOT NULL,
    trigger TEXT NOT NULL,                    -- schedule, manual
    state TEXT NOT NULL,
    not_before REAL NOT NULL DEFAULT 0,
    holder TEXT NOT NULL DEFAULT '',
    delivering INTEGER NOT NULL DEFAULT 0,    -- whether an answer is on its way
    facts BLOB NOT NULL                       -- the rest of a Run as JSON
);
CREATE UNIQUE INDEX runs_once ON runs (job, due) WHERE trigger = 'schedule';
CREATE INDEX runs_open ON runs (state, not_before) WHERE state IN ('queued', 'running');
CREATE INDEX runs_of ON runs (job, id);
CREATE INDEX runs_delivering ON runs (id) WHERE delivering = 1;

CREATE TABLE holders (                        -- processes that run jobs; alive as long as they hold their lock
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                       -- gateway, run-due, run
    pid INTEGER NOT NULL,
    began REAL NOT NULL,
    seen REAL NOT NULL,
    ended REAL,
    trouble TEXT NOT NULL DEFAULT ''
);

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
"""


def folder(home: Path) -> Path:
    """The folder `cron` of a home."""
    return home / "cron"


def latest_backup(home: Path) -> Path:
    """The backup that is written at every change of a job."""
    return folder(home) / "backups" / "jobs-latest.json"


class Database:
    """One connection to `cron.db`. Safe to use from several threads, one at a time."""

    def __init__(self, home: Path, *, anew: bool = False) -> None:
        """`anew`: make a file although there are backups of an earlier one, as a restoration does."""
        self.home = home
        self._anew = anew
        self.path = folder(home) / "cron.db"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write: all of it or nothing, on disk when the block is left. Within another it is a part of that one.

        Raises `SessionError` when the disk refuses, or the file cannot be used.
        """
        with self._lock, self._told():
            connection = self._open()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read. Raises `SessionError`."""
        with self._lock, self._told():
            yield self._open()

    @property
    def exists(self) -> bool:
        """Whether there is anything yet."""
        return self.path.exists() or latest_backup(self.home).exists()

    def examine(self) -> None:
        """Read all of the file. Raises `SessionError` when it is damaged."""
        with self.reading() as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")

    def close(self) -> None:
        """Release it. May be called twice; used again, it is opened again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.rollback()
            raise SessionError(f"{self.path} cannot be used: {error}.", remedy=_remedy(error)) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._refuse_to_forget(empty=not self.path.exists() or self.path.stat().st_size == 0)
            private_directory(self.path.parent)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                self._bring_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _refuse_to_forget(self, *, empty: bool) -> None:
        if empty and not self._anew and latest_backup(self.home).exists():
            raise SessionError(
                f"{self.path} is gone or empty, but there are backups of its jobs.",
                remedy="`hermes cron restore` brings the jobs back.",
            )

    def _bring_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            connection.rollback()
            raise SessionError(f"{self.path} was written by a newer hermes-cron.", remedy="Upgrade hermes-cron.")
        if version == 0:
            try:
                self._refuse_to_forget(empty=True)
            except SessionError:
                connection.rollback()
                raise
            for statement in SCHEMA.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()


def _remedy(error: sqlite3.Error) -> str:
    text = str(error)
    if "malformed" in text or "not a database" in text or "no such table" in text:
        return "Nothing was changed. `hermes cron restore` puts it aside and brings the jobs back from their backup."
    if "full" in text:
        return "Make room on the disk; nothing was lost that was taken."
    return ""
