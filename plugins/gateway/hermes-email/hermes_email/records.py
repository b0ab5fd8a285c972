"""What the mailbox remembers: which mails belong to one thread, and which answers have left.

A mail gets the same Message-ID at every attempt to send it. That it is being sent is written down before its text goes
out, and that it was taken right after; so nothing is sent twice, also when this program died in between.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Records", "Thread", "thread_name"]

State = Literal["", "sending", "sent"]

_MOST_REFERENCES = 20
_KEPT_SECONDS = 400 * 86_400.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (
    chat TEXT NOT NULL, thread TEXT NOT NULL, subject TEXT NOT NULL, mails TEXT NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (chat, thread)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mails (
    chat TEXT NOT NULL, id TEXT NOT NULL, thread TEXT NOT NULL, own INTEGER NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (chat, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY, id TEXT NOT NULL, state TEXT NOT NULL, time REAL NOT NULL)
    WITHOUT ROWID;
"""


class Thread(NamedTuple):
    """A thread: its subject without `Re:`, and the Message-IDs in it, the oldest first."""

    subject: str = ""
    mails: tuple[str, ...] = ()


def thread_name(root: str) -> str:
    """The name of the thread that the mail with this Message-ID began."""
    return hashlib.sha256(root.encode("utf-8", "replace")).hexdigest()[:16]


class Records:
    """A small database in the plugin's folder. Calls block for the time of a write to the disk."""

    def __init__(self, folder: Path) -> None:
        path = folder / "email.db"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)
        with self._writing() as connection:
            for table in ("threads", "mails", "sent"):
                connection.execute(f"DELETE FROM {table} WHERE time < ?", (time.time() - _KEPT_SECONDS,))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _one(self, query: str, *values: object) -> tuple[str, ...] | None:
        with self._lock:
            found: tuple[str, ...] | None = self._connection.execute(query, values).fetchone()
            return found

    # ------------------------------------------------------------------------------------------------------ threads

    def thread_of(self, chat: str, ids: Sequence[str]) -> str:
        """The thread that one of these mails, the last first, is known to belong to; empty where none is."""
        for identity in reversed(ids):
            if row := self._one("SELECT thread FROM mails WHERE chat = ? AND id = ?", chat, identity):
                return row[0]
        return ""

    def is_own(self, chat: str, identity: str) -> bool:
        """Whether the agent sent the mail with this Message-ID there."""
        return self._one("SELECT id FROM mails WHERE chat = ? AND id = ? AND own = 1", chat, identity) is not None

    def thread(self, chat: str, name: str) -> Thread:
        """What is known of a thread."""
        row = self._one("SELECT subject, mails FROM threads WHERE chat = ? AND thread = ?", chat, name)
        return Thread(row[0], tuple(row[1].split())) if row else Thread()

    def add(self, chat: str, thread: str, subject: str, ids: Sequence[str], *, own: bool) -> None:
        """Note a mail of a thread: the last of `ids`, after the mails it refers to."""
        known = self.thread(chat, thread)
        mails = list(dict.fromkeys([*known.mails, *ids]))
        if ids and ids[-1] in known.mails:
            mails = [identity for identity in mails if identity != ids[-1]] + [ids[-1]]
        if len(mails) > _MOST_REFERENCES:
            mails = [mails[0], *mails[-(_MOST_REFERENCES - 1) :]]
        now = time.time()
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO threads VALUES (?, ?, ?, ?, ?)",
                (chat, thread, known.subject or subject, " ".join(mails), now),
            )
            if ids:
                connection.execute(
                    "INSERT INTO mails VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (chat, ids[-1], thread, int(own), now),
                )

    # -------------------------------------------------------------------------------------------------------- sending

    def state(self, key: str) -> tuple[State, str]:
        """How far sending came, and the Message-ID."""
        row = self._one("SELECT state, id FROM sent WHERE key = ?", key)
        if row is None:
            return "", ""
        return ("sent" if row[0] == "sent" else "sending"), row[1]

    def sending(self, key: str, identity: str) -> None:
        """The mail's text goes out now: from here on it may arrive."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO sent VALUES (?, ?, 'sending', ?)", (key, identity, time.time()))

    def sent(self, key: str) -> None:
        """The server has taken it."""
        with self._writing() as connection:
            connection.execute("UPDATE sent SET state = 'sent' WHERE key = ?", (key,))

    def not_sent(self, key: str) -> None:
        """The server has surely not taken it."""
        with self._writing() as connection:
            connection.execute("DELETE FROM sent WHERE key = ? AND state = 'sending'", (key,))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()
