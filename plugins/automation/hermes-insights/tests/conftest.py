"""A home with conversations and a ledger, and the time zone of the test."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hermes_accounting.ledger import Call, Ledger

from hermes_host.cli import entry
from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message, tool_message, user_message
from hermes_host.records import SessionInfo, SessionRecord
from hermes_host.sessions import JsonlSessionStore
from hermes_host.stream import Usage


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put this machine into a time zone."""

    def zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def local() -> Callable[[str], float]:
    """Seconds since the epoch of a local time."""
    return lambda text: datetime.fromisoformat(text).timestamp()


class Conversations:
    """Writes conversations as they would have been."""

    def __init__(self, home: Path) -> None:
        self.store = JsonlSessionStore(home)
        self._number = 0

    def add(
        self,
        when: float,
        *,
        source: str = "cli",
        parent: str = "",
        title: str = "",
        tools: tuple[str, ...] = (),
        turns: int = 1,
        gap: float = 60.0,
        records: list[SessionRecord] | None = None,
    ) -> str:
        """A conversation; gives its id. Each turn has a question, its tool calls, and an answer ten seconds later."""
        self._number += 1
        session_id = f"20260101_000000_{self._number:06x}"
        written = list(records or [])
        for turn in range(turns):
            written += self._turn(session_id, turn, when + turn * gap, tools)
        last = max(record.time for record in written)
        info = SessionInfo(
            id=session_id,
            started=when,
            updated=last,
            source=source,
            parent=parent,
            title=title,
            model="acme:large",
            messages=sum(record.kind == "message" for record in written),
        )
        self.store.restore(info, written)
        return session_id

    def _turn(self, session_id: str, turn: int, when: float, tools: tuple[str, ...]) -> list[SessionRecord]:
        def record(place: int, kind: Any, **values: Any) -> SessionRecord:
            return SessionRecord(kind=kind, id=f"{self._number:04x}{turn:06x}{place:02x}", time=when + place, **values)

        calls = [ToolCall(id=f"c{place}", name=name, arguments={}) for place, name in enumerate(tools)]
        results = [ToolResult(call_id=call.id, name=call.name, content=(Text(text="x"),)) for call in calls]
        written = [record(0, "message", message=user_message("What is this?"))]
        if calls:
            written += [
                record(1, "message", message=assistant_message(*calls)),
                record(2, "message", message=tool_message(*results)),
            ]
        written.append(record(9, "message", message=assistant_message("That.")))
        return [*written, record(10, "turn_finished", outcome="completed", usage=Usage(input=100, output=10))]


@pytest.fixture
def conversations(home: Path) -> Iterator[Conversations]:
    conversations = Conversations(home)
    yield conversations
    conversations.store.close()


@pytest.fixture
def ledger(home: Path) -> Iterator[Callable[..., None]]:
    """Write calls into the ledger of hermes-accounting."""
    folder = home / "plugins" / "accounting"
    folder.mkdir(parents=True, mode=0o700)
    opened = Ledger(folder / "ledger.db")

    def call(when: float, session_id: str = "", **values: Any) -> None:
        settings = {"provider": "acme", "model": "large", "input": 1000, "output": 100, "cost": 0.5, "seconds": 2.0}
        opened.add(Call(time=when, session_id=session_id, **{**settings, **values})).result()

    yield call
    opened.close()


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def hermes(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run one command line in this process, without a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HERMES_HOME", str(home))
    monkeypatch.setenv("HERMES_PLUGINS", "insights,accounting")

    def run(*arguments: str, plugins: str = "") -> Ran:
        if plugins:
            monkeypatch.setenv("HERMES_PLUGINS", plugins)
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        code = entry.run(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run
