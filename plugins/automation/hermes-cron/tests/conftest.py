"""A home, a clock that goes when it is told to, a scripted model, and the scheduler at work."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hermes_cron.jobs import CronJobs
from hermes_cron.protocol import Jobs, JobView, JobWish
from hermes_cron.records import Run
from hermes_cron.scheduler import Scheduler

from hermes_host.protocols import Address
from hermes_host.services import Delivery, Outbox
from hermes_host.testing import ScriptedProvider, StandInHost

ZONE = "Europe/Berlin"


def at(text: str, zone: str = ZONE) -> float:
    """Seconds since the epoch of a wall time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOW = at("2026-11-23T08:00:00")
"""A Monday."""


class FastClock:
    """Stands still until it is told to go."""

    def __init__(self, now: float = NOW) -> None:
        self._now = now
        self._moved = asyncio.Event()
        self._waiting = asyncio.Event()

    def now(self) -> float:
        return self._now

    def set(self, moment: float) -> None:
        self._now = moment
        self._moved.set()

    def advance(self, seconds: float) -> None:
        self.set(self._now + seconds)

    async def wait(self, until: float | None, woken: asyncio.Event) -> None:
        self._waiting.set()
        while not woken.is_set() and (until is None or self._now < until):
            self._moved.clear()
            waits = [asyncio.create_task(self._moved.wait()), asyncio.create_task(woken.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if self._moved.is_set():
                break

    async def looked(self) -> None:
        """Until the scheduler has looked once more and waits."""
        self._waiting.clear()
        await asyncio.wait_for(self._waiting.wait(), 10)


class StandInOutbox:
    """Takes messages; `refuse` says what to raise instead, `state` how they fare."""

    def __init__(self) -> None:
        self.sent: dict[str, tuple[str, str]] = {}
        self.keys: list[str] = []
        self.state: Any = "sent"
        self.error = ""
        self.refuse: BaseException | None = None

    async def resolve(self, target: str) -> Address:
        from hermes_host.errors import NotFound

        if "nowhere" in target:
            raise NotFound(f"No chat is called {target!r}.", remedy="Did you mean somewhere?")
        return Address.parse(target) if ":" in target else Address(platform=target, chat="home")

    async def send(self, to: Any, text: str, *, media: Any = (), key: str = "", source: str = "") -> Sequence[int]:
        if self.refuse is not None:
            raise self.refuse
        self.keys.append(key)
        self.sent.setdefault(key, (str(to), text))
        return [1 + list(self.sent).index(key)]

    async def wait(self, ids: Sequence[int], *, timeout: float = 30.0) -> Sequence[Delivery]:
        return [Delivery(id=number, state=self.state, address="a:b", error=self.error) for number in ids]

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.sent.values()]


class World:
    """One host with jobs, and its scheduler."""

    def __init__(self, home: Path, *, plugins: Sequence[str] = (), outbox: bool = True, **settings: Any) -> None:
        overrides = {"timezone": ZONE, **{f"cron.{name}": value for name, value in settings.items() if "." not in name}}
        overrides |= {name: value for name, value in settings.items() if "." in name}
        self.home = home
        self.host = StandInHost(home, plugins=["cron", *plugins], overrides=overrides)
        self.clock = FastClock()
        self.outbox = StandInOutbox()
        if outbox:
            self.host.services.provide(Outbox, self.outbox)
        self.jobs = CronJobs(self.host.context("cron"), self.clock)
        self.host.services.provide(Jobs, self.jobs)
        self.model: ScriptedProvider = self.host.script()
        self._task: asyncio.Task[None] | None = None

    def say(self, *steps: Any) -> None:
        """What the model answers next."""
        self.model.steps += steps

    async def add(self, schedule: str = "every minute", prompt: str = "Do it.", **wish: Any) -> JobView:
        return await self.jobs.create(JobWish(schedule=schedule, prompt=prompt, **wish))

    async def start(self) -> None:
        """Have the scheduler work."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(
            Scheduler(self.host.context("cron"), self.jobs.store, kind="gateway").run(ready.set)
        )
        await asyncio.wait_for(ready.wait(), 10)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def until(self, check: Callable[[], Any]) -> Any:
        """Until `check` holds, looked at whenever the scheduler has looked."""
        async with asyncio.timeout(10):
            while not (found := check()):
                await self.clock.looked()
            return found

    def runs(self, job: str = "") -> list[Run]:
        """All runs, the oldest first."""
        return list(reversed(self.jobs.store.runs.history(job, limit=1000)))

    def states(self, job: str = "") -> list[str]:
        return [run.state for run in self.runs(job)]

    async def ended(self, number: int = 1, job: str = "") -> list[Run]:
        """Until so many runs have ended and what they said is delivered."""

        def check() -> list[Run] | None:
            runs = [run for run in self.runs(job) if run.state not in ("queued", "running")]
            open_ = [item for run in runs for item in run.delivery if item.state in ("pending", "sending")]
            return runs if len(runs) >= number and not open_ else None

        found: list[Run] = await self.until(check)
        return found

    async def close(self) -> None:
        await self.stop()
        await self.jobs.aclose()
        await self.host.aclose()


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., World]]:
    """Makes worlds; each is closed at the end."""
    made: list[World] = []

    def world(**options: Any) -> World:
        made.append(World(options.pop("home", tmp_path / "home"), **options))
        return made[-1]

    yield world
    for each in made:
        await each.close()


@pytest.fixture
async def world(make: Callable[..., World]) -> World:
    return make()


@pytest.fixture
def kit() -> Any:
    """The module's functions, for test modules, which cannot import this one."""
    return sys.modules[__name__]
