"""What one tool step costs: from the end of an answer to the next request, as the server sees it."""

from __future__ import annotations

import statistics

from bench.measure import Row
from bench.workspace import serve, workspace

STEPS = 50
TOOLS = {"terminal": '{"command": "true"}', "read_file": '{"path": "notes.txt"}'}


def measure(runs: int) -> list[Row]:
    """Fifty steps of one turn, for a tool that runs a command and for one that reads a file."""
    rows = []
    for tool, arguments in TOOLS.items():
        gaps: list[list[float]] = []
        connections = 0
        for _ in range(max(1, runs // 3)):
            with workspace() as place, serve("tools", tool, arguments, str(STEPS)) as server:
                (place.folder / "notes.txt").write_text("a line\n" * 100, encoding="utf-8")
                place.use_server(server.url)
                place.hermes("chat", "-Q", "-q", "go", "--provider", "custom", "--yolo")
                report = server.report()
            if report["requests"] != STEPS + 1:
                raise RuntimeError(f"{report['requests']} requests instead of {STEPS + 1}: the tool calls failed")
            gaps.append(report["gaps_ms"])
            connections = max(connections, report["connections"])
        per_step = [statistics.median(values) for values in zip(*gaps, strict=True)]
        first, last = statistics.median(per_step[1:11]), statistics.median(per_step[-10:])
        rows += [
            Row(f"{tool}: one step, median", statistics.median(per_step), "ms", 5.0),
            Row(f"{tool}: last ten steps / first ten", last / first, "×", 1.5, first, "first ten", "ms"),
            Row(f"{tool}: connections for {STEPS} steps", connections, "", 1.0),
        ]
    return rows
