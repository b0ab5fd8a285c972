"""A host with the plugin, a scripted model and a few tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.context import ToolContext
from hermes_host.protocols import ModelRequest
from hermes_host.testing import ScriptedProvider, StandInHost


class Replying:
    """A provider whose answer depends on the request."""

    def __init__(self, answer: Callable[[ModelRequest], Any]) -> None:
        self._answer = answer
        self.requests: list[ModelRequest] = []

    async def stream(self, request: ModelRequest) -> Any:
        self.requests.append(request)
        async for event in ScriptedProvider([self._answer(request)]).stream(request):
            yield event

    async def models(self) -> Any:
        return []

    async def aclose(self) -> None:
        pass


@pytest.fixture
def replying() -> Callable[..., Replying]:
    return Replying


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
async def host(home: Path, done: list[str]) -> AsyncIterator[StandInHost]:
    async with StandInHost(home, plugins=["delegate"]) as host:

        @host.tool(effects=("read",), toolset="looking")
        async def look(at: str = "") -> str:
            """Look."""
            done.append(f"look {at}".strip())
            return f"seen {at}"

        @host.tool(effects=("write",), toolset="doing")
        async def act(what: str = "") -> str:
            """Act."""
            done.append(f"act {what}".strip())
            return "acted"

        @host.tool(effects=("ask",), toolset="asking")
        async def question(call: ToolContext) -> str:
            """Ask."""
            return str(await call.ask("Why?"))

        @host.tool(effects=("write",), toolset="memory")
        async def memory() -> str:
            """Remember."""
            return "remembered"

        yield host
