"""The backend `daytona`: a sandbox for each conversation, stopped while it is idle."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hermes_daytona.sdk import Account, LiveSandbox, load, patiently, translated
from hermes_daytona.settings import Settings, TerminalSettings
from hermes_host.errors import NotFound, ToolError
from hermes_host.terminals.remote import Book, Places, Record, Woken, has_jobs, is_gone, start_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import PluginContext, Services
    from hermes_host.specs import TerminalSpec
    from hermes_host.terminals.remote import RemoteTerminal

__all__ = ["DaytonaBackend", "connect"]

_LARGEST_DISK_GIB = 10


def connect(context: PluginContext, spec: TerminalSpec) -> DaytonaBackend:
    """The target of the spec: connects to nothing yet."""
    settings = context.section(Settings, "daytona")
    terminal = context.section(TerminalSettings, "terminal")
    key = context.secret("DAYTONA_API_KEY")
    return DaytonaBackend(Book(context.state_directory), settings, terminal, key=key, services=context.services)


class DaytonaBackend:
    """Terminals in Daytona sandboxes."""

    def __init__(
        self, book: Book, settings: Settings, terminal: TerminalSettings, *, key: str, services: Services
    ) -> None:
        self._book = book
        self._settings = settings
        self._terminal = terminal
        self._services = services
        self._account = Account(key, settings)
        idle = settings.hibernate_after if settings.hibernate_after is not None else terminal.lifetime_seconds
        self._places = Places(book, self._keeper, idle_after=idle, persistent=terminal.container_persistent)

    def _keeper(self, key: str, name: str) -> StoppingKeeper:
        return StoppingKeeper(self._account, self._book, self._settings, self._terminal, key=key, name=name)

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[RemoteTerminal]:
        """A terminal of the session `key`; nothing is made at Daytona before its first command.

        A `directory` that exists on this machine is taken for one of this machine and gives way to the home.
        """
        try:
            start = start_directory(directory, self._settings.home)
            async with self._places.terminal(key, start, self._settings.home) as terminal:
                yield terminal
        finally:
            if self._places.count == 0:
                await self._account.close()

    async def reap(self) -> Sequence[str]:
        """Stop sandboxes nobody has open and no job runs in, and delete those of conversations that are gone."""
        if not self._account.is_set and not self._book.names():
            return ()  # never used
        said: list[str] = []
        try:
            client = await self._account.client()
            query = load().ListSandboxesQuery(labels={"hermes-home": self._book.home})
            with translated("listing sandboxes"):
                found = [sandbox async for sandbox in client.list(query)]
            for sandbox in found:
                said += await self._reap(sandbox)
            names = {sandbox.name for sandbox in found}
            for name in self._book.names():
                if name not in names and not self._book.is_open(name):
                    self._book.forget(name)
        finally:
            if self._places.count == 0:
                await self._account.close()
        return said

    async def _reap(self, sandbox: Any) -> Sequence[str]:
        name = str(sandbox.name)
        if self._book.is_open(name):
            return ()
        record = self._book.record(name)
        key = sandbox.labels.get("hermes-session") or (record.key if record is not None else "")
        keeper = self._keeper(key, name)
        with self._book.opened(name):
            if await is_gone(self._services, key):
                await keeper.discard(LiveSandbox(sandbox))
                return (f"{name}: deleted with its files; the conversation {key} is gone.",)
            live = LiveSandbox(sandbox)
            if sandbox.state == load().SandboxState.STARTED and not await has_jobs(live):
                await keeper.sleep(live)
                return (f"{name}: stopped; nobody has the conversation {key or '(unknown)'} open.",)
        return ()


class StoppingKeeper:
    """Keeps one session's sandbox at Daytona, started or stopped."""

    def __init__(
        self, account: Account, book: Book, settings: Settings, terminal: TerminalSettings, *, key: str, name: str
    ) -> None:
        self._account = account
        self._book = book
        self._settings = settings
        self._terminal = terminal
        self._key = key
        self._name = name

    async def wake(self) -> Woken[LiveSandbox]:
        """The sandbox of the session's name, started where it is not; else a new one."""
        sandbox = await self._find()
        if sandbox is not None:
            return await self._started(sandbox)
        notice = ""
        if self._book.record(self._name) is not None:
            notice = "The sandbox of this conversation is gone at Daytona, with its files. This runs in a new one."
        live = await self._create()
        self._book.write(self._name, Record(key=self._key))
        return Woken(live, "new", notice)

    async def _find(self) -> Any:
        client = await self._account.client()
        states = load().SandboxState
        try:
            with translated("looking for the sandbox"):
                sandbox = await patiently(lambda: client.get(self._name))
        except NotFound:
            return None
        return None if sandbox.state in (states.DESTROYED, states.DESTROYING) else sandbox

    async def _started(self, sandbox: Any) -> Woken[LiveSandbox]:
        states = load().SandboxState
        limit = self._settings.start_timeout
        with translated("starting the sandbox"):
            if sandbox.state == states.STARTED:
                return Woken(LiveSandbox(sandbox), "found")
            if sandbox.state in (states.ERROR, states.BUILD_FAILED):
                if not sandbox.recoverable:
                    reason = sandbox.error_reason or "no reason given"
                    raise ToolError(
                        f"Daytona says that the sandbox {self._name} failed: {reason}.",
                        remedy="Delete it in Daytona's dashboard (its files with it), or start a new conversation.",
                    )
                await sandbox.recover(timeout=limit)
            elif sandbox.state in (states.STOPPED, states.ARCHIVED, states.PAUSED):
                await patiently(lambda: sandbox.start(timeout=limit))
            elif sandbox.state in (states.STOPPING, states.PAUSING, states.ARCHIVING):
                await sandbox.wait_for_sandbox_stop(timeout=limit)
                await patiently(lambda: sandbox.start(timeout=limit))
            else:
                await sandbox.wait_for_sandbox_start(timeout=limit)
        return Woken(LiveSandbox(sandbox), "started")

    async def _create(self) -> LiveSandbox:
        sdk = load()
        client = await self._account.client()
        settings = self._settings
        common = {
            "name": self._name,
            "labels": self._book.labels(self._key),
            "os_user": settings.user or None,
            "target": settings.target or None,
            "auto_stop_interval": settings.auto_stop_minutes,
            "auto_delete_interval": -1,
            "network_block_all": settings.block_network or None,
        }
        if settings.snapshot:
            parameters = sdk.CreateSandboxFromSnapshotParams(snapshot=settings.snapshot, **common)
        else:
            parameters = sdk.CreateSandboxFromImageParams(
                image=self._terminal.daytona_image, resources=self._resources(), **common
            )
        with translated("starting a sandbox"):
            try:
                sandbox = await patiently(lambda: client.create(parameters, timeout=settings.start_timeout))
            except sdk.DaytonaConflictError:
                sandbox = await self._find()  # a try before this one made it, though its answer was lost
                if sandbox is None:
                    raise
                return (await self._started(sandbox)).live
        return LiveSandbox(sandbox)

    def _resources(self) -> Any:
        terminal = self._terminal
        disk = min(math.ceil(terminal.container_disk / 1024), _LARGEST_DISK_GIB)
        return load().Resources(
            cpu=math.ceil(terminal.container_cpu) or None,
            memory=math.ceil(terminal.container_memory / 1024) or None,
            disk=disk or None,
        )

    async def sleep(self, live: LiveSandbox) -> None:
        """Stop it; its files stay with it."""
        with translated("stopping the sandbox"):
            await patiently(lambda: live.sandbox.stop(timeout=self._settings.stop_timeout))

    async def discard(self, live: LiveSandbox) -> None:
        """Delete it with its files."""
        try:
            with translated("deleting the sandbox"):
                await patiently(live.sandbox.delete)
        except NotFound:
            pass
        self._book.forget(self._name)
