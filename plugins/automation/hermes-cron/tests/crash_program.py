"""A scheduler in a process of its own, on the machine's clock, which stops at one instant and says so, to be killed.

Usage: crash_program.py HOME INSTANT KIND, the kind being `gateway` or `run-due`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from hermes_cron.jobs import CronJobs
from hermes_cron.protocol import Jobs
from hermes_cron.runs_table import RunsTable
from hermes_cron.scheduler import Scheduler

from hermes_host.protocols import Address
from hermes_host.services import Delivery, Outbox
from hermes_host.testing import StandInHost

HOME, INSTANT, KIND = Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def here() -> None:
    """Say that the instant is reached, and go no further."""
    print(f"at {INSTANT}", flush=True)
    while True:
        sys.stdin.read(1)


def note(what: str) -> None:
    """Write down, so that it outlives this process, that something was done."""
    descriptor = os.open(HOME / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{what}\n".encode())
    os.close(descriptor)


class FileOutbox:
    """An outbox whose messages are files: the same key is the same file."""

    async def resolve(self, target: str) -> Address:
        return Address.parse(target)

    async def send(self, to: Any, text: str, *, media: Any = (), key: str = "", source: str = "") -> list[int]:
        folder = HOME / "sent"
        folder.mkdir(exist_ok=True)
        (folder / key.replace("/", "_")).write_text(text, encoding="utf-8")
        if INSTANT == "sent":
            here()
        return [1]

    async def wait(self, ids: Any, *, timeout: float = 30.0) -> list[Delivery]:
        return [Delivery(id=1, state="sent", address="a:b")]


async def main() -> None:
    host = StandInHost(HOME, plugins=["cron"], overrides={"timezone": "UTC"})
    host.services.provide(Outbox, FileOutbox())
    jobs = CronJobs(host.context("cron"))
    host.services.provide(Jobs, jobs)

    async def answer(request: Any) -> str:
        note("ran")
        if INSTANT == "model":
            here()
        return "Done."

    host.script(*[answer] * 100)
    finish = RunsTable.finish

    def finishing(self: Any, *values: Any, **options: Any) -> bool:
        if INSTANT == "before-end":
            here()
        done = finish(self, *values, **options)
        if INSTANT == "after-end":
            here()
        return done

    RunsTable.finish = finishing  # type: ignore[method-assign]
    scheduler = Scheduler(host.context("cron"), jobs.store, kind=KIND)  # type: ignore[arg-type]
    if KIND == "run-due":
        await scheduler.run_due()
    else:
        await scheduler.run(lambda: print("ready", flush=True))
    await host.aclose()


asyncio.run(main())
