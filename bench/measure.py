"""Run a program and say what it cost; rows of the result."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERMES = (sys.executable, str(Path(sys.executable).with_name("hermes")))


@dataclass(frozen=True)
class Cost:
    """What one run of a program cost: wall and processor time in milliseconds, peak resident memory in MiB."""

    wall: float
    cpu: float
    memory: float
    output: bytes = b""
    errors: bytes = b""


@dataclass
class Row:
    """One measured value with its limit. `floor` is what the value is compared with, measured in the same run."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    floor: float | None = None
    floor_name: str = ""
    floor_unit: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool | None:
        return None if self.limit is None else self.value <= self.limit


def run(command: Sequence[str], environ: Mapping[str, str], directory: str) -> Cost:
    """Run it once. Raises `RuntimeError` with its output when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    output = process.stdout.read()
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} gave {process.returncode}:\n{(output + errors).decode()[-2000:]}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Cost(wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, kilobytes / 1024, output, errors)


def rounds(runs: int, *programs: Callable[[], Cost]) -> list[list[Cost]]:
    """The costs of `runs` runs of each program after a warm-up, taken in turns so that all see the same load."""
    for program in programs:
        program()
    costs: list[list[Cost]] = [[] for _ in programs]
    for _ in range(runs):
        for program, seen in zip(programs, costs, strict=True):
            seen.append(program())
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each kind of cost."""
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "memory")))


def medians(runs: int, *programs: Callable[[], Cost]) -> list[Cost]:
    """The median costs of each program."""
    return [median(costs) for costs in rounds(runs, *programs)]


def difference(more: Sequence[Cost], less: Sequence[Cost]) -> float:
    """The median of what one program took longer than the other in the same round, in milliseconds of wall time."""
    return statistics.median(long.wall - short.wall for long, short in zip(more, less, strict=True))


def ratio(name: str, value: float, floor: float, floor_name: str, unit: str, limit: float | None) -> Row:
    """A row that compares `value` with `floor`."""
    return Row(f"{name} / {floor_name}", value / floor, "×", limit, floor, floor_name, unit)
