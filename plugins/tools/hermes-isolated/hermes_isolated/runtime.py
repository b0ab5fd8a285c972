"""The isolated plugins of one host: their processes, started on first use, ended when idle, given up when hopeless."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from hermes_host.context import private_directory
from hermes_host.errors import NotFound, PluginError
from hermes_isolated import sandbox
from hermes_isolated.guest import Guest, NotSent
from hermes_isolated.logfile import LogFile
from hermes_isolated.offers import enabled, has_section
from hermes_isolated.process import Surroundings
from hermes_isolated.requests import Initialize
from hermes_isolated.settings import Settings
from hermes_isolated.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermes_host.context import PluginContext, ToolContext
    from hermes_host.specs import ServiceSpec
    from hermes_isolated.lock import LockedPlugin

__all__ = ["Resident", "Runtime", "connect"]

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 60.0
_SOON = 1.0
"""Seconds until the number of calls is written down."""
_FORGIVEN = 600.0
"""Seconds without a crash after which earlier ones no longer count."""


def connect(context: PluginContext, spec: ServiceSpec) -> Runtime:
    """The runtime of this host. Starts nothing."""
    return Runtime(context)


class Runtime:
    """Finds the plugin that a tool or a provider belongs to."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context
        self.settings = context.section(Settings, "isolated")
        self._residents: dict[tuple[str, str], Resident] = {}
        self._status = Status(context.home)
        self._told = False
        self._writing: asyncio.TimerHandle | None = None
        self._seen = (-1, 0, 0)
        self._plugins: Mapping[str, LockedPlugin] = {}
        self._owners: dict[str, str] = {}

    def plugin_of(self, tool: str) -> str:
        """The plugin that offers a tool. Raises `NotFound`, `ConfigError`."""
        self._look()
        if tool in self._owners:
            return self._owners[tool]
        raise NotFound(f"No isolated plugin offers the tool {tool!r} any more.")

    def resident(self, name: str, workspace: str = "") -> Resident:
        """The plugin of that name, for conversations in that folder. Raises `NotFound`, `ConfigError`.

        Where a plugin may use the folder a conversation works in, it has a process for each of them.
        """
        plugin = self._look().get(name)
        if plugin is None:
            raise NotFound(
                f"The isolated plugin {name!r} is not installed, or is disabled.",
                remedy="See `hermes plugins list`.",
            )
        allowed = plugin.capabilities
        if not any(path.startswith("$WORKSPACE") for path in (*allowed.read, *allowed.write)):
            workspace = ""
        key = (name, os.path.realpath(workspace) if workspace else "")
        found = self._residents.get(key)
        if found is None or found.plugin != plugin:
            if found is not None:
                found.end("it was updated")
            found = self._residents[key] = Resident(self, name, plugin, key[1])
        return found

    def _look(self) -> Mapping[str, LockedPlugin]:
        """The plugins of the lock file, read anew when it was changed."""
        try:
            found = (self.context.home / "plugins.lock").stat()
            seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        except OSError:
            seen = (0, 0, 0)
        if seen != self._seen:
            self._plugins = enabled(self.context)
            self._owners = {
                tool.name: name for name, plugin in self._plugins.items() for tool in plugin.description.tools
            }
            self._seen = seen
        return self._plugins

    def view(self, plugin: LockedPlugin, workspace: str, own: tuple[Any, Any]) -> list[str]:
        """The arguments of the sandbox; empty where there can be none and need be none. Raises `PluginError`."""
        trouble = sandbox.trouble()
        if not trouble:
            return sandbox.arguments(
                plugin, home=self.context.home, own=own, workspace=workspace, readable=self._readable()
            )
        if self.settings.require_sandbox:
            raise PluginError(
                f"It cannot be confined on this machine: {trouble}.",
                remedy="Install bubblewrap, or set `isolated.require_sandbox: false` to run it without.",
            )
        if not self._told:
            self._told = True
            log.warning("isolated plugins run in processes of their own, but are not confined: %s", trouble)
        return []

    def _readable(self) -> list[str]:
        return [os.path.realpath(os.path.expanduser(path)) for path in self.settings.read]

    def counted(self) -> None:
        """Have the number of calls seen, soon: not with each of them."""
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(_SOON, self.changed)

    def changed(self) -> None:
        """Have `hermes plugins top` see what is so now."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        self._status.write([resident.row() for resident in self._residents.values() if resident.guest is not None])


class Resident:
    """One isolated plugin of this host, whether its process runs or not."""

    def __init__(self, runtime: Runtime, name: str, plugin: LockedPlugin, workspace: str) -> None:
        self.name = name
        self.plugin = plugin
        self.guest: Guest | None = None
        self.starts = 0
        self._runtime = runtime
        self._workspace = workspace
        context = runtime.context
        self._settings = runtime.settings
        self._logfile = LogFile(context.state_directory / "logs" / f"{name}.log", context.redact)
        self._starting = asyncio.Lock()
        self._crashes = 0
        self._crashed = 0.0
        self._calls = 0

    def row(self) -> dict[str, Any]:
        """What the status file says about it."""
        guest = self.guest
        assert guest is not None
        return {
            "plugin": self.name,
            "version": self.plugin.version,
            "workspace": self._workspace,
            "pid": guest.pid,
            "since": guest.since,
            "calls": self._calls + guest.calls,
            "restarts": max(0, self.starts - 1),
        }

    def end(self, why: str) -> None:
        """End its process, if it runs."""
        if self.guest is not None:
            self.guest.end(why)

    async def ready(self, announce: Callable[[str], None] = lambda text: None) -> Guest:
        """The running process, started when it is not. Raises `PluginError`. `announce` tells the user something."""
        if self.guest is not None and self.guest.is_open:
            await self.guest.settled()
            if self.guest is not None and self.guest.is_open:
                return self.guest
        async with self._starting:
            if self.guest is not None and self.guest.is_open:
                return self.guest
            while self.guest is not None:
                await asyncio.shield(self.guest.over)
            self._refuse_hopeless()
            await self._pause()
            self.guest = await self._start(announce)
            self.starts += 1
            self._runtime.changed()
            return self.guest

    async def request(self, method: str, params: Any, kind: type[Any], *, seconds: float, call: ToolContext) -> Any:
        """As `Guest.request`, of a process that is started when it does not run."""
        for last in (False, True):
            guest = await self.ready(lambda text: call.session.announce(text, level="error"))
            try:
                return await guest.request(method, params, kind, seconds=seconds, call=call)
            except NotSent:
                if last:
                    raise
            finally:
                self._runtime.counted()
        raise AssertionError

    def _refuse_hopeless(self) -> None:
        if self._crashes and time.monotonic() - self._crashed > _FORGIVEN:
            self._crashes = 0
        if self._crashes >= self._settings.crashes:
            raise PluginError(
                f"The plugin {self.name!r} crashed {self._crashes} times and was given up.{self._last_words()}",
                remedy=f"See {self._logfile.path}; upgrade it, or `hermes plugins disable {self.name}`.",
            )

    async def _pause(self) -> None:
        """Wait longer after every crash but the first."""
        if self._crashes > 1:
            pause = min(self._settings.restart_seconds * 2 ** (self._crashes - 2), _LONGEST_PAUSE)
            left = self._crashed + pause - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)

    async def _start(self, announce: Callable[[str], None]) -> Guest:
        await self._verify()
        context = self._runtime.context
        state = private_directory(context.home / "plugins" / self.name)
        cache = private_directory(context.home / "cache" / self.name)
        view = await asyncio.to_thread(self._runtime.view, self.plugin, self._workspace, (state, cache))
        around = Surroundings(state=state, cache=cache, view=view)
        guest = Guest(self.name, self.plugin, self._settings, self._logfile)
        guest.over.add_done_callback(lambda _: self._ended(guest, announce))
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        given = Initialize(
            plugin=self.name, home=str(context.home), settings=self._own_settings(), secrets=self.secrets()
        )
        context.spawn(self._see_through(guest, around, given, ready), name=f"plugin {self.name}")
        await asyncio.shield(ready)
        return guest

    async def _verify(self) -> None:
        """Refuse code that is not what was installed."""
        changes = await asyncio.to_thread(lambda: self.plugin.changes)
        if changes:
            names = ", ".join(changes[:3]) + (" …" if len(changes) > 3 else "")
            raise PluginError(
                f"The files of the plugin {self.name!r} are not what was installed: {names}.",
                remedy=f"`hermes plugins update {self.name}`, or remove it.",
            )

    def _own_settings(self) -> dict[str, Any]:
        if not has_section(self.name):
            return {}
        try:
            found: dict[str, Any] = self._runtime.context.section(dict, self.name)
        except (PluginError, NotFound):
            return {}  # installed after this host was started
        return found or {}

    def secrets(self, context: PluginContext | None = None) -> dict[str, str]:
        """The secrets it may have and that are set. `context` may hold other values for them."""
        given = context or self._runtime.context
        found = {}
        for name in self.plugin.capabilities.secrets:
            try:
                value = given.secret(name)
            except PluginError as error:
                raise PluginError(
                    f"The plugin {self.name!r} was installed while this program ran.", remedy="Start it anew."
                ) from error
            if value:
                found[name] = value
        return found

    async def _see_through(
        self, guest: Guest, around: Surroundings, given: Initialize, ready: asyncio.Future[None]
    ) -> None:
        watching = asyncio.create_task(self._end_when_idle(guest, ready))
        try:
            await guest.live(around, given, ready)
        finally:
            watching.cancel()

    def _ended(self, guest: Guest, announce: Callable[[str], None]) -> None:
        """Note the end of a process, before anyone who waits for it goes on."""
        self._calls += guest.calls
        if self.guest is guest:
            self.guest = None
        if guest.ending not in _IN_ORDER:
            self._note_crash(guest, announce)
        self._runtime.changed()

    def _note_crash(self, guest: Guest, announce: Callable[[str], None]) -> None:
        self._crashes += 1
        self._crashed = time.monotonic()
        log.warning("the isolated plugin %r crashed: %s", self.name, guest.over.result())
        if self._crashes == self._settings.crashes:
            announce(
                f"The plugin {self.name} crashed {self._crashes} times and is not started again. "
                f"See {self._logfile.path}; upgrade it, or `hermes plugins disable {self.name}`."
            )

    async def _end_when_idle(self, guest: Guest, ready: asyncio.Future[None]) -> None:
        await asyncio.wait([ready])
        limit = self._settings.idle_seconds
        while True:
            left = limit if guest.open else guest.used + limit - time.monotonic()
            if left <= 0:
                guest.end(_IDLE)
                return
            await asyncio.sleep(left)

    def _last_words(self) -> str:
        words = " | ".join(self._logfile.last[-3:])
        return f" It wrote: {words[:500].rstrip('.')}." if words else ""


_IDLE = "it was idle"
_IN_ORDER = (_IDLE, "it was updated", "it was stopped")
