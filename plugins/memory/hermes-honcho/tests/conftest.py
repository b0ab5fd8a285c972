"""A Honcho server, a home that is configured for it, and conversations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hermes_honcho.testing import HonchoServer

from hermes_host.context import SessionContext
from hermes_host.messages import assistant_message, user_message
from hermes_host.protocols import Exchange
from hermes_host.testing import StandInHost


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the files or the environment of whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name in ("HONCHO_API_KEY", "HONCHO_BASE_URL", "HONCHO_ENVIRONMENT", "HONCHO_URL", "HONCHO_WORKSPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def server() -> Iterator[HonchoServer]:
    with HonchoServer(key="right") as server:
        yield server


@pytest.fixture
def configure(home: Path, server: HonchoServer) -> Callable[..., None]:
    """Write Honcho's file; names are those of the file's host block."""

    def configure(*, section: str = "", **block: Any) -> None:
        block = {"peerName": "alice", "sessionStrategy": "global", "workspace": "hermes", **block}
        content = {"apiKey": "right", "baseUrl": server.url, "hosts": {"hermes": block}}
        (home / "honcho.json").write_text(json.dumps(content), encoding="utf-8")
        if section:
            (home / "config.yaml").write_text(f"honcho: {section}\n", encoding="utf-8")

    return configure


@pytest.fixture
async def make(home: Path) -> AsyncIterator[Callable[[], StandInHost]]:
    """Make a host with this plugin."""
    made: list[StandInHost] = []

    def make() -> StandInHost:
        host = StandInHost(home, plugins=["honcho"])
        made.append(host)
        return host

    yield make
    for host in made:
        await host.aclose()


@pytest.fixture
async def memory(make: Callable[[], StandInHost], configure: Callable[..., None]) -> Any:
    """The memory of a host; options are those of Honcho's file."""

    async def memory(*, pause: float = 0.01, **options: Any) -> Any:
        from hermes_honcho.access import Access
        from hermes_honcho.memory import HonchoMemory

        configure(**options)
        context = make().context("honcho")
        return HonchoMemory(context, await context.services.get(Access), pause=pause)

    return memory


@pytest.fixture
def turn() -> Callable[..., Exchange]:
    """One turn."""
    numbers = iter(range(1_000_000))

    def turn(said: Any = "Hello", answer: str = "Hi", *, outcome: str = "completed", turn_id: str = "") -> Exchange:
        message = user_message(said) if isinstance(said, str) else said
        return Exchange(
            messages=(message, assistant_message(answer)), outcome=outcome, turn_id=turn_id or f"turn-{next(numbers)}"
        )

    return turn


@pytest.fixture
def conversation(tmp_path: Path) -> Callable[..., SessionContext]:
    """A conversation's context."""

    def conversation(name: str = "s1", *, source: str = "cli", directory: str = "") -> SessionContext:
        return SessionContext(name, source=source, directory=directory or str(tmp_path))

    return conversation


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait until the server has seen to it that something holds."""

    async def until(server: HonchoServer, holds: Callable[[], bool]) -> None:
        def wait() -> None:
            with server.arrived:
                assert server.arrived.wait_for(holds, timeout=10)

        await asyncio.to_thread(wait)

    return until
