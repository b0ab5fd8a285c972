"""Commands of the local terminal: against a bare shell, confined against unconfined, and the memory of much output."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from hermes_local.backend import LocalBackend
from hermes_local.settings import Mode

from bench.measure import Row
from hermes_host.protocols import Command, Terminal

_MODES: tuple[Mode, ...] = ("off", "workspace", "strict")


def measure(runs: int) -> list[Row]:
    """All rows; `runs` rounds of ten commands each."""
    return asyncio.run(_measure(runs))


async def _measure(runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        backends = {mode: LocalBackend(sandbox=mode) for mode in _MODES}
        first: dict[str, float] = {}
        seen: dict[str, list[float]] = {mode: [] for mode in (*_MODES, "bare")}
        async with (
            backends["off"].open("a", folder) as off,
            backends["workspace"].open("b", folder) as workspace,
            backends["strict"].open("c", folder) as strict,
        ):
            terminals = dict(zip(_MODES, (off, workspace, strict), strict=True))
            for mode, terminal in terminals.items():
                first[mode] = await _timed(terminal)
            for _ in range(runs * 10):
                seen["bare"].append(_bare())
                for mode, terminal in terminals.items():
                    seen[mode].append(await _timed(terminal))
            grown = await _growth(off)
    middle = {name: statistics.median(values) for name, values in seen.items()}
    floor = middle["bare"]

    def row(name: str, value: float, unit: str, limit: float | None) -> Row:
        return Row(name, value, unit, limit, floor, "bash -c true", "ms")

    return [
        row("command / subprocess.run(bash -c)", middle["off"] / floor, "×", 1.5),
        Row(
            "fastest command / fastest",
            min(seen["off"]) / min(seen["bare"]),
            "×",
            None,
            min(seen["bare"]),
            "bare",
            "ms",
        ),
        row("command over subprocess.run(bash -c)", middle["off"] - floor, "ms", 5.0),
        row("workspace over none", middle["workspace"] - middle["off"], "ms", 15.0),
        row("strict over none", middle["strict"] - middle["off"], "ms", 15.0),
        *(row(f"first command, {mode}", first[mode], "ms", None) for mode in _MODES),
        row("memory for 1 GB of output", grown, "MiB", 20.0),
    ]


async def _timed(terminal: Terminal) -> float:
    began = time.perf_counter()
    async with aclosing(terminal.run(Command(script="true"))) as events:  # type: ignore[type-var]
        async for _ in events:
            pass
    return (time.perf_counter() - began) * 1000


def _bare() -> float:
    began = time.perf_counter()
    subprocess.run(["bash", "-c", "true"], capture_output=True, check=True)
    return (time.perf_counter() - began) * 1000


async def _growth(terminal: Terminal) -> float:
    """How much the process grows while a shell takes in 1 GB of output, in MiB."""
    from hermes_host.terminals import Shell

    shell = Shell(terminal)
    await shell.run("true")
    before = peak = _resident()

    def look(_: str) -> None:
        nonlocal peak
        peak = max(peak, _resident())

    result = await shell.run("head -c 1000000000 /dev/zero | tr '\\0' x", on_output=look, timeout=300)
    assert result.total_bytes == 1_000_000_000
    await shell.close()
    return (max(peak, _resident()) - before) / (1 << 20)


def _resident() -> int:
    statistics_of_memory = Path("/proc/self/statm").read_text(encoding="ascii")
    return int(statistics_of_memory.split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    from bench.__main__ import _line

    rows = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
    print(*map(_line, rows), sep="\n")
