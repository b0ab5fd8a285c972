"""What it costs to start: time, and modules imported per command."""

from __future__ import annotations

import re
from pathlib import Path

from bench.measure import HERMES, Row, difference, median, ratio, rounds
from bench.workspace import Workspace, workspace

FURTHER_PLUGINS = 50
SDKS = {"openai", "anthropic", "httpx2", "mcp", "aiohttp", "pydantic", "requests"}


def measure(runs: int) -> list[Row]:
    """Start-up of `--version` and `--help`, and the latter with many more plugins."""
    with workspace() as place:
        crowd = str(make_plugins(place.folder / "crowd", FURTHER_PLUGINS))
        *commands, short, crowded = rounds(
            runs,
            lambda: place.python("-c", "pass"),
            lambda: place.hermes("--version"),
            lambda: place.hermes("--help"),
            lambda: place.hermes("--help", PYTHONPATH=crowd),
        )
        floor, version = (median(costs) for costs in commands)
        return [
            ratio("--version", version.wall, floor.wall, "python -c pass", "ms", 4.0),
            Row("--version", version.wall, "ms"),
            Row("--help with all plugins", median(short).wall, "ms", 150.0, floor.wall, "python -c pass", "ms"),
            Row(
                f"{FURTHER_PLUGINS} more plugins add",
                difference(crowded, short),
                "ms",
                30.0,
                floor.wall,
                "python -c pass",
                "ms",
            ),
            Row(
                f"{FURTHER_PLUGINS} more plugins add in memory",
                memory(place, PYTHONPATH=crowd) - memory(place),
                "MiB",
                5.0,
                memory(place),
                "--help",
                "MiB",
            ),
            *(modules(place, *arguments) for arguments in (["--version"], ["--help"], ["plugins", "list"])),
        ]


def memory(place: Workspace, **environ: str) -> float:
    """The peak resident memory of `--help` in MiB, as the process itself sees it: what the parent is told begins with
    the memory of whoever started it."""
    cost = place.python("-c", MEMORY, **environ)
    return int(cost.errors.decode().split()[-1]) / 1024


def modules(place: Workspace, *arguments: str) -> Row:
    """How many modules a command imports, and which SDKs are among them."""
    names = imported(place, *arguments)
    row = Row(f"modules: hermes {' '.join(arguments)}", len(names), "", None)
    row.notes += sorted(SDKS & {name.partition(".")[0] for name in names})
    return row


def imported(place: Workspace, *arguments: str, **environ: str) -> set[str]:
    """The names of the modules a command imports."""
    cost = place.python("-X", "importtime", *HERMES[1:], *arguments, **environ)
    lines = cost.errors.decode(errors="replace").splitlines()
    return {found.group(1) for line in lines if (found := re.match(r"import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", line))}


def make_plugins(folder: Path, count: int) -> Path:
    """Install `count` light plugins by hand: what a wheel leaves in site-packages."""
    for number in range(count):
        package = f"hermes_crowd{number:02}"
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text('"""One of many."""\n', encoding="utf-8")
        (folder / package / "plugin.py").write_text(PLUGIN.format(number=number, package=package), encoding="utf-8")
        metadata = folder / f"{package}-0.1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: hermes-crowd{number:02}\nVersion: 0.1.0\n", encoding="utf-8"
        )
        (metadata / "entry_points.txt").write_text(
            f"[hermes.v1]\ncrowd{number:02} = {package}.plugin\n", encoding="utf-8"
        )
    return folder


MEMORY = """
import re, sys
from hermes_host.cli.entry import run

run(["--help"])
with open("/proc/self/status", encoding="utf-8") as status:
    sys.stderr.write(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1] + "\\n")
"""

PLUGIN = '''\
"""One of many."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo, ToolSpec


@hookimpl
def hermes_plugin_info():
    return PluginInfo(summary="One of many")


@hookimpl
def hermes_tools():
    yield ToolSpec(
        name="crowd{number:02}",
        summary="One of many.",
        parameters={{"type": "object", "properties": {{}}}},
        target="{package}.tool:run",
        effects=frozenset({{"read"}}),
    )


@hookimpl
def hermes_commands():
    yield CommandSpec(name="crowd{number:02}", summary="One of many.", target="{package}.command:run")
'''
