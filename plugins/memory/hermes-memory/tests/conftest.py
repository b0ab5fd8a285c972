"""Stores in a home of their own, hosts with a scripted model, and `hermes` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_memory.records import Stamp
from hermes_memory.settings import Settings
from hermes_memory.store import Store

from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import StandInHost, events_of, finished


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def files(home: Path) -> Any:
    """The two files as bytes: `files.memory`, `files.user`; and `files.write(name, data)`."""

    class Files:
        def path(self, name: str) -> Path:
            return home / "memories" / name

        @property
        def memory(self) -> bytes:
            return self.path("MEMORY.md").read_bytes()

        @property
        def user(self) -> bytes:
            return self.path("USER.md").read_bytes()

        def write(self, name: str, data: str | bytes) -> None:
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).write_bytes(data.encode() if isinstance(data, str) else data)

    return Files()


@pytest.fixture
def make_store(home: Path) -> Callable[..., Store]:
    def make(redact: Any = lambda text: text, **settings: Any) -> Store:
        return Store(home, home / "plugins" / "memory", Settings(**settings), redact)

    return make


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    return make_store()


@pytest.fixture
def stamp() -> Callable[..., Stamp]:
    def make(origin: Any = "owner", **more: Any) -> Stamp:
        return Stamp(origin=origin, time=time.time(), session="s1", **more)

    return make


@pytest.fixture
def owner(stamp: Callable[..., Stamp]) -> Stamp:
    return stamp()


class Talk:
    """A host with this plugin, and a model that plays what it is told."""

    def __init__(self, host: StandInHost) -> None:
        self.host = host
        self.model = host.script()

    async def start(self, **options: Any) -> Any:
        return await self.host.start(toolsets=["memory"], **options)

    async def call(self, session: Any, prompt: Any = "Remember this.", **arguments: Any) -> dict[str, Any]:
        """One turn in which the model uses the tool; gives what the tool answered."""
        self.model.steps += [assistant_message(ToolCall(id="c1", name="memory", arguments=arguments)), "Done."]
        events = await events_of(session.run(prompt))
        assert finished(events).outcome == "completed", finished(events).error
        text = next(event.result for event in events if type(event).__name__ == "ToolFinished").content[0].text
        return json.loads(text) if text.startswith("{") else {"success": False, "error": text}


@pytest.fixture
async def make_talk(home: Path) -> AsyncIterator[Callable[..., Talk]]:
    made: list[StandInHost] = []

    def make(environ: dict[str, str] | None = None, **overrides: Any) -> Talk:
        settings = {f"memory.{key}": value for key, value in overrides.items()}
        environment = {"PATH": "/usr/bin:/bin", **(environ or {})}
        host = StandInHost(home, plugins=["memory"], overrides=settings, environ=environment)
        made.append(host)
        return Talk(host)

    yield make
    for host in made:
        await host.aclose()


@pytest.fixture
def talk(make_talk: Callable[..., Talk]) -> Talk:
    return make_talk()


@pytest.fixture
def run(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `hermes memory …`."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HERMES_HOME": str(home),
            "HERMES_PLUGINS": "memory",
            **environ,
        }
        return subprocess.run(
            [sys.executable, "-c", "from hermes_host.cli import main; main()", "memory", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )

    return run
