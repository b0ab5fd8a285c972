"""Processes killed at any instant lose nothing and repeat nothing in silence; two at once run each instant once."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("crash_program.py")


async def begin(home: Path, instant: str, kind: str = "gateway") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(home),
        instant,
        kind,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def reach(process: asyncio.subprocess.Process, words: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while (line := await process.stdout.readline()).decode().strip() != words:
            assert line, "it ended instead"


async def kill(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.wait()


def effects(home: Path) -> list[str]:
    path = home / "effects"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def sent(home: Path) -> list[str]:
    return (
        [path.read_text(encoding="utf-8") for path in sorted((home / "sent").iterdir())]
        if (home / "sent").exists()
        else []
    )


@pytest.fixture
async def prepared(make: Any) -> Any:
    """A world with one job that was due a second ago."""

    async def prepare(**wish: Any) -> Any:
        world = make()
        world.clock.set(time.time() - 61)
        await world.add("in 1 minute", name="job", deliver=("testing:1",), **wish)
        await world.jobs.aclose()
        return world

    return prepare


@pytest.mark.parametrize(
    ("instant", "policy", "state", "ran"),
    [
        ("model", "report", "interrupted", 1),
        ("model", "retry", "ok", 2),
        ("before-end", "report", "interrupted", 1),
        ("before-end", "retry", "ok", 2),
        ("after-end", "report", "ok", 1),
        ("sent", "report", "ok", 1),
    ],
)
async def test_a_killed_process_loses_no_run_and_repeats_none_in_silence(
    prepared: Any, instant: str, policy: str, state: str, ran: int
):
    world = await prepared(on_interrupt=policy)
    process = await begin(world.home, instant)
    await reach(process, f"at {instant}")
    await kill(process)
    if instant in ("model", "before-end"):
        assert world.states() == ["running"]
    process = await begin(world.home, "none", "run-due")
    assert await asyncio.wait_for(process.wait(), 20) == 0
    (run,) = world.runs()
    assert (run.state, len(effects(world.home))) == (state, ran)
    (message,) = sent(world.home)
    assert ("was interrupted" in message) == (state == "interrupted")
    assert run.delivery[0].state == "sent"
    if policy == "retry":
        assert run.attempt == 2 and "interrupted" in run.notes[0]


async def test_a_run_that_kills_its_process_every_time_is_given_up(prepared: Any):
    world = await prepared(on_interrupt="retry")
    for _ in range(3):
        process = await begin(world.home, "model", "run-due")
        await reach(process, "at model")
        await kill(process)
    process = await begin(world.home, "model", "run-due")
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert world.states() == ["interrupted"] and len(effects(world.home)) == 3


async def test_what_another_process_runs_is_left_to_it(prepared: Any):
    world = await prepared()
    first = await begin(world.home, "model")
    await reach(first, "at model")
    second = await begin(world.home, "none", "run-due")
    assert await asyncio.wait_for(second.wait(), 20) == 0
    assert world.states() == ["running"] and effects(world.home) == ["ran"]
    await kill(first)


async def test_four_processes_at_once_run_each_instant_once(make: Any):
    world = make()
    world.clock.set(time.time() - 61)
    for number in range(12):
        await world.add("in 1 minute", name=f"job {number}")
    await world.jobs.aclose()
    for _ in range(6):
        processes = [await begin(world.home, "none", "run-due") for _ in range(4)]
        for process in processes:
            assert await asyncio.wait_for(process.wait(), 30) == 0
        if world.states() == ["ok"] * 12:
            break
    assert world.states() == ["ok"] * 12
    assert len(effects(world.home)) == 12


async def test_the_status_knows_at_once_that_a_process_is_gone(prepared: Any):
    world = await prepared()
    world.clock.set(time.time())
    process = await begin(world.home, "model")
    await reach(process, "at model")
    status = await world.jobs.status()
    assert (status.will_run, status.by, status.pid) == (True, "gateway", process.pid)
    await kill(process)
    status = await world.jobs.status()
    assert not status.will_run and "hermes gateway start" in status.remedy
