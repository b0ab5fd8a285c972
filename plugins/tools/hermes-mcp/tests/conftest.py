"""Hosts with servers: real processes, real pipes, real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from hermes_mcp.servers import Servers

from hermes_host.messages import ToolCall, ToolResult, assistant_message
from hermes_host.testing import ScriptedProvider, StandInHost, events_of

PROGRAMS = Path(__file__).with_name("programs")


def program(name: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """The entry of a server that is one of the programs here."""
    return {"command": sys.executable, "args": [str(PROGRAMS / f"{name}.py"), *arguments], **more}


class Bench:
    """Opens hosts on one home, and makes calls in conversations of theirs."""

    def __init__(self, home: Path, stack: AsyncExitStack) -> None:
        self.home = home
        self._stack = stack
        self._models: dict[StandInHost, ScriptedProvider] = {}

    async def open(self, **servers: dict[str, Any]) -> StandInHost:
        """A host whose lists are known."""
        self.home.mkdir(exist_ok=True)
        (self.home / "config.yaml").write_text(json.dumps({"mcp_servers": servers}), encoding="utf-8")
        host = await self._stack.enter_async_context(StandInHost(self.home, plugins=["mcp"]))
        self.model(host)
        found = await self.servers(host)
        found.specs()
        await found.first_lists()
        for server in found:
            await server.stop()
        return host

    def model(self, host: StandInHost, *steps: Any) -> ScriptedProvider:
        """The host's scripted model, with these steps to come."""
        if host not in self._models:
            self._models[host] = host.script()
        self._models[host].steps = [*steps]
        self._models[host].requests.clear()
        return self._models[host]

    def model_of(self, host: StandInHost) -> ScriptedProvider:
        """The host's scripted model."""
        return self._models[host]

    async def servers(self, host: StandInHost) -> Servers:
        """The service."""
        servers: Servers = await host.context("mcp").services.get(Servers)
        return servers

    async def call(
        self,
        host: StandInHost,
        tool: str,
        *,
        events: list[Any] | None = None,
        session: Any = None,
        more: dict[str, Any] | None = None,
        more_steps: tuple[Any, ...] = (),
        **arguments: Any,
    ) -> ToolResult:
        """Have a model make one call, and give what it got back."""
        provider = self.model(
            host, assistant_message(ToolCall(id="1", name=tool, arguments=arguments)), *more_steps, "done"
        )
        own = session or await host.start(**(more or {}))
        found = await events_of(own.run("go"))
        if events is not None:
            events += found
        result = provider.requests[-1].messages[-1].parts[0]
        assert isinstance(result, ToolResult)
        if session is None:
            await own.close()
        return result


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(tmp_path / "home", stack)


@pytest.fixture(scope="session")
def make_bench() -> Callable[..., Bench]:
    return Bench


@pytest.fixture(scope="session")
def entry() -> Callable[..., dict[str, Any]]:
    return program


@pytest.fixture
def web_server() -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> str:
            """The address of one of the programs here that listens."""
            command = [sys.executable, str(PROGRAMS / f"{name}.py"), *arguments]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            return f"http://127.0.0.1:{process.stdout.readline().strip()}/mcp"

        yield start


@pytest.fixture
def gone() -> Callable[[int], Any]:
    async def wait(pid: int) -> bool:
        """Whether a process ends within five seconds."""
        return await asyncio.to_thread(_ends, pid)

    return wait


def _ends(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5)[0])
    finally:
        os.close(descriptor)
