"""The service `Outbox`: sending messages to people from anywhere, in the gateway's process or in another one."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from hermes_gateway.database import Database
from hermes_gateway.directory import Directory
from hermes_gateway.keeping import Keeping
from hermes_gateway.outbox import Rows
from hermes_gateway.quiet import end_of_quiet
from hermes_gateway.settings import GatewaySettings
from hermes_gateway.waking import Waker
from hermes_host.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext
    from hermes_host.messages import Media
    from hermes_host.protocols import Address
    from hermes_host.services import Delivery
    from hermes_host.specs import AdapterSpec, ServiceSpec

__all__ = ["Sending", "connect"]

_LOOK_SECONDS = 0.1
"""How often another process looks whether the gateway has sent something."""


def connect(context: PluginContext, spec: ServiceSpec) -> Sending:
    """The outbox of a host."""
    return Sending(context)


class Sending:
    """See `hermes_host.services.Outbox`. The gateway sends; until one runs, messages wait."""

    def __init__(self, context: PluginContext) -> None:
        self._registry = context.registry("adapters")
        self._database = Database(context.home)
        self._keeping = Keeping(context.home)
        self._waker = Waker(context.home)
        self._settings = context.section(GatewaySettings, "gateway")
        self.rows = Rows(self._database)
        self.directory = Directory(self._database, self._spec, self._registry.names())

    def _spec(self, platform: str) -> AdapterSpec | None:
        return self._registry.get(platform).spec if platform in self._registry else None

    async def resolve(self, target: str) -> Address:
        """The place meant by `target`."""
        return self.directory.resolve(target)

    async def send(
        self, to: Address | str, text: str, *, media: Sequence[Media] = (), key: str = "", source: str = ""
    ) -> Sequence[int]:
        """Take a message for delivery."""
        address = await self.resolve(to) if isinstance(to, str) else to
        if self._spec(address.platform) is None:
            raise NotFound(f"There is no platform {address.platform!r}.")
        kept = [self._keeping.keep(item) for item in media]
        with self._database.transaction() as connection:
            ids = self.rows.add(
                connection,
                address,
                text,
                key=f"sent:{key}" if key else f"sent:{secrets.token_hex(12)}",
                adapter=None,
                media=kept,
                source=source,
                due=end_of_quiet(self._settings.quiet_hours, time.time()),
            )
        self._waker.wake()
        return ids

    async def wait(self, ids: Sequence[int], *, timeout: float = 30.0) -> Sequence[Delivery]:
        """How these messages fare."""
        end = time.monotonic() + timeout
        while True:
            found = self.rows.deliveries(ids)
            if time.monotonic() >= end or not any(item.state in ("pending", "sending") for item in found):
                return found
            await asyncio.sleep(_LOOK_SECONDS)

    def mirror(self, to: Address, text: str) -> None:
        """Have the conversation there told of what was sent into it, with its next message."""
        if not self._settings.mirror:
            return
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO mirrored (address, text, time) VALUES (?, ?, ?)", (str(to), text, time.time())
            )

    async def aclose(self) -> None:
        """Close the database."""
        self._database.close()
