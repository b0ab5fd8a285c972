"""What isolation costs: a call, the first call, an event of a stream, and a start without isolated plugins.

From the repository's root: `python -m bench` where it is registered, else
`PYTHONPATH=. python plugins/tools/hermes-isolated/bench/isolated.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.measure import Row

CALLS = 500
EVENTS = 5_000
SOURCES = str(Path(__file__).resolve().parents[4])
PLUGIN = """\
from hermes_host import hookimpl
from hermes_host.specs import ProviderSpec, ToolSpec

@hookimpl
def hermes_tools():
    yield ToolSpec(name="{prefix}_echo", summary="x", parameters={{"type": "object"}}, target="speedy_parts:echo",
                   effects=frozenset({{"read"}}))

@hookimpl
def hermes_providers():
    yield ProviderSpec(name="{prefix}", summary="x", target="speedy_parts:connect")
"""
PARTS = """\
from hermes_host.messages import Text, assistant_message
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, Usage

async def echo(arguments, call):
    return arguments["text"]

def connect(context, spec):
    return Provider()

class Provider:
    async def stream(self, request):
        yield PartStarted(0, "text")
        for _ in range(int(request.model)):
            yield PartDelta(0, "word ")
        text = "word " * int(request.model)
        yield PartEnded(0, Text(text=text))
        yield MessageEnded(assistant_message(text), "end", Usage())
"""
START = """\
import os, sys, time
from hermes_host.host import Host
import hermes_isolated.plugin as plugin
started = time.perf_counter()
for _ in range(100):
    plugin.hermes_plugin_info(); list(plugin.hermes_providers()); list(plugin.hermes_tool_sources())
print((time.perf_counter() - started) * 10)
"""


def measure(runs: int) -> list[Row]:
    """All of it; the floor is the same code in the host's own process."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        os.environ["HERMES_HOME"] = str(Path(folder) / "home")
        return [*asyncio.run(_calls(Path(folder))), _start(runs)]


async def _calls(folder: Path) -> list[Row]:
    from hermes_host.host import Host
    from hermes_host.protocols import ModelRequest
    from hermes_host.stream import fold

    _install(folder)
    sys.path.append(str(folder))
    own = ModuleType("speedy_here")
    exec(PLUGIN.format(prefix="here"), own.__dict__)
    environ = {"PATH": os.environ["PATH"], "HERMES_HOME": str(folder / "home")}
    async with Host(home=folder / "home", plugins=["isolated"], environ=environ) as host:
        host.add_plugin("here", own)
        await host.refresh_tools()
        here, there = _caller(host, "here_echo"), _caller(host, "there_echo")
        first = await _timed(there)
        ours, floor = [], []
        for _ in range(CALLS):
            ours.append(await _timed(there))
            floor.append(await _timed(here))
        streams = []
        for name in ("here", "there"):
            provider = await host.part(host.providers.get(name))
            request = ModelRequest(model=str(EVENTS), messages=())
            await fold(provider.stream(request))
            streams.append(await _streamed(provider, request))
    call, own_call = statistics.median(ours), statistics.median(floor)
    note = f"{call / own_call:.0f} times; 99 of 100 below {sorted(ours)[int(CALLS * 0.99)]:.2f} ms"
    event = (streams[1] - streams[0]) / EVENTS * 1000
    return [
        Row(
            "isolated tool call, more than in-process", call - own_call, "ms", 3.0, own_call, "in-process", "ms", [note]
        ),
        Row("isolated plugin, first call", first, "ms", None, own_call, "in-process", "ms"),
        Row("isolated stream, more per event", event, "µs", 100.0, streams[0] / EVENTS * 1000, "in-process", "µs"),
    ]


async def _streamed(provider: Any, request: Any) -> float:
    from hermes_host.stream import fold

    return statistics.median([await _timed(lambda: fold(provider.stream(request))) for _ in range(5)])


def _caller(host: Any, name: str) -> Any:
    from hermes_host.context import SessionContext, ToolContext

    tool = host.tools.get(name)
    handler = host.target(tool, tool.spec.target)
    context = ToolContext(host.context(tool.plugin), SessionContext("s"), call_id="1", tool=name)
    return lambda: handler({"text": "hello"}, context)


async def _timed(work: Any) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1000


def _start(runs: int) -> Row:
    environ = {**os.environ, "HERMES_HOME": "/nonexistent"}
    command = [sys.executable, "-c", START]
    found = [
        float(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)
        for _ in range(max(3, runs // 3))
    ]
    return Row("start without isolated plugins, all hooks", statistics.median(found), "ms", 0.5)


def _install(folder: Path) -> None:
    environment, home = folder / "environment", folder / "home"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    root = next(environment.glob("lib/python*/site-packages"))
    (root / "sources.pth").write_text(f"{sysconfig.get_path('purelib')}\n{SOURCES}\n", encoding="utf-8")
    (root / "speedy_plugin.py").write_text(PLUGIN.format(prefix="there"), encoding="utf-8")
    for place in (root, folder):
        (place / "speedy_parts.py").write_text(PARTS, encoding="utf-8")
    info = root / "hermes_speedy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hermes-speedy\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[hermes.v1]\nspeedy = speedy_plugin\n", encoding="utf-8")
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text(json.dumps({"isolated": {"read": [SOURCES]}}), encoding="utf-8")
    schema = {"type": "object"}
    entry = {
        "distribution": "hermes-speedy",
        "version": "1.0",
        "requirement": "hermes-speedy",
        "source": "wheel",
        "module": "speedy_plugin",
        "isolated": True,
        "environment": str(environment),
        "root": str(root),
        "description": {
            "tools": [{"name": "there_echo", "summary": "x", "parameters": schema, "effects": ["read"]}],
            "providers": [{"name": "there", "summary": "x"}],
        },
    }
    lock = home / "plugins.lock"
    lock.write_text(json.dumps({"version": 1, "plugins": {"speedy": entry}}), encoding="utf-8")
    lock.chmod(0o600)


if __name__ == "__main__":
    for row in measure(9):
        print(f"{row.name:<44} {row.value:8.3f} {row.unit}  {row.met}  {row.floor_name} {row.floor} {row.notes}")
