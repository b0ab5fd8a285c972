"""Real servers: processes over pipes and over HTTP, with the official SDK's client on the other side."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

PROGRAM = Path(__file__).with_name("programs") / "serve.py"
TOKEN = "a-token-for-tests-0123456789"
ERAS = ("legacy", "2026-07-28")


class Bench:
    """Starts servers on one home. Every client lives in a task of its own, as what it is made of demands."""

    def __init__(self, home: Path, model: str) -> None:
        """`model` is the address of a model server."""
        self.home = home
        self._model = model
        self.errors = home.parent / "errors.txt"
        self._files = ExitStack()
        self._ends: list[tuple[asyncio.Event, asyncio.Task]] = []
        self.configure()

    async def _hold(self, manager):
        entered, end = asyncio.get_running_loop().create_future(), asyncio.Event()

        async def live() -> None:
            try:
                async with manager as value:
                    entered.set_result(value)
                    await end.wait()
            except BaseException as error:
                if entered.done():
                    raise
                entered.set_exception(error)

        self._ends.append((end, asyncio.create_task(live())))
        return await entered

    async def leave(self, most: int = 1_000) -> None:
        """Have clients go, the newest first, and wait until that is done."""
        for _ in range(min(most, len(self._ends))):
            end, task = self._ends.pop()
            end.set()
            await task

    def close(self) -> None:
        """End what listens."""
        self._files.close()

    def configure(self, **sections) -> None:
        self.home.mkdir(exist_ok=True)
        model = {"provider": "custom", "default": "m", "base_url": self._model, "api_key": "sk-for-tests-0123"}
        text = json.dumps({"model": model, **sections})
        (self.home / "config.yaml").write_text(text, encoding="utf-8")

    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HERMES_HOME": str(self.home), "HERMES_MCP_SERVER_TOKEN": TOKEN}

    def command(self, *arguments: str) -> StdioServerParameters:
        return StdioServerParameters(command=sys.executable, args=[str(PROGRAM), *arguments], env=self.environ())

    async def stdio(self, *arguments: str, mode: str = "legacy", **options) -> Client:
        """A client of a server over pipes."""
        errors = self._files.enter_context(self.errors.open("a", encoding="utf-8"))
        transport = stdio_client(self.command(*arguments), errlog=errors)
        return await self._hold(Client(transport, mode=mode, **options))

    def http(self, *arguments: str) -> str:
        """The address of a server that listens."""
        command = [sys.executable, str(PROGRAM), "--http", "--port", "0", *(arguments or ("--toolsets", "fixture"))]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=self.environ(), text=True, encoding="utf-8")
        self._files.enter_context(process)
        self._files.callback(process.terminate)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert " on http" in line, line + process.stderr.read()
        return line.split()[-1]

    async def connect(self, url: str, *, token: str = TOKEN, mode: str = "legacy", **options) -> Client:
        """A client over HTTP."""
        headers = {"Authorization": f"Bearer {token}"}
        web = await self._hold(httpx2.AsyncClient(headers=headers, timeout=30))
        transport = streamable_http_client(url, http_client=web)
        return await self._hold(Client(transport, mode=mode, **options))


@pytest.fixture(scope="session")
def model():
    """The address of a model server for all tests."""
    command = [sys.executable, str(PROGRAM.with_name("model.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture
async def bench(tmp_path, model):
    bench = Bench(tmp_path / "home", model)
    yield bench
    await bench.leave()
    bench.close()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory, model):
    """The address of one server for all tests that need nothing special: every client has calls of its own."""
    bench = Bench(tmp_path_factory.mktemp("shared") / "home", model)
    yield bench.http()
    bench.close()


@pytest.fixture
def join(bench, shared_server):
    """Makes a client of that server."""

    async def connect(**options):
        return await bench.connect(shared_server, **options)

    return connect


@pytest.fixture(params=ERAS)
def era(request):
    """The protocols with a handshake, and the one since."""
    return request.param


class Person:
    """Answers the forms that come, and keeps their texts."""

    def __init__(self, **content) -> None:
        self.content = content
        self.asked: list[str] = []

    async def __call__(self, context, params):
        self.asked.append(params.message)
        if not self.content:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=self.content)


@pytest.fixture(scope="session")
def person():
    return Person


@pytest.fixture(scope="session")
def token():
    return TOKEN


@pytest.fixture(scope="session")
def words():
    def text(result) -> str:
        """The text of a tool's result."""
        return "\n".join(block.text for block in result.content if block.type == "text")

    return text
