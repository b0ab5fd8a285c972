"""What an MCP server's tools cost: a call beside the bare SDK's, and ten configured servers at the start of a session.

The server is one on the official SDK, in a process of its own, over pipes. Its lists are cached, as after a first use.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.measure import Row

CALLS = 200
SERVERS = 10
PROGRAM = """\
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
server = MCPServer("bench")
for number in range(15):
    @server.tool(name=f"tool{number}", annotations=ToolAnnotations(read_only_hint=True))
    def tool(text: str, often: int = 1) -> str:
        '''Say a text as often as asked for, which is what this tool does and all it does.'''
        return text * often
server.run("stdio")
"""

START = """\
import asyncio, os, sys, time
from pathlib import Path
import hermes_host.agent.session, hermes_host.config
from hermes_host.host import Host
async def main():
    started = time.perf_counter()
    async with Host(home=Path(sys.argv[1]), plugins=["mcp", "offline"], environ={"PATH": os.environ["PATH"]}) as host:
        session = await host.start(model="offline:echo")
        session.toolbox.definitions()
        print((time.perf_counter() - started) * 1000, len(session.tools()))
asyncio.run(main())
"""


def measure(runs: int) -> list[Row]:
    """Both, each with its own floor."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        program = Path(folder) / "server.py"
        program.write_text(PROGRAM, encoding="utf-8")
        ours, floor = asyncio.run(_calls(Path(folder), program))
        # Alternating, so that what else the machine does meets both alike.
        pairs = [
            (_start(Path(folder) / "with"), _start(Path(folder) / "without"))
            for _ in range(max(5, runs) + 1)
            if _settle(Path(folder), program)
        ][1:]
    added = statistics.median(with_ - without for with_, without in pairs)
    without = statistics.median(pair[1] for pair in pairs)
    return [
        Row("MCP tool call", ours / floor, "x", 1.3, floor, "the bare SDK", "ms", [f"here {ours:.2f} ms"]),
        Row(f"{SERVERS} MCP servers at the start of a session", added, "ms", 20.0, without, "without them", "ms"),
    ]


async def _calls(folder: Path, program: Path) -> tuple[float, float]:
    from hermes_mcp.calls import assess, call
    from mcp import Client, StdioServerParameters

    from hermes_host.context import SessionContext, ToolContext
    from hermes_host.host import Host

    _configure(folder / "calls", program, 1)
    parameters = StdioServerParameters(command=sys.executable, args=[str(program)])
    async with Host(home=folder / "calls", plugins=["mcp"], environ=_environ()) as host, Client(parameters) as client:
        await _warm(host)
        context = ToolContext(host.context("mcp"), SessionContext("s"), call_id="1", tool="mcp_server0_tool1")

        async def here() -> None:
            await assess({"text": "hello"}, context)
            await call({"text": "hello"}, context)

        async def bare() -> None:
            await client.call_tool("tool1", {"text": "hello"})

        await client.list_tools()
        ours: list[float] = []
        floor: list[float] = []
        for _ in range(CALLS):
            ours.append(await _timed(here))
            floor.append(await _timed(bare))
    return statistics.median(ours), statistics.median(floor)


def _start(home: Path) -> float:
    """Milliseconds a new process needs from a host to the tools of its first request."""
    command = [sys.executable, "-c", START, str(home)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout.split()
    wanted = SERVERS * 15 if home.name == "with" else 0
    assert int(output[1]) == wanted, f"{output[1]} tools instead of {wanted}"
    return float(output[0])


def _settle(folder: Path, program: Path) -> bool:
    """Have both homes, the one's lists cached; true when that is done."""
    if not (folder / "with").exists():
        _configure(folder / "without", program, 0)
        _configure(folder / "with", program, SERVERS)
        asyncio.run(_fill(folder / "with"))
    return True


async def _fill(home: Path) -> None:
    from hermes_host.host import Host

    async with Host(home=home, plugins=["mcp"], environ=_environ()) as host:
        await _warm(host)


async def _warm(host: object) -> None:
    from hermes_mcp.servers import Servers

    servers = await host.context("mcp").services.get(Servers)  # type: ignore[attr-defined]
    servers.specs()
    await servers.first_lists()
    servers.specs()


def _configure(home: Path, program: Path, number: int) -> None:
    home.mkdir()
    entries = {f"server{index}": {"command": sys.executable, "args": [str(program)]} for index in range(number)}
    (home / "config.yaml").write_text(json.dumps({"mcp_servers": entries}), encoding="utf-8")


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1000


def _environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}
