"""Workspaces, stores beside them, hosts with a scripted model, and `hermes` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_checkpoints.settings import Settings
from hermes_checkpoints.store import Store
from hermes_checkpoints.workspace import store_folder

from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import ScriptedApprover, StandInHost, events_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """`$HERMES_HOME`."""
    return tmp_path / "home"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def make_store(home: Path, work: Path) -> Callable[..., Store]:
    """Another store over the same snapshots, as another process would have."""

    def make(**settings: Any) -> Store:
        state = home / "plugins" / "checkpoints"
        return Store(store_folder(state, work), work, Settings(**settings), home=home)

    return make


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    return make_store()


def tree(folder: Path) -> dict[str, Any]:
    """Everything in a folder but `.git`: contents, targets of links, and whether a file can be run."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ".git" in path.relative_to(folder).parts:
            continue
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = (path.read_bytes(), os.access(path, os.X_OK))
    return found


@pytest.fixture
def look() -> Callable[[Path], dict[str, Any]]:
    return tree


class Talk:
    """A host with this plugin and tools of its own, in a workspace."""

    def __init__(self, host: StandInHost, work: Path) -> None:
        self.host = host
        self.work = work
        self.model = host.script()

    async def start(self, directory: Path | None = None) -> Any:
        approver = ScriptedApprover(*["once"] * 100)
        return await self.host.start(
            toolsets=self.host.tools.names(), directory=str(directory or self.work), approver=approver
        )

    async def turn(self, session: Any, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """One turn with these calls, one step each; gives its events."""
        for place, (name, arguments) in enumerate(calls):
            self.model.steps.append(assistant_message(ToolCall(id=f"c{place}", name=name, arguments=arguments)))
        self.model.steps.append("Done.")
        return await events_of(session.run("Go on."))

    async def slash(self, session: Any, arguments: str = "") -> str:
        from hermes_host.frontends import SlashCall

        command = self.host.slash_commands.get("rollback")
        handler = self.host.target(command, command.spec.target)
        return await handler(SlashCall(name="rollback", arguments=arguments, host=self.host, session=session))


@pytest.fixture
async def make_talk(home: Path, work: Path) -> AsyncIterator[Callable[..., Talk]]:
    made: list[StandInHost] = []

    def make(plugins: tuple[str, ...] = (), backend: str = "local", **overrides: Any) -> Talk:
        settings = {f"checkpoints.{key}": value for key, value in overrides.items()}
        settings["terminal.backend"] = backend
        environ = {"PATH": os.environ["PATH"]}
        host = StandInHost(home, plugins=["checkpoints", *plugins], overrides=settings, environ=environ)
        made.append(host)
        return Talk(host, work)

    yield make
    for host in made:
        await host.aclose()


@pytest.fixture
def run(home: Path, work: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `hermes checkpoints …` in the workspace."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HERMES_HOME": str(home), "HERMES_PLUGINS": "checkpoints"}
        return subprocess.run(
            [sys.executable, "-c", "from hermes_host.cli import main; main()", "checkpoints", *arguments],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )

    return run
