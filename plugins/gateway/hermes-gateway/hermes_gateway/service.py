"""The gateway as a process: everything put together, started, watched and brought to an orderly end.

Starting: the right to be the only gateway here comes first, then what was interrupted is recovered, then adapters and
daemons start side by side, each on its own: one that hangs or fails delays no other. Ending, on SIGTERM or SIGINT: no
more is taken in, running turns get time to end, what is in the outbox is sent; a second signal ends it at once. What is
not done by then is on disk and goes on with the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_gateway.conversations import Conversations
from hermes_gateway.database import Database
from hermes_gateway.deliveries import Deliveries
from hermes_gateway.lane import menu
from hermes_gateway.ownership import Ownership, hold_account
from hermes_gateway.parts import WebServer
from hermes_gateway.process import STATE_FILE
from hermes_gateway.server_settings import ServerSettings
from hermes_gateway.settings import Settings
from hermes_gateway.supervision import Health, keep_running
from hermes_host.config.files import write_private
from hermes_host.errors import ConfigError, HermesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_gateway.web import Server
    from hermes_host.host import Host
    from hermes_host.protocols import Adapter, Inbound, Inbox, Place
    from hermes_host.specs import AdapterSpec

__all__ = ["Service"]

log = logging.getLogger(__name__)

_LAG = 1.0
"""Seconds between two looks at how late the event loop is."""


class Service:
    """One gateway. Also the `Adapters` of its parts."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._context = host.context("gateway")
        self._settings = Settings.of(host)
        self._database = Database(host.home)
        self._ownership = Ownership(host.home)
        self._live: dict[str, Adapter] = {}
        self._accounts: dict[tuple[str, str], int] = {}
        self.health: dict[str, Health] = {}
        self.began = time.time()
        self.lag = 0.0
        self.deliveries = Deliveries(host, self._database, self, self._settings)
        self.conversations = Conversations(host, self._database, self.deliveries, self, self._settings)
        self.server: Server | None = None
        self._state = "starting"
        self._stopping = asyncio.Event()

    # ------------------------------------------------------------------------------------------------- adapters

    def get(self, platform: str) -> Adapter | None:
        """The live adapter of a platform."""
        return self._live.get(platform)

    def spec(self, platform: str) -> AdapterSpec | None:
        """The spec of an installed adapter."""
        registry = self._host.registry("adapters")
        return registry.get(platform).spec if platform in registry else None

    def platforms(self) -> Sequence[str]:
        """The configured platforms."""
        return sorted(self._live)

    # ------------------------------------------------------------------------------------------------- the life

    async def run(self, *, ready: Callable[[], None] = lambda: None) -> int:
        """Be the gateway until a signal or `stop()`; gives the exit code. Raises `ConfigError` if one runs already."""
        self._ownership.take()
        try:
            self._write_state()
            self._listen_for_signals()
            await self._work(ready)
            self._state = "stopped"
            return 0
        except BaseException:
            self._state = "failed"
            raise
        finally:
            self._write_state()
            self._database.close()
            self._ownership.release()

    def stop(self) -> None:
        """End in order."""
        self._stopping.set()

    async def _work(self, ready: Callable[[], None]) -> None:
        parts = [self._keep("outbox", "part", self.deliveries.run), self._keep("conversations", "part", self._talk)]
        try:
            await self._start_adapters()
            outside = [*self._adapters(), *await self._daemons(), self._keep_heartbeat()]
            outside += await self._serve()
            self._state = "running"
            self._write_state()
            ready()
            _notify_manager("READY=1")
            await self._stopping.wait()
            self._state = "stopping"
            self._write_state()
            log.info("ending; running turns get time to finish", extra={"shown": True})
            _notify_manager("STOPPING=1")
            await _end(outside)
        finally:
            # Turns end first, so that their answers are in the outbox while it still sends.
            for part in reversed(parts):
                await _end([part], limit=self._settings.gateway.drain_seconds + 10)
            for adapter in self._live.values():
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(adapter.aclose(), 5)

    async def _talk(self, started: Callable[[], None]) -> None:
        await self.conversations.run(started)

    async def _start_adapters(self) -> None:
        for contribution in self._host.registry("adapters"):
            lacking = self._context.lacking(contribution)
            if lacking:
                log.info("the adapter %r is not set up: %s", contribution.name, lacking)
                continue
            try:
                self._live[contribution.name] = await self._host.part(contribution)
            except HermesError as error:
                self.health[contribution.name] = health = Health(contribution.name, "adapter")
                health.become("failed", error.message, error.remedy)

    def _adapters(self) -> list[asyncio.Task[None]]:
        return [self._keep(name, "adapter", self._runs(name, adapter)) for name, adapter in self._live.items()]

    def _runs(self, name: str, adapter: Adapter) -> Callable[[Callable[[], None]], Awaitable[None]]:
        async def run(started: Callable[[], None]) -> None:
            health = self.health[name]

            def greet() -> None:
                self._context.spawn(self._show_commands(name, adapter), name=f"commands of {name}")

            inner = self.conversations.inbox(name)
            await adapter.run(_WatchedInbox(inner, health, self._write_state, self._hold(name), greet))

        return run

    async def _show_commands(self, name: str, adapter: Adapter) -> None:
        """Give a platform its menu; without one, commands are written all the same."""
        spec = self.spec(name)
        if spec is not None and "commands" in spec.features:
            try:
                await adapter.show_commands(menu(self._host))
            except HermesError as error:
                log.warning("%s shows no commands: %s", name, error)

    def _hold(self, platform: str) -> Callable[[str], None]:
        def hold(account: str) -> None:
            if (platform, account) not in self._accounts:
                self._accounts[platform, account] = hold_account(platform, account)

        return hold

    async def _daemons(self) -> list[asyncio.Task[None]]:
        tasks = []
        for contribution in self._host.registry("daemons"):
            lacking = self._context.lacking(contribution)
            if lacking:
                log.info("the daemon %r is not set up: %s", contribution.name, lacking)
                continue
            name = contribution.name
            try:
                part = await self._host.part(contribution)
            except HermesError as error:
                self.health[name] = health = Health(name, "daemon")
                health.become("failed", error.message, error.remedy)
                continue
            tasks.append(self._keep(name, "daemon", part.run))
        return tasks

    async def _serve(self) -> list[asyncio.Task[None]]:
        if not self._context.section(ServerSettings, "server").enabled:
            return []
        from hermes_gateway.monitoring import PREFIXES, routes
        from hermes_gateway.web import Server

        found = await self._context.services.get(WebServer)
        assert isinstance(found, Server), "the gateway offers its own server"
        self.server = found
        for prefix in PREFIXES:
            found.mount(prefix, routes(self))
        return [self._keep("server", "part", found.run)]

    def _keep(self, name: str, kind: Any, run: Callable[[Callable[[], None]], Awaitable[None]]) -> asyncio.Task[None]:
        self.health[name] = health = Health(name, kind)

        def started() -> None:
            health.become("running")
            self._write_state()

        return asyncio.create_task(
            keep_running(health, lambda: run(started), self._write_state), name=f"gateway-{name}"
        )

    def _keep_heartbeat(self) -> asyncio.Task[None]:
        return asyncio.create_task(self._beat(), name="gateway-heartbeat")

    async def _beat(self) -> None:
        """Tell a service manager that the loop still turns, and note how late it is."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LAG)
            self.lag = max(0.0, time.monotonic() - before - _LAG)
            _notify_manager("WATCHDOG=1")

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if self._stopping.is_set():
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.remove_signal_handler(number)
                os.kill(os.getpid(), signal.SIGINT)
            self._stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, stop)

    # -------------------------------------------------------------------------------------------------- telling

    def snapshot(self) -> dict[str, Any]:
        """How everything fares, as JSON values."""
        return {
            "state": self._state,
            "pid": os.getpid(),
            "started": self.began,
            "updated": time.time(),
            "address": self.server.address if self.server else "",
            "loop_lag": round(self.lag, 3),
            "parts": [msgspec.to_builtins(item) for item in self.health.values()],
            **(self.conversations.live() if self._state == "running" else {}),
            **{f"outbox_{state}": number for state, number in self.deliveries.rows.count().items()},
        }

    @property
    def serves_metrics(self) -> bool:
        """Whether `/metrics` is served."""
        return self._context.section(ServerSettings, "server").metrics

    def _write_state(self) -> None:
        # A disk that refuses must not end what still works.
        with contextlib.suppress(ConfigError):
            write_private(self._host.home / STATE_FILE, json.dumps(self.snapshot()))


class _WatchedInbox:
    """The inbox of an adapter, which also tells how the adapter fares."""

    def __init__(
        self,
        inner: Inbox,
        health: Health,
        changed: Callable[[], None],
        hold: Callable[[str], None],
        greet: Callable[[], None],
    ) -> None:
        self._inner, self._health, self._changed, self._hold, self._greet = inner, health, changed, hold, greet

    async def put(self, *updates: Inbound) -> None:
        self._health.heard = time.time()
        await self._inner.put(*updates)

    def connected(self, account: str = "", *, name: str = "") -> None:
        if account:
            self._hold(account)
        self._inner.connected(account, name=name)
        self._greet()
        as_whom = f" as {name or account}" if name or account else ""
        log.info("%s is connected%s", self._health.name, as_whom, extra={"shown": True})
        self._health.become("running", name or account)
        self._health.heard = time.time()
        self._changed()

    def trouble(self, text: str) -> None:
        self._inner.trouble(text)
        self._health.become("waiting", text)
        self._changed()

    def places(self, places: Sequence[Place]) -> None:
        self._inner.places(places)

    def remember(self, name: str, value: str) -> None:
        self._inner.remember(name, value)

    def recall(self, name: str) -> str:
        return self._inner.recall(name)


async def _end(tasks: Sequence[asyncio.Task[None]], limit: float = 10.0) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=limit)
        for task in late:
            log.warning("%s did not end within %g s", task.get_name(), limit)


def _notify_manager(text: str) -> None:
    """Tell systemd, where it is there. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            sender.send(text.encode())
