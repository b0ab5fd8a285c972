"""The tables of `sessions.db`, and how older ones become these.

`records.data` is one line of the host's JSON-lines format for each record, byte for byte (see `hermes_host.sessions`),
so that what this version does not know is kept. Numbers of records only ever grow, also after a deletion: the index
relies on it.

What a row of `sessions` says is true up to the record `through`. As long as somebody writes to a session (`lease` is
not empty) there may be records behind that, and readers add them up: to keep the row up to date with each record would
double the cost of one. `going` marks a session whose deletion has begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

__all__ = ["APPLICATION", "MIGRATIONS", "SCHEMA", "VERSION"]

APPLICATION = 0x48534553
"""Stands in the file's header (`PRAGMA application_id`): the letters HSES."""

VERSION = 1
"""Stands in the file's header (`PRAGMA user_version`). A database of a higher one is not touched."""

SCHEMA = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        started REAL NOT NULL,
        updated REAL NOT NULL,
        title TEXT NOT NULL DEFAULT '',
        folded TEXT NOT NULL DEFAULT '',
        source TEXT NOT NULL,
        model TEXT NOT NULL DEFAULT '',
        parent TEXT NOT NULL DEFAULT '',
        directory TEXT NOT NULL DEFAULT '',
        ended TEXT NOT NULL DEFAULT '',
        messages INTEGER NOT NULL DEFAULT 0,
        preview TEXT NOT NULL DEFAULT '',
        usage TEXT NOT NULL DEFAULT '{}',
        lease TEXT NOT NULL DEFAULT '',
        through INTEGER NOT NULL DEFAULT 0,
        going INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE UNIQUE INDEX sessions_by_title ON sessions (folded) WHERE folded != ''",
    "CREATE INDEX sessions_by_parent ON sessions (parent) WHERE parent != ''",
    "CREATE INDEX sessions_by_time ON sessions (updated)",
    """
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        data BLOB NOT NULL
    )
    """,
    # Where the records of a session lie: it has the numbers from `start` to the start of the next run. Records of one
    # session mostly follow each other, so that this costs next to nothing; an index over all of them would be a second
    # page to write with every record.
    "CREATE TABLE runs (start INTEGER PRIMARY KEY, session INTEGER NOT NULL)",
    "CREATE INDEX runs_by_session ON runs (session, start)",
    """
    CREATE TRIGGER runs_begin AFTER INSERT ON records
    WHEN NEW.session IS NOT (SELECT session FROM records WHERE number = NEW.number - 1)
    BEGIN INSERT INTO runs VALUES (NEW.number, NEW.session); END
    """,
    """
    CREATE VIEW session_records AS SELECT runs.session, records.number, records.data FROM runs CROSS JOIN records
    WHERE records.number >= runs.start AND records.session = runs.session AND records.number <
        coalesce((SELECT min(later.start) FROM runs AS later WHERE later.start > runs.start), 9223372036854775807)
    """,
)

MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {}
"""By the version they begin with: each makes the next one of it. They work on a copy, inside a transaction."""
