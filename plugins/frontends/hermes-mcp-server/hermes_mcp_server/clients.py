"""The connected clients: what each asked to be told, and telling them that something changed."""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import mcp_types as types
import msgspec
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import ServerRequestContext

__all__ = ["Client", "Clients"]

log = logging.getLogger(__name__)


class Client(msgspec.Struct):
    """A client of the older protocols, as long as its connection lasts."""

    session: Any
    """An SDK session of the connection, for notifications."""
    level: types.LoggingLevel = "info"
    watched: set[str] = msgspec.field(default_factory=set)
    """Resources it subscribed to."""
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Clients:
    """Clients since the protocol of 2026-07-28 have no connection: they listen, and are found by the bus."""

    def __init__(self, left: Callable[[Client], Awaitable[None]]) -> None:
        """`left` is called when a client's connection has ended."""
        self._left = left
        self._clients: dict[int, Client] = {}
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus)

    def of(self, context: ServerRequestContext[Any, Any]) -> Client | None:
        """The client behind a request; None since the protocol of 2026-07-28."""
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return None
        # The SDK keeps the connection, and the only way to hear of its end, behind the session.
        connection = context.session._connection
        key = id(connection)
        if key not in self._clients:
            client = self._clients[key] = Client(session=context.session)

            async def forget() -> None:
                del self._clients[key]
                await self._left(client)

            connection.exit_stack.push_async_callback(forget)
        return self._clients[key]

    async def tools_changed(self) -> None:
        """The list of tools is another one now."""
        await self._tell(types.ToolListChangedNotification())
        await self._bus.publish(ToolsListChanged())

    async def resources_changed(self) -> None:
        """There is a new resource."""
        await self._tell(types.ResourceListChangedNotification())
        await self._bus.publish(ResourcesListChanged())

    async def resource_updated(self, uri: str) -> None:
        """A resource has changed; those who subscribed to it are told."""
        params = types.ResourceUpdatedNotificationParams(uri=uri)
        await self._tell(types.ResourceUpdatedNotification(params=params), uri)
        await self._bus.publish(ResourceUpdated(uri=uri))

    async def _tell(self, notification: Any, uri: str = "") -> None:
        for client in list(self._clients.values()):
            if not uri or uri in client.watched:
                try:
                    await client.session.send_notification(notification)
                except Exception as error:  # the boundary to the SDK: this client is leaving
                    log.debug("a client cannot be told", exc_info=error)
