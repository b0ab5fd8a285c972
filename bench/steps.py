"""What one tool step costs: from the end of an answer to the next request, as the server sees it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from bench.measure import Row
from bench.workspace import ROOT, Workspace, serve, workspace

STEPS = 50
TOOLS = {"terminal": '{"command": "true"}', "read_file": '{"path": "notes.txt"}'}
FLOOR = str(ROOT / "bench" / "floors" / "http_steps.py")


def measure(runs: int) -> list[Row]:
    """Fifty steps of one turn, for a tool that runs a command and for one that reads a file."""
    rows = []
    for tool, arguments in TOOLS.items():
        ours, floors, connections = [], [], 0
        for _ in range(max(1, runs // 3)):
            report = _converse(tool, arguments, _hermes)
            connections = max(connections, report["connections"])
            ours.append(report["gaps_ms"])
            floors.append(_converse(tool, arguments, _floor)["gaps_ms"])
        steps, floor = _medians(ours), statistics.median(_medians(floors))
        step = statistics.median(steps)
        first, last = statistics.median(steps[1:11]), statistics.median(steps[-10:])
        rows += [
            Row(f"{tool}: one step, median", step, "ms", 5.0, floor, "plain loop", "ms"),
            Row(f"{tool}: last ten steps / first ten", last / first, "×", 1.5, first, "first ten", "ms"),
            Row(f"{tool}: connections for {STEPS} steps", connections, "", 1.0),
        ]
    return rows


def _converse(tool: str, arguments: str, client: Callable[[Workspace, str], object]) -> dict[str, Any]:
    with workspace() as place, serve("tools", tool, arguments, str(STEPS)) as server:
        (place.folder / "notes.txt").write_text("a line\n" * 100, encoding="utf-8")
        client(place, server.url)
        report = server.report()
    if report["requests"] <= STEPS:
        raise RuntimeError(f"{report['requests']} requests instead of {STEPS + 1}: the tool calls failed")
    # What comes after the last step is no step: a plugin may look back on the conversation.
    report["gaps_ms"] = report["gaps_ms"][:STEPS]
    return report


def _hermes(place: Workspace, url: str) -> None:
    place.use_server(url)
    place.hermes("chat", "-Q", "-q", "go", "--provider", "custom", "--yolo")


def _floor(place: Workspace, url: str) -> None:
    place.python(FLOOR, url)


def _medians(runs: list[list[float]]) -> list[float]:
    return [statistics.median(values) for values in zip(*runs, strict=True)]
