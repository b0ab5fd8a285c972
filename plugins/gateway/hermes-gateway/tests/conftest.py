"""A gateway's conversations with a real database, a real host, and a platform behind a socket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hermes_gateway.conversations import Conversations
from hermes_gateway.database import Database
from hermes_gateway.deliveries import Deliveries
from hermes_gateway.settings import Access, GatewaySettings, Settings

from hermes_host.testing import Platform, PlatformAdapter, StandInHost
from hermes_host.testing.platform_plugin import adapter_spec

OWNER = "u1"


class OnlyAdapters:
    """The adapters of a test: one platform, named `testing`."""

    def __init__(self, adapter: Any, spec: Any = None) -> None:
        self.adapter = adapter
        self._spec = spec or adapter_spec()

    def get(self, platform: str) -> Any:
        return self.adapter if platform == "testing" else None

    def spec(self, platform: str) -> Any:
        return self._spec if platform == "testing" else None

    def platforms(self) -> list[str]:
        return ["testing"]


class Running:
    """A gateway at work, from the platform's socket to the model and back."""

    def __init__(self, home: Any, platform: Platform, **options: Any) -> None:
        self.platform = platform
        self.home = home
        self.host = StandInHost(home, **options.pop("host", {}))
        gateway = {
            "access": {"testing": Access(owners=[OWNER])},
            "text_pause": 0.0,
            "media_pause": 0.0,
            "drain_seconds": 0.1,
            **options.pop("gateway", {}),
        }
        self.settings = Settings(gateway=GatewaySettings(**gateway), **options.pop("settings", {}))
        self.database = Database(home)
        self.adapters = OnlyAdapters(PlatformAdapter(platform.port), options.pop("spec", None))
        self.deliveries = Deliveries(self.host, self.database, self.adapters, self.settings)
        self.conversations = Conversations(
            self.host, self.database, self.deliveries, self.adapters, self.settings, **options
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Running:
        ready = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self.deliveries.run(lambda: None)),
            asyncio.create_task(self.conversations.run(ready.set)),
        ]
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            if task.done():
                task.result()
        self._tasks.append(asyncio.create_task(self.adapters.adapter.run(self.conversations.inbox("testing"))))
        await self.platform.until(lambda: self.platform._writers)
        return self

    async def stop(self) -> None:
        for task in reversed(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.adapters.adapter.aclose()
        await self.host.aclose()
        self.database.close()

    def rows(self, query: str, *values: Any) -> list[Any]:
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(query, values)]


@pytest.fixture
async def platform():
    async with Platform() as platform:
        yield platform


@pytest.fixture
async def gateway(tmp_path, platform):
    """Makes gateways; each is stopped at the end. `script` is what the model says."""
    made: list[Running] = []

    async def make(*script: Any, start: bool = True, home: Any = None, **options: Any) -> Running:
        running = Running(home or tmp_path / "home", platform, **options)
        running.model = running.host.script(*script)
        made.append(running)
        return await running.start() if start else running

    yield make
    for running in made:
        await running.stop()
