"""The API as a part of the gateway: put together, mounted, and taken down in order."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from hermes_gateway.parts import WebServer

from hermes_api.access import Access
from hermes_api.approvals import Desk
from hermes_api.conversations import Sessions
from hermes_api.idempotency import Once
from hermes_api.keys import Keys, main_key, missing
from hermes_api.ledger import Ledger
from hermes_api.responses import Responses
from hermes_api.routes import Front
from hermes_api.running import Runs
from hermes_api.settings import ApiSettings
from hermes_api.table import table
from hermes_host.errors import ConfigError
from hermes_host.protocols import SessionStore
from hermes_host.services import Conversations

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.context import PluginContext
    from hermes_host.specs import DaemonSpec

__all__ = ["Api", "connect"]

_HOUR = 3600.0


def connect(context: PluginContext, spec: DaemonSpec) -> Api:
    """The daemon."""
    return Api(context)


class Api:
    """See `hermes_host.protocols.Daemon`."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def run(self, started: Callable[[], None]) -> None:
        """Serve until cancelled. Raises `ConfigError` without a key: nothing is ever served without one."""
        if lacking := missing(self._context):
            raise ConfigError(lacking)
        context = self._context
        settings = context.section(ApiSettings)
        server = await context.services.get(WebServer)
        conversations = await context.services.get(Conversations)
        store = await context.services.get(SessionStore)
        directory = context.state_directory
        ledger = Ledger(directory, most=settings.max_responses)
        access = Access(Keys(directory, main_key(context)), settings)
        desk = Desk()
        runs = Runs(conversations, store, ledger, access, desk, settings)
        sessions = Sessions(runs, ledger, conversations)
        routes = table(runs, Responses(runs, ledger), sessions, desk, settings, time.time())
        mounted = []
        try:
            ledger.prune()
            for prefix, router in Front(routes, access, Once(ledger), settings).routers().items():
                server.mount(prefix, router)
                mounted.append(prefix)
            started()
            while True:
                await asyncio.sleep(_HOUR)
                ledger.prune()
        finally:
            await runs.drain()
            for prefix in mounted:
                server.unmount(prefix)
            ledger.close()
