"""Servers that somebody hands over for one conversation, such as an editor: found by `SessionToolServers`.

They are judged, supervised and called like configured ones. What is known of them is kept in folders of their own, and
they end with the conversation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import HermesError
from hermes_host.services import Conversations
from hermes_host.visible import one_line
from hermes_mcp.importing import entry_problem
from hermes_mcp.offers import Shelf, identity
from hermes_mcp.servers import Servers
from hermes_mcp.settings import ServerSettings
from hermes_mcp.source import HANDED_OVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_host.context import PluginContext, SessionContext, ToolContext
    from hermes_host.specs import ToolSpec
    from hermes_mcp.server import Server

__all__ = ["HandedOver", "SessionServers", "connect", "servers_of"]

PATIENCE = 30.0
"""Seconds to wait for the lists of servers that were never seen before."""
_REMEMBERED = 200
"""Servers whose lists are kept; some editors hand over one at another address every time."""
_TAKEN = ("type", "command", "args", "env", "cwd", "url", "headers")
"""What of an entry counts. What a server may ask of the person or the model is said in the configuration alone."""


def connect(context: PluginContext, spec: object) -> SessionServers:
    """The service."""
    return SessionServers(context)


class HandedOver:
    """The servers of one conversation."""

    def __init__(self, servers: Servers, names: Mapping[str, str], left_out: dict[str, str]) -> None:
        """`names` has for each server here the name it was handed over with."""
        self.servers = servers
        self._names = names
        self._left_out = left_out
        self._started = list(servers)
        self._specs: Sequence[ToolSpec] = ()

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """Their tools, as they were at first: those of a conversation do not change."""
        return self._specs

    @property
    def left_out(self) -> Mapping[str, str]:
        """By the names they were handed over with, and why."""
        return self._left_out

    async def prepare(self) -> None:
        """Have the list of each; one that cannot be had in time is left out."""
        asked = {asyncio.create_task(server.connection()): server for server in self.servers if server.offer is None}
        if asked:
            try:
                await asyncio.wait(asked, timeout=PATIENCE)
            finally:
                for task in asked:
                    task.cancel()  # whoever waits; what is late goes on, so that the next conversation has its list
            for task, server in asked.items():
                self._look(task, server)
        self._specs = self.servers.specs()

    def _look(self, task: asyncio.Task[Any], server: Server) -> None:
        error = task.exception() if task.done() and not task.cancelled() else TimeoutError()
        if error is None:
            return
        if isinstance(error, TimeoutError):
            why = f"It did not say within {PATIENCE:g} s what it offers; load the conversation again in a while."
        elif isinstance(error, HermesError):
            why = str(error)
        else:
            raise error
        self._left_out[self._names[server.name]] = why
        self.servers.leave_out(server.name)

    def attach(self, session: SessionContext) -> None:
        """Have calls of that conversation, and of those that work for it, reach these servers, and end them with it."""
        session.memory.setdefault(HANDED_OVER, []).append(self)
        self.servers.introduce(session)

    async def aclose(self) -> None:
        """End every process and connection."""
        await asyncio.gather(*(server.aclose() for server in self._started))


class SessionServers:
    """Opens them. What is accepted of a server holds for the next conversation it is handed over to."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    @property
    def transports(self) -> frozenset[str]:
        """Programs, and addresses of streamable HTTP."""
        return frozenset({"stdio", "http"})

    async def open(self, entries: Mapping[str, Mapping[str, Any]], *, directory: str = "") -> HandedOver:
        """See `hermes_host.services.SessionToolServers`. Starts only servers that were never seen before."""
        configured = await self._context.services.get(Servers)
        shelf = Shelf(
            private_directory(self._context.cache_directory / "handed_over"),
            private_directory(self._context.state_directory / "handed_over"),
        )
        chosen: dict[str, ServerSettings] = {}
        names: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for given, entry in entries.items():
            name = one_line(given, 48) or "server"
            try:
                settings = _settings(entry)
            except HermesError as error:
                left_out[given] = str(error)
                continue
            if name in configured:
                if refusal := _beside(configured.get(name), settings):
                    left_out[given] = refusal
                continue
            name = _name(shelf, name, settings)
            if name in chosen:
                left_out[given] = "Another server of this conversation has that name."
                continue
            chosen[name], names[name] = settings, given
            shelf.touch(name)
        shelf.prune(_REMEMBERED)
        handed_over = HandedOver(
            Servers(self._context, chosen, shelf, beside=configured, directory=directory), names, left_out
        )
        try:
            await handed_over.prepare()
        except BaseException:
            await handed_over.aclose()
            raise
        return handed_over


def _settings(entry: Mapping[str, Any]) -> ServerSettings:
    """What an entry says. Raises `HermesError`."""
    problem = entry_problem(dict(entry))
    if problem:
        raise HermesError(f"It cannot be used: {problem}.")
    try:
        return msgspec.convert({key: entry[key] for key in _TAKEN if key in entry}, ServerSettings)
    except msgspec.ValidationError as error:
        raise HermesError(f"It cannot be used: {error}.") from None


def _beside(configured: Server, handed_over: ServerSettings) -> str:
    """Why a configured server of the same name is used in place of one that is handed over; empty for the same one."""
    if not configured.settings.enabled:
        return "A server of that name is switched off in the agent's own configuration."
    if configured.identity == identity(configured.name, handed_over):
        return ""
    return "The agent's own configuration has another server of that name, which is used."


def _name(shelf: Shelf, name: str, settings: ServerSettings) -> str:
    """Its name here: marked where another server was known by that one, because consent that was given for a tool is
    remembered under the tool's name."""
    own = identity(name, settings)
    return f"{name[:41]}-{own[:6]}" if shelf.knows(name) and shelf.accepted(name, own) is None else name


async def servers_of(call: ToolContext) -> Servers:
    """Those behind a tool: handed over for this conversation or the one it works for, else the configured ones."""
    conversations = await call.plugin.services.find(Conversations)
    session = conversations.session(call.session.id) if conversations is not None else None
    while session is not None:
        for handed_over in session.context.memory.get(HANDED_OVER, ()):
            if handed_over.servers.has(call.tool):
                servers: Servers = handed_over.servers
                return servers
        session = session.leader
    return await call.plugin.services.get(Servers)
