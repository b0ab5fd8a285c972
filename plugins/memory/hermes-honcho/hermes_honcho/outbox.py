"""What is still to be sent to Honcho: one SQLite file that survives the process being killed.

A row is written before anything is sent and removed when Honcho has it. Rows are sent in batches; which batch a row
belongs to is committed before the first attempt, and travels with the message. After an attempt whose end nobody saw
(a time-out, a cut connection, a killed process) Honcho is asked which messages of the batch it has, and only the others
are sent again. What was sent is remembered for a while, so that the same turn told twice is sent once.

Every method opens the file anew, is short, and may be called from any thread.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_honcho.access import Entry
from hermes_honcho.names import Names
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Batch", "InUse", "Outbox", "OutboxError", "Waiting", "uids"]

BATCH = 50
"""Messages sent in one request; Honcho takes 100."""

REMEMBERED = 30 * 86_400.0
"""Seconds for which it is known what was sent."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    target TEXT NOT NULL,
    session TEXT NOT NULL,
    user TEXT NOT NULL,
    ai TEXT NOT NULL,
    peer TEXT NOT NULL,
    content TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created REAL NOT NULL,
    ready INTEGER NOT NULL,
    batch TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    refused TEXT
);
CREATE TABLE IF NOT EXISTS sent (uid TEXT PRIMARY KEY, time REAL NOT NULL) WITHOUT ROWID;
"""


class InUse(Exception):
    """Another process is sending."""


class OutboxError(HermesError):
    """The queue cannot be read or written."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one session that are sent together. `attempts` counts those whose end is not known."""

    id: str
    names: Names
    entries: tuple[Entry, ...]
    attempts: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in the queue."""

    unsent: int = 0
    elsewhere: int = 0
    """For another workspace or server than the configured one."""
    refused: int = 0
    reason: str = ""
    """Why the last one was refused."""
    oldest: float = 0.0


class Outbox:
    """The queue. `target` says which server and workspace the messages are for."""

    def __init__(self, directory: Path, target: str) -> None:
        self.path = directory / "outbox.db"
        self._lock = directory / "outbox.lock"
        self._target = target

    def add(self, names: Names, entries: Iterable[Entry], *, ready: bool) -> None:
        """Keep messages; those known already are passed over. They are on disk when this returns."""
        with self._open() as db:
            for entry in entries:
                if db.execute("SELECT 1 FROM sent WHERE uid = ?", (entry.uid,)).fetchone():
                    continue
                db.execute(
                    "INSERT OR IGNORE INTO messages"
                    " (uid, target, session, user, ai, peer, content, metadata, created, ready)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(entry.uid, self._target, names.session, names.user, names.ai, entry.peer, entry.content),
                        *(json.dumps(entry.metadata), entry.created, int(ready)),
                    ),
                )

    def release(self, session: str = "") -> None:
        """Let the held messages of a session (of all, when empty) be sent."""
        if self.path.exists():
            with self._open() as db:
                db.execute(
                    "UPDATE messages SET ready = 1 WHERE ready = 0 AND target = ? AND ? IN ('', session)",
                    (self._target, session),
                )

    def next_batch(self) -> Batch | None:
        """The oldest messages that can be sent; once put together a batch stays as it is."""
        with self._open() as db:
            first = db.execute(
                "SELECT * FROM messages WHERE ready AND refused IS NULL AND target = ?"
                " ORDER BY batch IS NULL, id LIMIT 1",
                (self._target,),
            ).fetchone()
            if first is None:
                return None
            batch = first["batch"]
            if batch is None:
                batch = secrets.token_hex(12)
                db.execute(
                    "UPDATE messages SET batch = ? WHERE id IN (SELECT id FROM messages WHERE ready AND batch IS NULL"
                    " AND refused IS NULL AND target = ? AND session = ? AND user = ? AND ai = ? ORDER BY id LIMIT ?)",
                    (batch, self._target, first["session"], first["user"], first["ai"], BATCH),
                )
            rows = db.execute("SELECT * FROM messages WHERE batch = ? ORDER BY id", (batch,)).fetchall()
        return Batch(
            id=batch,
            names=Names(first["session"], first["user"], first["ai"]),
            entries=tuple(_entry(row) for row in rows),
            attempts=max(row["attempts"] for row in rows),
        )

    def begin(self, batch: str) -> None:
        """An attempt begins: from now on nobody knows what Honcho has, until `sent` or `not_sent`."""
        self._execute("UPDATE messages SET attempts = attempts + 1 WHERE batch = ?", batch)

    def not_sent(self, batch: str) -> None:
        """Honcho certainly has nothing of this batch."""
        self._execute("UPDATE messages SET attempts = 0 WHERE batch = ?", batch)

    def split(self, batch: str) -> None:
        """Send each message of a refused batch by itself, to find the one that Honcho does not take."""
        with self._open() as db:
            for (uid,) in db.execute("SELECT uid FROM messages WHERE batch = ?", (batch,)).fetchall():
                db.execute("UPDATE messages SET batch = ?, attempts = 0 WHERE uid = ?", (secrets.token_hex(12), uid))

    def sent(self, uids: Iterable[str]) -> None:
        """Honcho has these messages."""
        now = time.time()
        with self._open() as db:
            for uid in uids:
                db.execute("DELETE FROM messages WHERE uid = ?", (uid,))
                db.execute("INSERT OR REPLACE INTO sent VALUES (?, ?)", (uid, now))
            db.execute("DELETE FROM sent WHERE time < ?", (now - REMEMBERED,))

    def refuse(self, uid: str, reason: str) -> None:
        """Honcho does not take this message: it is kept, and not tried again by itself."""
        self._execute("UPDATE messages SET refused = ? WHERE uid = ?", reason, uid)

    def waiting(self) -> Waiting:
        """What lies in the queue. Makes no file."""
        if not self.path.exists():
            return Waiting()
        with self._open() as db:
            row = db.execute(
                "SELECT total(refused IS NULL AND target = ?1), total(target != ?1), total(refused IS NOT NULL),"
                " (SELECT refused FROM messages WHERE refused IS NOT NULL ORDER BY id DESC LIMIT 1), min(created)"
                " FROM messages",
                (self._target,),
            ).fetchone()
        return Waiting(
            unsent=int(row[0]), elsewhere=int(row[1]), refused=int(row[2]), reason=row[3] or "", oldest=row[4] or 0.0
        )

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Hold the right to send. Raises `InUse` while another process has it; it goes with its process."""
        import fcntl

        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse("Another process is sending.") from None
            yield
        finally:
            os.close(descriptor)

    # -------------------------------------------------------------------------------------------------- the file

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file within one transaction. Raises `OutboxError`."""
        try:
            if not self.path.exists():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(self.path, timeout=5.0, isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("BEGIN IMMEDIATE")
                try:
                    for statement in _SCHEMA.split(";"):
                        db.execute(statement)
                    yield db
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise OutboxError(
                f"The queue {self.path} cannot be used: {error}.", remedy="If it is damaged, move it away."
            ) from error

    def _execute(self, statement: str, *values: Any) -> None:
        with self._open() as db:
            db.execute(statement, values)


def _entry(row: Any) -> Entry:
    return Entry(
        uid=row["uid"],
        peer=row["peer"],
        content=row["content"],
        created=row["created"],
        metadata=json.loads(row["metadata"]),
    )


def uids(entries: Sequence[Entry]) -> list[str]:
    """The names of messages."""
    return [entry.uid for entry in entries]
