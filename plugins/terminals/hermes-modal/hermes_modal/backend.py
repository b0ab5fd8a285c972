"""The backend `modal`: a sandbox for each conversation, its files put away while it is idle."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError, NotFound, ToolError
from hermes_host.terminals.remote import Book, Places, Record, Woken, has_jobs, is_gone, start_directory
from hermes_modal.sdk import Account, LiveSandbox, load, translated
from hermes_modal.settings import Settings, TerminalSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import PluginContext, Services
    from hermes_host.specs import TerminalSpec
    from hermes_host.terminals.remote import RemoteTerminal

__all__ = ["ModalBackend", "connect"]

_log = logging.getLogger(__name__)

# As the first process it reaps the orphans of all commands.
_FIRST_PROCESS = "trap 'exit 0' TERM INT; while :; do sleep 2147483 & wait $!; done"


def connect(context: PluginContext, spec: TerminalSpec) -> ModalBackend:
    """The target of the spec: connects to nothing yet."""
    settings = context.section(Settings, "modal")
    terminal = context.section(TerminalSettings, "terminal")
    token = context.secret("MODAL_TOKEN_ID"), context.secret("MODAL_TOKEN_SECRET")
    return ModalBackend(Book(context.state_directory), settings, terminal, token=token, services=context.services)


class ModalBackend:
    """Terminals in Modal sandboxes."""

    def __init__(
        self,
        book: Book,
        settings: Settings,
        terminal: TerminalSettings,
        *,
        token: tuple[str, str],
        services: Services,
    ) -> None:
        self._book = book
        self._settings = settings
        self._terminal = terminal
        self._services = services
        self._account = Account(*token, settings.app, settings.environment)
        idle = settings.hibernate_after if settings.hibernate_after is not None else terminal.lifetime_seconds
        self._places = Places(book, self._keeper, idle_after=idle, persistent=terminal.container_persistent)

    def _keeper(self, key: str, name: str) -> SnapshotKeeper:
        return SnapshotKeeper(self._account, self._book, self._settings, self._terminal, key=key, name=name)

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[RemoteTerminal]:
        """A terminal of the session `key`; nothing is made at Modal before its first command.

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
        """Put sandboxes to sleep that nobody has open and no job runs in; end those of conversations that are gone."""
        if not self._account.is_set and not self._book.names():
            return ()  # never used
        said: list[str] = []
        try:
            app = await self._account.app()
            client = await self._account.client()
            with translated("listing sandboxes"):
                running = [
                    (sandbox, await sandbox.get_tags.aio())
                    async for sandbox in load().Sandbox.list.aio(
                        app_id=app.app_id, tags={"hermes-home": self._book.home}, client=client
                    )
                ]
            for sandbox, tags in running:
                said += await self._reap_running(sandbox, tags)
            for name in self._book.names():
                said += await self._reap_record(name)
        finally:
            if self._places.count == 0:
                await self._account.close()
        return said

    async def _reap_running(self, sandbox: Any, tags: dict[str, str]) -> Sequence[str]:
        name = tags.get("hermes-name", "")
        if not name or self._book.is_open(name):
            return ()
        record = self._book.record(name)
        key = tags.get("hermes-session") or (record.key if record is not None else "")
        keeper = self._keeper(key, name)
        with self._book.opened(name):
            if await is_gone(self._services, key):
                await keeper.discard(LiveSandbox(sandbox))
                return (f"{name}: ended, with its files; the conversation {key} is gone.",)
            if await has_jobs(LiveSandbox(sandbox)):
                return ()
            await keeper.sleep(LiveSandbox(sandbox))
            return (f"{name}: put to sleep; nobody has the conversation {key or '(unknown)'} open.",)

    async def _reap_record(self, name: str) -> Sequence[str]:
        record = self._book.record(name)
        if record is None or self._book.is_open(name) or not await is_gone(self._services, record.key):
            return ()
        await self._keeper(record.key, name).forget(record)
        return (f"{name}: files removed; the conversation {record.key} is gone.",)


class SnapshotKeeper:
    """Keeps one session's files as a snapshot while no sandbox runs."""

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
        """The sandbox that runs under the session's name, else one from its snapshot, else a new one."""
        try:
            async with asyncio.timeout(self._settings.start_timeout):
                return await self._wake()
        except TimeoutError:
            raise ToolError(
                f"The Modal sandbox did not start within {self._settings.start_timeout:g} s.",
                remedy="Try again, or raise `modal.start_timeout`; a new image takes long the first time.",
            ) from None

    async def _wake(self) -> Woken[LiveSandbox]:
        app = await self._account.app()
        found = await self._find()
        if found is not None:
            return Woken(found, "found")
        record = self._book.record(self._name)
        if record is not None and record.image:
            image = load().Image.from_id(record.image, client=await self._account.client())
            try:
                return Woken(await self._create(app, image), "restored")
            except NotFound:
                notice = "The files of this conversation's sandbox are gone at Modal. This runs in a new one."
                woken = Woken(await self._create(app, self._fresh_image()), "new", notice)
                self._book.write(self._name, Record(key=self._key))
                return woken
        self._book.write(self._name, Record(key=self._key))
        return Woken(await self._create(app, self._fresh_image()), "new")

    def _fresh_image(self) -> Any:
        return load().Image.from_registry(self._terminal.modal_image)

    async def _find(self) -> LiveSandbox | None:
        modal = load()
        try:
            with translated("looking for the sandbox"):
                sandbox = await modal.Sandbox.from_name.aio(
                    self._settings.app,
                    self._name,
                    environment_name=self._settings.environment or None,
                    client=await self._account.client(),
                )
        except NotFound:
            return None
        live = LiveSandbox(sandbox)
        return live if await live.alive() else None

    async def _create(self, app: Any, image: Any) -> LiveSandbox:
        modal = load()
        settings, terminal = self._settings, self._terminal
        with translated("starting a sandbox"):
            try:
                sandbox = await modal.Sandbox.create.aio(
                    "sh",
                    "-c",
                    _FIRST_PROCESS,
                    app=app,
                    client=await self._account.client(),
                    image=image,
                    name=self._name,
                    tags={**self._book.labels(self._key), "hermes-name": self._name},
                    timeout=settings.max_lifetime,
                    idle_timeout=settings.idle_timeout or None,
                    region=settings.region or None,
                    cpu=terminal.container_cpu or None,
                    memory=terminal.container_memory or None,
                    block_network=settings.block_network,
                )
            except modal.exception.AlreadyExistsError:
                found = await self._find()  # somebody was faster
                if found is None:
                    raise
                return found
        return LiveSandbox(sandbox)

    async def sleep(self, live: LiveSandbox) -> None:
        """Put its files away, write down where, then end it; the files of the time before go last."""
        before = self._book.record(self._name)
        days = self._settings.snapshot_days
        with translated("putting the sandbox's files away"):
            image = await live.sandbox.snapshot_filesystem.aio(
                timeout=self._settings.snapshot_timeout, ttl=days * 86400 if days else None
            )
        self._book.write(self._name, Record(key=self._key, image=image.object_id, slept=time.time()))
        with translated("ending the sandbox"):
            await live.sandbox.terminate.aio()
        if before is not None and before.image and before.image != image.object_id:
            await self._delete(before.image)

    async def discard(self, live: LiveSandbox) -> None:
        """End it with its files."""
        with translated("ending the sandbox"):
            await live.sandbox.terminate.aio()
        record = self._book.record(self._name)
        if record is not None:
            await self.forget(record)

    async def forget(self, record: Record) -> None:
        """Remove the files that were put away."""
        if record.image:
            await self._delete(record.image)
        self._book.forget(self._name)

    async def _delete(self, image: str) -> None:
        try:
            with translated("removing files that were put away"):
                await load().experimental.image_delete.aio(image, client=await self._account.client())
        except NotFound:
            pass
        except HermesError as error:
            _log.warning("an old snapshot stays at Modal: %s", error)
