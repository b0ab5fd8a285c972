"""The gateway: taking updates in, answering many conversations, its memory, and commands while turns hang."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.measure import Row
from bench.workspace import ROOT

PROGRAMS = ROOT / "plugins" / "gateway" / "hermes-gateway" / "bench"
MIB = 2**20


def measure(runs: int) -> list[Row]:
    """Each program once: these are thousands of runs already. The small sizes of a quick look where `runs` is 1."""
    quick = runs == 1
    taken = _run("admissions.py")
    offered = _run("offered.py", *(("--conversations", "100", "--seconds", "5") if quick else ()))
    kept = _run("memory.py", *(("--conversations", "100", "--turns", "300") if quick else ()))
    hanging = _run("hanging.py")
    return [
        Row(
            "gateway: an update taken in, on disk",
            1e6 / taken["per_second"],
            "µs",
            500.0,
            1e6 / taken["one_by_one_per_second"],
            "a commit for each",
            "µs",
        ),
        Row(
            f"gateway: {offered['answered_per_second']:.0f} turns/s, p95 of the answers",
            offered["p95_ms"],
            "ms",
            50.0,
            notes=[f"{offered['conversations']} conversations, {offered['offered_per_second']:.0f}/s offered"],
        ),
        Row("gateway: a turn, processor time", offered["cpu_ms_per_turn"], "ms"),
        Row("gateway: idle, memory", kept["idle"] / MIB, "MiB", 80.0),
        Row(f"gateway: memory after {kept['turns']:,} turns / before", kept["growth"], "×", 1.1),
        Row("gateway: memory of a conversation put aside", kept["each_conversation"] / 1024, "KiB", 60.0),
        Row(f"gateway: /status while {hanging['turns']} turns hang", hanging["status"] * 1000, "ms", 1000.0),
        Row(f"gateway: /stop while {hanging['turns']} turns hang", hanging["stop"] * 1000, "ms", 1000.0),
    ]


def _run(program: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{program} gave {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
