"""A host with the plugin, a real local terminal in two shapes, and a few tools to call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hermes_local.backend import LocalBackend, LocalTerminal

from hermes_host.agent.session import Session
from hermes_host.events import Event, ToolFinished
from hermes_host.messages import Text, ToolCall, assistant_message
from hermes_host.protocols import Command, Exited, Output
from hermes_host.specs import TerminalSpec
from hermes_host.testing import ScriptedApprover, StandInHost, events_of


class Plain:
    """The local backend as a remote one looks: only bytes, cut anywhere, and no files of this machine."""

    def __init__(self, backend: LocalBackend) -> None:
        self._backend = backend
        self.ran: list[Command] = []

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[Any]:
        async with self._backend.open(key, directory) as terminal:
            yield PlainTerminal(terminal, self.ran)

    async def reap(self) -> Sequence[str]:
        return ()


class PlainTerminal:
    def __init__(self, terminal: LocalTerminal, ran: list[Command]) -> None:
        self._terminal = terminal
        self._ran = ran

    def __getattr__(self, name: str) -> Any:
        if name in ("read", "write", "stat", "list", "remove"):
            raise AssertionError(f"{name!r}: the files of this machine are not the backend's")
        return getattr(self._terminal, name)

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        self._ran.append(command)
        async with aclosing(self._terminal.run(command)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Output):
                    for start in range(0, len(event.data), 1013):
                        yield Output(event.data[start : start + 1013], event.stream)
                else:
                    yield event


class Bench:
    """One conversation whose model runs one script."""

    def __init__(self, host: StandInHost, work: Path) -> None:
        self.host = host
        self.work = work
        self.approver: ScriptedApprover | None = None
        self.events: list[Event] = []
        self.session: Session | None = None

    async def begin(self, code: str, *, toolsets: Sequence[str] | None = None, **arguments: Any) -> Session:
        call = ToolCall(id="c", name="execute_code", arguments={"code": code, **arguments})
        self.host.script(assistant_message(call), "done")
        self.session = await self.host.start(
            directory=str(self.work), yolo=self.approver is None, approver=self.approver, toolsets=toolsets
        )
        return self.session

    async def run(self, code: str, **options: Any) -> dict[str, Any]:
        session = await self.begin(code, **options)
        self.events = await events_of(session.run("go"))
        text = self.result("execute_code")
        return json.loads(text) if text.startswith("{") else {"refused": text}

    def result(self, tool: str) -> str:
        (found,) = [event.result for event in self.events if isinstance(event, ToolFinished) and event.name == tool]
        return "".join(part.text for part in found.content if isinstance(part, Text))


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "ACME_API_KEY": "canary-of-the-environment",
        "LC_AUTH_TOKEN": "canary-with-a-prefix",
    }


@pytest.fixture
def backend(environ: dict[str, str]) -> LocalBackend:
    return LocalBackend(environ=environ)


@pytest.fixture(params=["local", "plain"])
def terminal(request: pytest.FixtureRequest, backend: LocalBackend) -> tuple[TerminalSpec, Any]:
    """The backend the scripts run on: this machine, and the same behind a wall."""
    if request.param == "local":
        features, part = frozenset({"files", "pty", "background", "network", "local"}), backend
    else:
        features, part = frozenset({"background", "network"}), Plain(backend)
    spec = TerminalSpec(
        name=request.param, summary="A terminal.", target="hermes_local.backend:connect", features=features
    )
    return spec, part


@pytest.fixture
async def bench(tmp_path: Path, settings: dict[str, Any], terminal: tuple[TerminalSpec, Any]) -> AsyncIterator[Bench]:
    for name in ("home", "work", "tmp"):
        (tmp_path / name).mkdir()
    spec, part = terminal
    section = {"tools": ["look", "act", "slow", "terminal", "fail", "both", "secret"], **settings}
    overrides = {"terminal": {"backend": spec.name}, "code_execution": section}
    async with StandInHost(tmp_path / "home", plugins=["code", "terminal"], overrides=overrides) as host:
        host.use_part("terminals", spec, part)
        add_tools(host)
        yield Bench(host, tmp_path / "work")


def add_tools(host: StandInHost) -> None:
    waiting: list[asyncio.Event] = []

    @host.tool(effects=("read",), toolset="looking")
    async def look(at: str = "", times: int = 1) -> str:
        """Look."""
        return json.dumps({"seen": at, "times": times})

    @host.tool(effects=("write",), toolset="doing")
    async def act(what: str) -> str:
        """Act."""
        return f"did {what}"

    @host.tool(effects=("read",), toolset="looking")
    async def fail(why: str = "no") -> str:
        """Fail."""
        raise ValueError(why)

    @host.tool(effects=("read",), toolset="looking", parallel=True)
    async def both(number: int) -> str:
        """Answer when two have asked."""
        waiting.append(asyncio.Event())
        if len(waiting) >= 2:
            for event in waiting:
                event.set()
        await waiting[-1].wait()
        return str(number)

    @host.tool(effects=("read",), toolset="looking")
    async def unlisted() -> str:
        """Not in the settings."""
        return "never"


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Wait for something that another process does."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110, other processes set no event
                await asyncio.sleep(0.01)

    return wait
