"""What conversations in the database cost at 100,000 messages: writing, searching, opening, and room on the disk."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

from bench.measure import Row

MESSAGES = int(os.environ.get("HERMES_BENCH_MESSAGES", "100000"))
PER_SESSION = 200
LENGTHS = (12, 30, 60, 120, 300)
WORDS = 40_000
INSERT = "INSERT INTO records (session, data) VALUES (1, ?)"


def measure(runs: int) -> list[Row]:
    """Everything in one home; `runs` is how often each question is asked."""
    from hermes_sessions.store import SqliteSessionStore

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = SqliteSessionStore(home)
        texts = Texts()
        rows = _writing(store, home, texts)
        started = time.perf_counter()
        store.index()
        seconds = time.perf_counter() - started
        rows += [_searching(store, name, questions, runs) for name, questions in texts.questions().items()]
        store.close()
        size = sum((home / name).stat().st_size for name in ("sessions.db", "sessions-index.db"))
        rows.append(Row("database and index, times the text", size / texts.size, "x", 2.5))
        rows.append(_opening(home, SqliteSessionStore))
        rows.append(Row("the index made anew", seconds, "s", None))
    return rows


class Texts:
    """Messages of words as frequent as those of a language, with paths and codes in some of them."""

    def __init__(self) -> None:
        chance = self.chance = random.Random(1)
        letters = "etaoinshrdlucmfwypvbgkjxq"
        self.words = ["".join(chance.choices(letters, k=max(2, int(chance.gauss(6, 2))))) for _ in range(WORDS)]
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(WORDS)))
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for number in range(MESSAGES):
            words = self.chance.choices(self.words, cum_weights=self._weights, k=self.chance.choice(LENGTHS))
            if number % 997 == 0:
                words.append(f"E-{number} src/part_{number}.py:{number % 400}")
            text = " ".join(words)
            self.size += len(text)
            yield text

    def questions(self) -> dict[str, list[str]]:
        """By kind; those of every kind hold frequent and rare words."""
        word = self.words
        return {
            "rare": ["E-1994", "src/part_2991.py:199", word[30_000], word[20_000]],
            "common": [word[0], word[1], word[9]],
            "several words": [f"{word[0]} {word[2]}", f"{word[5]} {word[3000]}", f"{word[15_000]} {word[16_000]}"],
            "phrase": [f'"{word[0]} {word[1]}"', f'"{word[40]} {word[60]}"', f'"{word[4000]} {word[50]}"'],
            "prefix": ["e*", "th*", f"{word[100][:3]}*", f"{word[9000][:4]}*"],
            "boolean": [
                f"{word[0]} OR {word[1]}",
                f"({word[0]} OR {word[7]}) NOT {word[2]}",
                f"{word[0]} NOT {word[1]}",
            ],
            "part of a word": [word[200][1:], word[20_000][1:], "rt_2991", "nothingofthekind"],
        }


def _writing(store: object, home: Path, texts: Texts) -> list[Row]:
    """Appends, each beside a raw insert of the same bytes with the same durability."""
    from hermes_host.messages import assistant_message, user_message
    from hermes_host.records import SessionRecord
    from hermes_host.sessions.lines import encode_record

    raw = sqlite3.connect(home / "raw.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=NORMAL")
    raw.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, data BLOB NOT NULL)")
    ours, floor, writer = [], [], None
    for number, text in enumerate(texts):
        if number % PER_SESSION == 0:
            if writer is not None:
                writer.close()
            writer = store.create(model="bench:model", directory="/srv/project")  # type: ignore[attr-defined]
        message = user_message(text) if number % 2 == 0 else assistant_message(text)
        record = SessionRecord(kind="message", id=f"{number:012x}", time=time.time(), message=message)
        line = encode_record(record)
        assert writer is not None
        pair = [
            (ours, lambda writer=writer, record=record: writer.append(record)),  # type: ignore[misc]
            (floor, lambda line=line: raw.execute(INSERT, (line,))),  # type: ignore[misc]
        ]
        # By turns: whoever comes first finds the processor's caches full of the making of texts.
        first, second = pair if number % 4 < 2 else reversed(pair)
        first[0].append(_timed(first[1]))
        second[0].append(_timed(second[1]))
    assert writer is not None
    writer.close()
    raw.close()
    return [
        Row(
            f"append, {name}, times a raw insert",
            _at(ours, share) / _at(floor, share),
            "x",
            limit,
            _at(floor, share) * 1e6,
            f"{_at(ours, share) * 1e6:.0f} µs; raw insert",
            "µs",
        )
        for name, share, limit in (("median", 0.5, None), ("p95", 0.95, 2.0))
    ]


def _searching(store: object, name: str, questions: list[str], runs: int) -> Row:
    search = store.search  # type: ignore[attr-defined]
    times = [_timed(lambda question=question: search(question)) for question in questions * max(runs, 20)]  # type: ignore[misc]
    return Row(
        f"search, {name}, p95", _at(times, 0.95) * 1000, "ms", 20.0, notes=[f"median {_at(times, 0.5) * 1000:.1f} ms"]
    )


def _opening(home: Path, make: Callable[[Path], object]) -> Row:
    times = []
    for _ in range(20):
        store = make(home)
        times.append(_timed(lambda store=store: store.list(limit=20)))  # type: ignore[attr-defined, misc]
        store.close()  # type: ignore[attr-defined]
    return Row("opening and listing 20, p95", _at(times, 0.95) * 1000, "ms", 20.0)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _at(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
