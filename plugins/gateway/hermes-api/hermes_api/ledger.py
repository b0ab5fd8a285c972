"""What the API remembers: whose a conversation is, responses, and answers to requests that may come again."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Kept", "Ledger", "Remembered"]

DAY = 86_400.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS owners (session TEXT PRIMARY KEY, owner TEXT NOT NULL, made REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owners_by_owner ON owners (owner, made);
CREATE TABLE IF NOT EXISTS responses (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, session TEXT NOT NULL, until TEXT NOT NULL, made REAL NOT NULL,
    instructions TEXT, body BLOB NOT NULL, input BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS responses_by_owner ON responses (owner, made);
CREATE INDEX IF NOT EXISTS responses_by_session ON responses (session, made);
CREATE TABLE IF NOT EXISTS conversations (
    owner TEXT NOT NULL, name TEXT NOT NULL, response TEXT NOT NULL, PRIMARY KEY (owner, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answered (
    owner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, made REAL NOT NULL, status INTEGER NOT NULL,
    kind TEXT NOT NULL, session TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (owner, key)
) WITHOUT ROWID;
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A response that was kept. `until` is the session's record with which it ended."""

    id: str
    owner: str
    session: str
    until: str
    made: float
    instructions: str | None
    body: bytes
    input: bytes


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a request with an Idempotency-Key; `status` is 0 while it is worked on."""

    fingerprint: str
    made: float
    status: int
    kind: str
    session: str
    body: bytes


class Ledger:
    """The database `api.db` of the plugin's state directory. Calls are short; one process writes."""

    def __init__(self, directory: Path, *, most: int) -> None:
        self._path = directory / "api.db"
        self._most = most
        self._live: sqlite3.Connection | None = None

    @property
    def _db(self) -> sqlite3.Connection:
        if self._live is None:
            # Made private before SQLite opens it, so that its files are never readable by others.
            self._path.touch(mode=0o600)
            self._live = sqlite3.connect(self._path, isolation_level=None, timeout=5.0)
            self._live.execute("PRAGMA journal_mode=WAL")
            self._live.execute("PRAGMA synchronous=NORMAL")
            self._live.executescript(_SCHEMA)
        return self._live

    def close(self) -> None:
        """Release it."""
        if self._live is not None:
            self._live.close()
            self._live = None

    # ----------------------------------------------------------------------------------------------------- owners

    def own(self, session: str, owner: str) -> None:
        """Note whose a conversation is."""
        self._db.execute("INSERT OR IGNORE INTO owners VALUES (?, ?, ?)", (session, owner, time.time()))

    def owner(self, session: str) -> str:
        """Whose it is; empty where it was not made here."""
        row = self._db.execute("SELECT owner FROM owners WHERE session = ?", (session,)).fetchone()
        return row[0] if row else ""

    def owned(self, owner: str, limit: int) -> Sequence[str]:
        """The newest conversations of a key."""
        query = "SELECT session FROM owners WHERE owner = ? ORDER BY made DESC LIMIT ?"
        return [row[0] for row in self._db.execute(query, (owner, limit))]

    def disown(self, session: str) -> None:
        """Forget a conversation and the responses in it."""
        self._db.execute("DELETE FROM owners WHERE session = ?", (session,))
        self._db.execute("DELETE FROM responses WHERE session = ?", (session,))

    # -------------------------------------------------------------------------------------------------- responses

    def keep(self, response: Kept, conversation: str = "") -> None:
        """Keep a response, as the last one of `conversation` where that has a name."""
        database = self._db
        database.execute("BEGIN IMMEDIATE")
        try:
            database.execute(
                "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(response)
            )
            if conversation:
                database.execute(
                    "INSERT OR REPLACE INTO conversations VALUES (?, ?, ?)",
                    (response.owner, conversation, response.id),
                )
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise

    def response(self, identity: str) -> Kept | None:
        """A response by its id."""
        row = self._db.execute("SELECT * FROM responses WHERE id = ?", (identity,)).fetchone()
        return Kept(**dict(zip(Kept.__struct_fields__, row, strict=True))) if row else None

    def is_last(self, response: Kept) -> bool:
        """Whether no later response stands in its session."""
        query = "SELECT id FROM responses WHERE session = ? ORDER BY made DESC LIMIT 1"
        row = self._db.execute(query, (response.session,)).fetchone()
        return bool(row) and row[0] == response.id

    def last_of(self, owner: str, conversation: str) -> str:
        """The last response of a conversation; empty where there is none."""
        query = "SELECT response FROM conversations WHERE owner = ? AND name = ?"
        row = self._db.execute(query, (owner, conversation)).fetchone()
        return row[0] if row else ""

    def forget(self, identity: str) -> None:
        """Remove a response."""
        self._db.execute("DELETE FROM responses WHERE id = ?", (identity,))

    # ----------------------------------------------------------------------------------------------- idempotency

    def remembered(self, owner: str, key: str) -> Remembered | None:
        """What is known of a request; for a day."""
        query = "SELECT fingerprint, made, status, kind, session, body FROM answered WHERE owner = ? AND key = ?"
        row = self._db.execute(query, (owner, key)).fetchone()
        if row is None or row[1] < time.time() - DAY:
            return None
        return Remembered(**dict(zip(Remembered.__struct_fields__, row, strict=True)))

    def remember(self, owner: str, key: str, answer: Remembered) -> None:
        """Note a request that is begun, or its answer."""
        values: tuple[Any, ...] = (owner, key, *msgspec.structs.astuple(answer))
        self._db.execute("INSERT OR REPLACE INTO answered VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def unremember(self, owner: str, key: str) -> None:
        """It did not happen."""
        self._db.execute("DELETE FROM answered WHERE owner = ? AND key = ?", (owner, key))

    # -------------------------------------------------------------------------------------------------- keeping house

    def prune(self) -> None:
        """Remove what is too old or too much."""
        self._db.execute("DELETE FROM answered WHERE made < ?", (time.time() - DAY,))
        owners = [row[0] for row in self._db.execute("SELECT DISTINCT owner FROM responses")]
        for owner in owners:
            self._db.execute(
                "DELETE FROM responses WHERE owner = ? AND made < (SELECT made FROM responses WHERE owner = ? "
                "ORDER BY made DESC LIMIT 1 OFFSET ?)",
                (owner, owner, self._most - 1),
            )
        self._db.execute("DELETE FROM conversations WHERE response NOT IN (SELECT id FROM responses)")
