"""Searching: a bounded set of candidates from the index, put in order here.

FTS5's own rank looks at every message that holds a word, which takes longer the more often a word occurs. Instead the
newest matches are taken (`_CANDIDATES` of them; the index gives them in order and stops), and ranked by how often and
how near the words stand, by who said them, and by how long ago. What is older and no better is not missed; what is
asked for with rarer words is always among them.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from hermes_host.records import BACKGROUND_SOURCES, SearchHit
from hermes_sessions.database import explain
from hermes_sessions.excerpts import excerpt
from hermes_sessions.index import Index, Unusable, throw_away
from hermes_sessions.lines import decoded
from hermes_sessions.queries import Node, Term, expression, parse, relaxed, terms_of
from hermes_sessions.rows import LAST
from hermes_sessions.spoken import searchable
from hermes_sessions.tokens import is_spaceless

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hermes_sessions.database import Database

__all__ = ["Searcher"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_CANDIDATES = 400
_SCANNED = 20_000
"""Matches that are looked at to find candidates, where some do not count."""

_LARGE = 6_000
"""Bytes of a record above which its words are not counted for the rank."""

_VARIANTS = 48
_BEGINNINGS = 4_000
_READ_THROUGH = 30_000
_LITERAL = 1_000
"""The newest records that are read for a question without a letter in it, such as `=>`."""

_HALF_LIFE = 45.0
"""Days after which the bonus for being recent is half."""

_WEIGHT = {"user": 1.0, "assistant": 0.95, "tool": 0.8}


class _Candidate(NamedTuple):
    number: int
    session: int
    data: bytes
    score: float


class Searcher:
    """Answers searches in one database; opens the index when it is first asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._index: Index | None = None

    def close(self) -> None:
        """Let go of the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def catch_up(self) -> int:
        """Bring the index up to date; gives how many records were looked at. Raises `SessionError`."""
        with self._lock:
            return self._with_index(lambda index: index.catch_up())

    def search(
        self, query: str, *, limit: int, roles: Collection[str], hidden: tuple[str, Collection[str]] | None
    ) -> Sequence[SearchHit]:
        """See `SqliteSessionStore.find_hits`."""
        if limit <= 0 or not query.strip():
            return []
        with self._lock:
            return self._with_index(lambda index: self._answer(index, query, limit, frozenset(roles), hidden))

    def _with_index(self, work: Callable[[Index], T]) -> T:
        """Do it with the index, made anew once where it cannot be used. Raises `SessionError`."""
        try:
            try:
                return work(self._opened())
            except (Unusable, sqlite3.DatabaseError) as error:
                # Busy, full and read-only are no reason to throw anything away.
                if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
                    raise
                log.warning("the index of conversations cannot be used (%s) and is made anew", error)
                self.close()
                throw_away(self._database.path)
                return work(self._opened())
        except (Unusable, sqlite3.Error, OSError) as error:
            raise explain(error, self._database.path) from error

    def _opened(self) -> Index:
        if self._index is not None and not self._index.is_current():
            self.close()
        if self._index is None:
            self._index = Index(self._database)
        return self._index

    def _answer(
        self,
        index: Index,
        query: str,
        limit: int,
        roles: frozenset[str],
        hidden: tuple[str, Collection[str]] | None,
    ) -> Sequence[SearchHit]:
        try:
            index.catch_up()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            # Another process is at it; what it has taken in so far is searched.
        skipped = self._numbers(hidden) if hidden is not None else frozenset()
        node = parse(query)
        if node is None:
            return self._literal(query.strip(), limit, roles, skipped)
        found: dict[int, SearchHit] = {}
        questions = [(node, False), (node, True)]
        if (words := relaxed(query)) is not None and words != node:
            questions.append((words, True))
        for number, (question, loose) in enumerate(questions):
            if len(found) >= limit or (number == 2 and found):
                break
            ranked = self._ranked(index, question, loose, query, roles, skipped)
            for candidate in ranked[: limit + len(found)]:
                if candidate.number not in found and len(found) < limit:
                    hit = self._hit(candidate, list(terms_of(question)))
                    if hit is not None:
                        found[candidate.number] = hit
        return list(found.values())

    def _numbers(self, hidden: tuple[str, Collection[str]]) -> frozenset[int]:
        """The numbers of the records of a session that have these ids."""
        session_id, ids = hidden
        query = "SELECT number, data FROM session_records WHERE session = (SELECT number FROM sessions WHERE id = ?)"
        with self._database.lock:
            rows = self._database.connection().execute(query, (session_id,)).fetchall()
        wanted = set(ids)
        records = ((number, decoded(data)) for number, data in rows)
        return frozenset(number for number, record in records if record is not None and record.id in wanted)

    # ------------------------------------------------------------------------------------------------- candidates

    def _ranked(
        self, index: Index, node: Node, loose: bool, query: str, roles: frozenset[str], skipped: frozenset[int]
    ) -> list[_Candidate]:
        variants = _Variants(index.connection)
        question = "text : " + expression(node, variants.loose if loose else variants.exact)
        if roles:
            question = f"({question}) AND role : ({' OR '.join(sorted(roles))})"
        cursor = index.connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?", (question, _SCANNED)
        )
        numbers: list[int] = []
        for (number,) in cursor:
            if number not in skipped:
                numbers.append(number)
                if len(numbers) >= _CANDIDATES:
                    break
        cursor.close()
        return self._scored(numbers, node, query)

    def _scored(self, numbers: Sequence[int], node: Node, query: str) -> list[_Candidate]:
        if not numbers:
            return []
        marks = ", ".join(map(str, numbers))
        background = ", ".join(f"'{source}'" for source in sorted(BACKGROUND_SOURCES))
        rows = self._read(
            "SELECT r.number, r.session, CASE WHEN length(r.data) <= ? THEN r.data END, length(r.data)"
            f" FROM records r JOIN sessions s ON s.number = r.session WHERE r.number IN ({marks})"
            f" AND s.going = 0 AND s.source NOT IN ({background})",
            (_LARGE,),
        )
        needles = _needles(node)
        whole = _as_json(query.strip().strip('"')).lower()
        folded = [(row, row[2].lower() if row[2] is not None else b"") for row in rows]
        counts = [[low.count(needle) for needle in needles] for _, low in folded]
        rarity = [
            math.log(1 + (len(rows) + 1) / (1 + sum(1 for line in counts if line[place])))
            for place in range(len(needles))
        ]
        average = sum(row[3] for row, _ in folded) / max(1, len(folded)) or 1
        now = time.time()
        found = []
        for (row, low), line in zip(folded, counts, strict=True):
            length = 0.3 + 0.7 * row[3] / average
            score = sum(
                weight * (tf or 0.5) / ((tf or 0.5) + 1.2 * length) for weight, tf in zip(rarity, line, strict=True)
            )
            if whole and whole in low:
                score += 1.0
            when, weight = _time_and_weight(low)
            days = max(0.0, now - when) / 86400 if when else 365.0
            found.append(_Candidate(row[0], row[1], row[2] or b"", weight * score + 0.5 * 0.5 ** (days / _HALF_LIFE)))
        found.sort(key=lambda candidate: (-candidate.score, -candidate.number))
        return found

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[int, int, bytes | None, int]]:
        with self._database.lock:
            return self._database.connection().execute(query, values).fetchall()

    def _hit(self, candidate: _Candidate, terms: Sequence[Term]) -> SearchHit | None:
        query = "SELECT s.id, r.data FROM records r JOIN sessions s ON s.number = r.session WHERE r.number = ?"
        with self._database.lock:
            row = self._database.connection().execute(query, (candidate.number,)).fetchone()
        record = decoded(row[1]) if row is not None else None
        if record is None or record.message is None:
            return None
        return SearchHit(
            session_id=row[0],
            record_id=record.id,
            role=record.message.role,
            excerpt=excerpt(searchable(record.message), terms),
            score=candidate.score,
            time=record.time,
        )

    def _literal(self, query: str, limit: int, roles: frozenset[str], skipped: frozenset[int]) -> Sequence[SearchHit]:
        """Where signs without a letter stand in the newest records."""
        wanted = query.strip('"') or query
        needle = _as_json(wanted)
        hidden = tuple(BACKGROUND_SOURCES)
        rows = self._read(
            "SELECT r.number, r.session, r.data, 0 FROM (SELECT * FROM records ORDER BY number DESC LIMIT ?) r"
            f" JOIN sessions s ON s.number = r.session WHERE length(r.data) <= ? AND s.going = 0"
            f" AND s.source NOT IN ({', '.join('?' * len(hidden))}) ORDER BY r.number DESC",
            (_LITERAL, 4 * _LARGE, *hidden),
        )
        found: list[SearchHit] = []
        for number, session, data, _ in rows:
            if data is None or needle not in data or number in skipped or len(found) >= limit:
                continue
            record = decoded(data)
            if (
                record is None
                or record.message is None
                or record.kind != "message"
                or wanted not in searchable(record.message)
            ):
                continue
            if not roles or record.message.role in roles:
                hit = self._hit(_Candidate(number, session, data, 0.0), [Term((wanted,))])
                found += [hit] if hit is not None else []
        return found


class _Variants:
    """The phrases that stand for a term: itself, and more where nothing or little was found."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exact(self, term: Term) -> Sequence[tuple[str, ...]]:
        """The words themselves; for beginnings, the words that begin so."""
        if not term.prefix:
            return [term.words]
        *first, last = term.words
        return [(*first, word) for word in dict.fromkeys([last, *self._beginning(last, _VARIANTS)])]

    def loose(self, term: Term) -> Sequence[tuple[str, ...]]:
        """Also words that begin with the last one, or hold it; what was quoted stays as it is."""
        if term.quoted or is_spaceless(term.words[-1]):
            return self.exact(term)
        if len(term.words) == 1:
            [word] = term.words
            near = [*self._beginning(word, _VARIANTS), *self._holding(word, _VARIANTS)]
            return [(other,) for other in dict.fromkeys([word, *near])]
        first, *middle, last = term.words
        firsts = dict.fromkeys([first, *self._ending(first)])
        lasts = dict.fromkeys([last, *self._beginning(last, 12)])
        return [(head, *middle, tail) for head in list(firsts)[:6] for tail in lasts]

    def _beginning(self, word: str, most: int) -> list[str]:
        rows = self._connection.execute(
            "SELECT term FROM (SELECT term, number FROM vocabulary WHERE term >= ? AND term < ? LIMIT ?)"
            " ORDER BY number LIMIT ?",
            (word, word + LAST, _BEGINNINGS, most),
        )
        return [term for (term,) in rows]

    def _holding(self, word: str, most: int) -> list[str]:
        if len(word) < 3:
            return []
        rows = self._connection.execute("SELECT term FROM pieces WHERE term LIKE ? LIMIT ?", (f"%{word}%", most))
        return [term for (term,) in rows]

    def _ending(self, word: str) -> list[str]:
        if len(word) >= 3:
            return [other for other in self._holding(word, 200) if other.endswith(word)]
        # Too short for the index of pieces: the words that came first, which are the usual ones, are read through.
        rows = self._connection.execute(
            "SELECT term FROM vocabulary WHERE number <= ? AND term LIKE ? LIMIT 20", (_READ_THROUGH, f"%{word}")
        )
        return [term for (term,) in rows]


def _needles(node: Node) -> list[bytes]:
    words: dict[str, None] = {}
    for term in terms_of(node):
        words.update(dict.fromkeys(term.words))
    return [word.encode("utf-8", "replace") for word in words][:12]


def _as_json(text: str) -> bytes:
    """The text as it stands inside a record."""
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())[1:-1]


def _time_and_weight(data: bytes) -> tuple[float, float]:
    """When a record was written and how much its role counts, without decoding it."""
    at = data.find(b'"time":')
    when = 0.0
    if 0 <= at < 400:
        end = data.find(b",", at)
        try:
            when = float(data[at + 7 : end])
        except ValueError:
            when = 0.0
    role = data.find(b'"role":"')
    name = data[role + 8 : data.find(b'"', role + 8)].decode("ascii", "replace") if role >= 0 else ""
    return when, _WEIGHT.get(name, 0.9)
