"""The MCP servers an editor hands over with a conversation, brought to it by whatever plugin can use such servers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError
from hermes_host.services import SessionToolServers
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_acp.settings import Settings
    from hermes_host.host import Host
    from hermes_host.services import SessionTools

__all__ = ["HandedOver", "McpServers", "entries_of"]

log = logging.getLogger(__name__)

_KEPT = "This conversation is open already and nothing was said in it, so it keeps its MCP servers and does not get:"


class HandedOver:
    """What became of the servers of one conversation."""

    def __init__(
        self,
        entries: Mapping[str, Mapping[str, Any]],
        tools: SessionTools | None = None,
        unused: Sequence[str] = (),
        notice: str = "",
    ) -> None:
        """`unused` are names of servers; `notice` is what the person is told about them."""
        self.entries = entries
        self.tools = tools
        self.unused = list(unused)
        self.notice = notice

    def kept(self, wanted: Mapping[str, Any]) -> HandedOver:
        """The same ones, told about to an editor that opens an open conversation with those `wanted`."""
        other = [name for name in wanted if self.entries.get(name) != wanted[name]]
        notice = f"*{_KEPT} {one_line(', '.join(other), 300)}.*" if other else ""
        return HandedOver(self.entries, self.tools, [*self.unused, *other], notice)

    async def aclose(self) -> None:
        """End them, where no conversation came about that would do so."""
        if self.tools is not None:
            await self.tools.aclose()


class McpServers:
    """Opens them, where a plugin is there that can."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host = host
        self._wanted = settings.mcp_servers
        self._told = False

    async def capabilities(self) -> dict[str, bool]:
        """What the editor is told: how a server may be reached, besides over pipes."""
        service = await self._service()
        transports = service.transports if service is not None else frozenset()
        return {"http": "http" in transports, "sse": "sse" in transports}

    async def open(self, servers: Sequence[Any] | None, directory: str) -> HandedOver:
        """Bring the editor's servers; what cannot be used is left out."""
        entries = entries_of(servers or ())
        if not entries:
            return HandedOver(entries)
        service = await self._service()
        if service is None:
            return self._unused(entries)
        tools = await service.open(entries, directory=directory)
        return HandedOver(entries, tools, [*tools.left_out], _about_left_out(tools.left_out) if tools.left_out else "")

    def _unused(self, entries: Mapping[str, Any]) -> HandedOver:
        """All but those of the same name in the user's own configuration."""
        try:
            configured = set(self._host.config.get("mcp_servers") or ())
        except HermesError:
            configured = set()
        unused = [name for name in entries if name not in configured]
        notice = _about_unused(unused) if unused and self._wanted and not self._told else ""
        self._told = self._told or bool(notice)
        return HandedOver(entries, unused=unused, notice=notice)

    async def _service(self) -> SessionToolServers | None:
        if not self._wanted:
            return None
        try:
            return await self._host.services.find(SessionToolServers)
        except HermesError as error:
            log.warning("servers of editors cannot be used: %s", error)
            return None


def entries_of(servers: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """The entries as an `mcpServers` block has them. Of two with one name the second gets a number."""
    found: dict[str, dict[str, Any]] = {}
    for server in servers:
        name, number = server.name, 2
        while name in found:
            name, number = f"{server.name} {number}", number + 1
        found[name] = _entry(server)
    return found


def _entry(server: Any) -> dict[str, Any]:
    kind = getattr(server, "type", "stdio")
    if kind == "stdio":
        return {"command": server.command, "args": list(server.args), "env": _values(server.env)}
    return {"type": kind, "url": getattr(server, "url", ""), "headers": _values(getattr(server, "headers", ()))}


def _values(pairs: Sequence[Any] | None) -> dict[str, str]:
    return {pair.name: pair.value for pair in pairs or ()}


def _about_unused(names: Sequence[str]) -> str:
    listed = one_line(", ".join(names), 300)
    return (
        f"*The MCP servers of the editor are not used: {listed}. `hermes mcp add` makes them known to the agent, for "
        "all its surfaces.*"
    )


def _about_left_out(reasons: Mapping[str, str]) -> str:
    lines = [f"- {one_line(name, 60)}: {one_line(reason, 300)}" for name, reason in reasons.items()]
    return "\n".join(["*Of the editor's MCP servers these are not used:*\n", *lines, ""])
