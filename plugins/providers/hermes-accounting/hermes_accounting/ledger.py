"""The ledger: one row for each model call, in one SQLite file that several processes may write.

A thread of its own owns the connection, so that no commit holds up the event loop. Rows are written in the order in
which they were handed over; each is one commit to the write-ahead log, which survives the process being killed (an
outage of the machine may cost the rows of its last moments, never the file).
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Call", "Ledger", "LedgerError"]

log = logging.getLogger(__name__)
T = TypeVar("T")

VERSION = 2
UNWRITTEN_LIMIT = 10_000
"""Rows kept in memory while the file cannot be written."""

BUSY_LIMIT = 5.0
"""Seconds to wait for another process's commit."""

_SCHEMA = """
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    session_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    credential TEXT NOT NULL,
    outcome TEXT NOT NULL,
    counted INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    input_price REAL,
    output_price REAL,
    cached_price REAL,
    cache_write_price REAL,
    price_source TEXT NOT NULL,
    cost REAL,
    first_event REAL,
    seconds REAL NOT NULL,
    account TEXT NOT NULL DEFAULT ''
);
CREATE INDEX calls_by_session ON calls (session_id);
CREATE INDEX calls_by_account ON calls (account);
CREATE INDEX calls_by_time ON calls (time);
"""

_FROM_VERSION_1 = """
BEGIN IMMEDIATE;
ALTER TABLE calls ADD COLUMN account TEXT NOT NULL DEFAULT '';
UPDATE calls SET account = session_id;
CREATE INDEX calls_by_account ON calls (account);
PRAGMA user_version = 2;
COMMIT;
"""
"""Only adds, in one transaction: a process that is killed in the middle leaves version 1, and an older one of this
plugin that has the file open goes on writing rows, without an account."""


class LedgerError(HermesError):
    """The ledger cannot be read or written."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One row. Prices are those of the moment of the call, in US dollars per million tokens; they never change."""

    time: float
    """When it began, in seconds since the epoch."""
    session_id: str = ""
    purpose: str = "turn"
    provider: str
    model: str
    credential: str = ""
    """The name of the secret that was used in place of the provider's own, never its value."""
    outcome: str = "ok"
    """`ok`, `cancelled`, or the kind of the error, such as `RateLimited`."""
    counted: bool = True
    """Whether the vendor said how many tokens it were."""
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    input_price: float | None = None
    output_price: float | None = None
    cached_price: float | None = None
    cache_write_price: float | None = None
    price_source: str = ""
    cost: float | None = None
    """US dollars; None where it is not known."""
    first_event: float | None = None
    """Seconds until the answer began; None where nothing came."""
    seconds: float = 0.0
    """Seconds until it ended."""
    account: str = ""
    """The session it counts for: that of the conversation in front, where a session works for another one."""


_FIELDS = Call.__struct_fields__
_INSERT = f"INSERT INTO calls ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))})"


class Ledger:
    """The file. Making one does nothing; it is opened, and made where it is missing, by the first row or question."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        """Why the last row could not be written; empty while all is well."""
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._last: Future[None] | None = None
        self._unwritten: list[Call] = []

    def add(self, call: Call) -> Future[None]:
        """Write a row. The future is done when it is committed; it never fails: see `fault`."""
        self._last = self._submit(lambda: self._write(call))
        return self._last

    def retry(self) -> Future[None]:
        """Try again to write the rows that could not be written. They are tried again by the next row as well."""
        self._last = self._submit(self._write)
        return self._last

    @property
    def pending(self) -> Future[None] | None:
        """The row that is still being written, if there is one."""
        return self._last if self._last is not None and not self._last.done() else None

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Put a question to the ledger, after all rows handed over so far. The future may fail with `LedgerError`."""
        return self._submit(lambda: self._answer(question))

    def close(self) -> None:
        """Write what is handed over, and close the file. May be called twice; the next use opens it again."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.submit(self._disconnect)
            executor.shutdown(wait=True)

    # ------------------------------------------------------------------------------------------- in its own thread

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="hermes-ledger")
        return self._executor.submit(work)

    def _write(self, call: Call | None = None) -> None:
        if call is not None:
            self._unwritten.append(call)
        try:
            while self._unwritten:
                self._connected().execute(_INSERT, msgspec.structs.astuple(self._unwritten[0]))
                del self._unwritten[0]
            self.fault = ""
        except (sqlite3.Error, OSError, LedgerError) as error:
            self.fault = str(error)
            log.warning("%d model calls could not be written into the ledger: %s", len(self._unwritten), error)
            del self._unwritten[:-UNWRITTEN_LIMIT]

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return question(self._connected())
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"The ledger {self.path} cannot be read: {error}.",
                remedy="Move it away to begin a new one; `hermes doctor` says more.",
            ) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self.path.exists():
                _create(self.path)
            connection = sqlite3.connect(self.path, timeout=BUSY_LIMIT, isolation_level=None)
            try:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version > VERSION:
                    raise LedgerError(
                        f"The ledger {self.path} was made by a newer hermes-accounting.", remedy="Upgrade this one."
                    )
                connection.execute("PRAGMA synchronous = NORMAL")
                if version == 1:
                    _upgrade(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a ledger of version 1 up to date; of several processes, the first one does it."""
    try:
        connection.executescript(_FROM_VERSION_1)
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < VERSION:
            raise


def _create(path: Path) -> None:
    """Make an empty ledger under another name and put it in place at once: of two processes, one wins."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connection = sqlite3.connect(temporary)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA + f"PRAGMA user_version = {VERSION};")
        finally:
            connection.close()
        _put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _put_in_place(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links: the moment between looking and moving is then not covered.
        if not path.exists():
            temporary.replace(path)
