"""Reading what can still be read out of a damaged database."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hermes_host.records import SessionInfo
from hermes_sessions.lines import decoded
from hermes_sessions.rows import COLUMNS, exists, info_of, remove, restore_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermes_sessions.backups import Repair

__all__ = ["salvage"]

_CHUNK = 256
_SPARE = 100_000
"""Numbers behind the last one known that are tried, where the file does not say how many there are."""


def salvage(path: Path, target: sqlite3.Connection, done: Repair) -> None:
    """Put into `target` what the damaged file at `path` has and `target` lacks."""
    try:
        source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return  # not even its table of contents can be read
    with closing(source):
        target.execute("CREATE TEMP TABLE found (number INTEGER PRIMARY KEY, session INTEGER, data BLOB)")
        lost: set[int] = set()
        for rows in _rows(source, "records", "number, session, data", _last(source, target, "records"), lost):
            target.executemany("INSERT INTO temp.found VALUES (?, ?, ?)", rows)
        infos = {}
        for rows in _rows(source, "sessions", f"{COLUMNS}, going", _last(source, target, "sessions"), set()):
            infos.update({row[0]: info_of(row[:-1]) for row in rows if not row[-1]})
        target.execute("CREATE INDEX temp.found_by_session ON found (session)")
        for (number,) in target.execute("SELECT DISTINCT session FROM temp.found WHERE session != 0").fetchall():
            _merge(target, number, infos.pop(number, None), done)
        for number, info in infos.items():
            _merge(target, number, info, done)
        done.lost = len(lost)
        target.execute("DROP TABLE temp.found")


def _merge(target: sqlite3.Connection, number: int, info: SessionInfo | None, done: Repair) -> None:
    query = "SELECT data FROM temp.found WHERE session = ? ORDER BY number"
    lines = [data for (data,) in target.execute(query, (number,)) if decoded(data) is not None]
    if info is None:
        if not lines:
            return
        info = _made_up(number, lines[0])
    if exists(target, info.id):
        (present,) = target.execute(
            "SELECT count(*) FROM session_records WHERE session = (SELECT number FROM sessions WHERE id = ?)",
            (info.id,),
        ).fetchone()
        if len(lines) <= present:
            return
        remove(target, target.execute("SELECT number FROM sessions WHERE id = ?", (info.id,)).fetchone()[0])
        done.from_backup -= 1
    restore_lines(target, info, lines)
    done.saved += 1


def _made_up(number: int, line: bytes) -> SessionInfo:
    """For records whose session's row cannot be read."""
    record = decoded(line)
    when = record.time if record is not None else 0.0
    name = f"{time.strftime('%Y%m%d_%H%M%S', time.localtime(when))}_{number & 0xFFFFFF:06x}"
    return SessionInfo(id=name, started=when, updated=when, title="Recovered")


def _last(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    try:
        return int(source.execute(f"SELECT coalesce(max(number), 0) FROM {table}").fetchone()[0])
    except sqlite3.Error:
        return int(target.execute(f"SELECT coalesce(max(number), 0) FROM {table}").fetchone()[0]) + _SPARE


def _rows(
    source: sqlite3.Connection, table: str, columns: str, last: int, lost: set[int]
) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in chunks; a chunk that cannot be read is halved until only the unreadable rows are left out."""
    query = f"SELECT {columns} FROM {table} NOT INDEXED WHERE number BETWEEN ? AND ?"
    waiting = [(start, min(start + _CHUNK - 1, last)) for start in range(1, last + 1, _CHUNK)][::-1]
    while waiting:
        first, end = waiting.pop()
        try:
            yield source.execute(query, (first, end)).fetchall()
        except (sqlite3.Error, OverflowError):
            if first == end:
                lost.add(first)
                continue
            middle = (first + end) // 2
            waiting += [(middle + 1, end), (first, middle)]
