"""The file `sessions.db`: made, opened, checked, and its errors in words a person can act on.

Durability. The journal is a write-ahead log and `synchronous` is NORMAL: a record is in the kernel's hands when
`append` returns, so it survives `kill -9` of this process, at the price of one write and no wait for the disk (FULL
would cost one `fsync` for each message, which is milliseconds). A power cut can take the last seconds, never the file's
consistency. The transaction that ends or closes a session runs with FULL and so forces all before it to the disk.

Whoever has the database open holds a shared lock on `sessions.db.lock`; making it, migrating it and repairing it need
the exclusive one. So the file is never exchanged under a process that writes to it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import SessionError
from hermes_sessions.schema import APPLICATION, MIGRATIONS, SCHEMA, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "Database",
    "create_private",
    "exclusive",
    "explain",
    "explained",
    "force",
    "header",
    "make_schema",
    "new_identity",
    "refuse_unusable",
]

BUSY_SECONDS = 10.0
"""How long a write waits for those of other processes, each of which takes well under a millisecond."""

_HEADER = struct.Struct(">60xI4xI28x")
_MAGIC = b"SQLite format 3\x00"


class Database:
    """One connection to `sessions.db`, opened at the first use. Safe to use from several threads, one at a time."""

    def __init__(
        self,
        home: Path,
        *,
        fill: Callable[[sqlite3.Connection], object] | None = None,
        wanted: Callable[[], bool] = lambda: False,
        busy: float = BUSY_SECONDS,
    ) -> None:
        """`fill` puts the first sessions into a new database, and `wanted` says whether there are any to put in."""
        self.path = home / "sessions.db"
        self.lock = threading.RLock()
        self._home = home
        self._fill = fill
        self._wanted = wanted
        self._busy = busy
        self._connection: sqlite3.Connection | None = None
        self._shared = -1

    # ---------------------------------------------------------------------------------------------------- opening

    def reader(self) -> sqlite3.Connection | None:
        """The connection, or None where nothing was ever stored; reading makes no file. Raises `SessionError`."""
        if self._connection is None and not self.path.exists() and not self._wanted():
            return None
        return self.connection()

    def connection(self) -> sqlite3.Connection:
        """The connection; makes the database where there is none. Raises `SessionError`."""
        if self._connection is None:
            with explained(self.path):
                self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            self._shared = _share(self._home)
        except PermissionError:
            if not self.path.exists():
                raise
            refuse_unusable(self.path)
            return _open_unwritable(self.path)
        try:
            self._prepare()
            refuse_unusable(self.path)
            return connect(self.path, self._busy)
        except BaseException:
            descriptor, self._shared = self._shared, -1
            os.close(descriptor)
            raise

    def _prepare(self) -> None:
        while not self.path.exists() or _version(self.path) < VERSION:
            # The shared lock is let go for a moment, so everything is looked at again under the exclusive one.
            if not self.path.exists():
                fcntl.flock(self._shared, fcntl.LOCK_EX)
                if not self.path.exists():
                    self._make()
            else:
                _take_exclusive(self._shared)
                if _version(self.path) < VERSION:
                    migrate(self.path)
            fcntl.flock(self._shared, fcntl.LOCK_SH)

    def _make(self) -> None:
        new = self.path.with_name("sessions.db.new")
        for leftover in (new, new.with_name("sessions.db.new-journal")):
            leftover.unlink(missing_ok=True)
        create_private(new)
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.execute("BEGIN")
            make_schema(connection)
            if self._fill is not None:
                self._fill(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()
        force(new)
        new.replace(self.path)
        force(self._home)

    def close(self) -> None:
        """Let go of the file. May be called twice; what comes after opens it again."""
        with self.lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
            shared, self._shared = self._shared, -1
            if shared >= 0:
                os.close(shared)

    # ----------------------------------------------------------------------------------------------------- writing

    @contextmanager
    def writing(self, *, forced: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it happens, or nothing. `forced` waits until the disk has it. Raises `SessionError`."""
        with self.lock, explained(self.path):
            connection = self.connection()
            if forced:
                connection.execute("PRAGMA synchronous=FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise
            finally:
                if forced:
                    with suppress(sqlite3.Error):
                        connection.execute("PRAGMA synchronous=NORMAL")


def connect(path: Path, busy: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection to a database that is there, with this plugin's settings. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=busy, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # What is deleted is overwritten, so that a deleted conversation cannot be read from the file's free space.
        connection.execute("PRAGMA secure_delete=ON")
    except sqlite3.OperationalError as error:
        connection.close()
        if "readonly" in str(error) or "unable to open" in str(error):
            return _open_unwritable(path)
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _open_unwritable(path: Path) -> sqlite3.Connection:
    """For reading alone, where nothing may be written. A log that others left cannot be read then."""
    log = path.with_name(f"{path.name}-wal")
    mode = "immutable=1" if not log.exists() or not log.stat().st_size else "mode=ro"
    return sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False)


# ------------------------------------------------------------------------------------------------------ exclusivity


def _share(home: Path) -> int:
    private_directory(home)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(home / "sessions.db.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Nobody has the database open meanwhile. Raises `SessionError` where somebody has."""
    descriptor = _share(home)
    try:
        _take_exclusive(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take_exclusive(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SessionError(
            "The database of conversations is in use by another process.",
            remedy="End every other hermes first (in other terminals, gateways, services), then try again.",
        ) from None


# ----------------------------------------------------------------------------------------------------- looking at it


def header(path: Path) -> tuple[int, int] | None:
    """Version and application of a database file, or None for what is none. Reads 100 bytes and changes nothing.

    Both are written before the file gets its name, so they never stand only in the log beside it.
    """
    with path.open("rb") as file:
        first = file.read(100)
    if len(first) < 100 or not first.startswith(_MAGIC):
        return None
    version, application = _HEADER.unpack(first)
    return version, application


def _version(path: Path) -> int:
    """The version where it is one of ours; a huge number, so that nobody migrates it, where it is not."""
    found = header(path)
    return found[0] if found is not None and found[1] == APPLICATION else 1 << 40


def refuse_unusable(path: Path) -> None:
    """Raises `SessionError` for a file that is no database, not ours, or of a newer version; it is not touched."""
    found = header(path)
    if found is None:
        raise SessionError(
            f"The file of conversations is damaged: {path} is not a database.",
            remedy="`hermes sessions repair` brings back the newest good backup.",
        )
    version, application = found
    if application != APPLICATION:
        raise SessionError(
            f"{path} is a database of another program.", remedy="Move it away; a new one is then made in its place."
        )
    if version > VERSION:
        raise SessionError(
            f"{path} was written by a newer version (format {version}; this one knows {VERSION}). It was not touched.",
            remedy="Update with `pip install -U hermes-sessions`.",
        )


def explain(error: Exception, path: Path) -> SessionError:
    """The error of SQLite or of the system in words, with what to do about it."""
    text = str(error)
    if isinstance(error, OSError):
        text = error.strerror or text
    if "locked" in text or "busy" in text:
        return SessionError(
            f"The conversations cannot be written now: another program keeps {path} locked.",
            remedy="Nothing was changed. End that program, then try again.",
        )
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return SessionError(
            f"The file of conversations is damaged: {path}: {text}.",
            remedy="`hermes sessions repair` saves what can be read and brings back the newest good backup.",
        )
    return SessionError(
        f"The conversations in {path} cannot be used: {text}.",
        remedy="Nothing was changed. Check free space and permissions there, then try again.",
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and of the system into `SessionError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error


# ------------------------------------------------------------------------------------------------------- making it


def create_private(path: Path) -> None:
    """An empty file that only its owner can read, from the first moment. Raises `FileExistsError`."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def force(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_schema(connection: sqlite3.Connection) -> None:
    """The tables of this version in an empty database."""
    for statement in SCHEMA:
        connection.execute(statement)
    new_identity(connection)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={VERSION}")


def new_identity(connection: sqlite3.Connection) -> None:
    """Make every index of it out of date."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('identity', ?)", (secrets.token_hex(16),))


def migrate(path: Path) -> None:
    """Bring an older database to this version: on a copy that takes its place only when it is whole.

    The old file stays beside it as `sessions.db.before-N`. The caller holds the exclusive lock. Raises `SessionError`.
    """
    version = _version(path)
    copy, kept = path.with_name("sessions.db.new"), path.with_name(f"sessions.db.before-{VERSION}")
    copy.unlink(missing_ok=True)
    copy.with_name("sessions.db.new-journal").unlink(missing_ok=True)
    create_private(copy)
    old = sqlite3.connect(path, isolation_level=None)
    new = sqlite3.connect(copy, isolation_level=None)
    try:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")
        new.execute("BEGIN")
        for number in range(version, VERSION):
            MIGRATIONS[number](new)
        new.execute(f"PRAGMA user_version={VERSION}")
        new_identity(new)
        (verdict,) = new.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise SessionError(f"{path} could not be brought to this version: {verdict}.", remedy="It was not touched.")
        new.execute("COMMIT")
        # Closes the log into the file, so that the file alone is everything.
        old.execute("PRAGMA journal_mode=DELETE")
    finally:
        new.close()
        old.close()
    force(copy)
    kept.unlink(missing_ok=True)
    os.link(path, kept)
    copy.replace(path)
    force(path.parent)
