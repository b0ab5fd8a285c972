"""What skills are used for: views, uses and how the turns they were used in ended. Public, for other plugins.

One small SQLite file, `plugins/skills/usage.db`, that several processes may write.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Kind", "Total", "Use", "record", "totals", "uses"]

Kind = Literal["view", "slash", "preload", "outcome"]
"""Read by the agent, called by the user, in the prompt from the start, or how it went (`note` then says how)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS uses (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, skill TEXT NOT NULL, kind TEXT NOT NULL,
    session TEXT NOT NULL, note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS uses_by_skill ON uses (skill, time);
"""


class Use(msgspec.Struct, frozen=True):
    """One use. `time` is in seconds since the epoch."""

    time: float
    skill: str
    kind: Kind
    session: str = ""
    note: str = ""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All uses of one skill. `outcomes` counts by what was noted, such as `completed` or `failed`."""

    skill: str
    views: int = 0
    uses: int = 0
    last: float = 0.0
    sessions: int = 0
    outcomes: dict[str, int] = {}


def record(home: Path, skill: str, kind: Kind, *, session: str = "", note: str = "") -> None:
    """Keep one use. Raises `HermesError` when the file cannot be written."""
    with _opened(home) as database, database:
        database.execute(
            "INSERT INTO uses (time, skill, kind, session, note) VALUES (?, ?, ?, ?, ?)",
            (time.time(), skill, kind, session, note[:500]),
        )


def uses(home: Path, skill: str = "", *, since: float = 0.0) -> Sequence[Use]:
    """The uses of a skill, or of all, oldest first."""
    with _opened(home) as database:
        rows = database.execute(
            "SELECT time, skill, kind, session, note FROM uses WHERE (? = '' OR skill = ?) AND time >= ? ORDER BY id",
            (skill, skill, since),
        ).fetchall()
    return [Use(*row) for row in rows]


def totals(home: Path, *, since: float = 0.0) -> dict[str, Total]:
    """The sums by skill."""
    found: dict[str, Total] = {}
    with _opened(home) as database:
        for skill, views, used, last, sessions in database.execute(
            "SELECT skill, sum(kind = 'view'), sum(kind IN ('slash', 'preload')), max(time), count(DISTINCT session)"
            " FROM uses WHERE time >= ? GROUP BY skill",
            (since,),
        ):
            found[skill] = Total(skill=skill, views=views, uses=used, last=last, sessions=sessions)
        for skill, note, number in database.execute(
            "SELECT skill, note, count(*) FROM uses WHERE kind = 'outcome' AND time >= ? GROUP BY skill, note", (since,)
        ):
            total = found[skill]
            found[skill] = msgspec.structs.replace(total, outcomes={**total.outcomes, note: number})
    return found


@contextmanager
def _opened(home: Path) -> Iterator[sqlite3.Connection]:
    file = private_directory(home / "plugins" / "skills") / "usage.db"
    try:
        with closing(sqlite3.connect(file, timeout=5.0)) as database:
            database.executescript(_SCHEMA)
            yield database
    except sqlite3.Error as error:
        raise HermesError(f"The record of used skills, {file}, cannot be used: {error}.") from error
