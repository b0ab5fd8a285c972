"""One server: what is known of it, its one connection, and how long to wait before it is tried again."""

from __future__ import annotations

import asyncio
import fnmatch
import os
import time
from functools import cached_property
from typing import TYPE_CHECKING

from hermes_host.errors import ToolError
from hermes_host.visible import one_line
from hermes_mcp.names import file_name
from hermes_mcp.offers import identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.context import PluginContext
    from hermes_mcp.connection import Connection
    from hermes_mcp.logfile import LogFile
    from hermes_mcp.offers import Accepted, Offer, Shelf, ToolOffer
    from hermes_mcp.settings import ServerSettings

__all__ = ["Server"]

_EARLY = 10.0
"""Seconds: a server that ends sooner after it connected counts as failed."""
_LONGEST_PAUSE = 60.0
_SHORT = 2.0
"""Seconds that a call waits for the next try; when it would be longer, the call fails at once."""


class Server:
    """Knows everything about one server and owns its only process or connection."""

    def __init__(
        self,
        name: str,
        settings: ServerSettings,
        context: PluginContext,
        shelf: Shelf,
        learned: Callable[[Server, Offer | None, Offer], None],
        *,
        directory: str = "",
    ) -> None:
        """`learned` gets the list known before and the new one; `directory` counts where the settings name none."""
        self.name = name
        self.settings = settings
        self.identity = identity(name, settings)
        self._context = context
        self._shelf = shelf
        self._told = learned
        self._directory = directory
        self._offer: Offer | None = None
        self._accepted: Accepted | None = None
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()
        self._failures = 0
        self._failed_at = 0.0
        self.remedy = ""
        """What to do about the last failure."""
        self._failure = ""

    # --------------------------------------------------------------------------------------------- what is known

    @cached_property
    def log(self) -> LogFile:
        """Its log file."""
        from hermes_mcp.logfile import LogFile
        from hermes_mcp.redaction import redactor

        path = self._context.home / "logs" / f"mcp-{file_name(self.name)}.log"
        return LogFile(path, redactor(self._context, self.settings))

    @property
    def offer(self) -> Offer | None:
        """What it offers, from the connection or the cache; None when it was never asked."""
        if self._offer is None:
            self._offer = self._shelf.offer(self.name, self.identity)
        return self._offer

    def tools(self) -> list[ToolOffer]:
        """Its tools, without those that the settings leave out."""
        return [tool for tool in (self.offer.tools if self.offer else ()) if self.wants(tool.name)]

    def wants(self, tool: str) -> bool:
        """Whether the settings let this tool be used."""
        chosen = self.settings.tools
        if chosen.include:
            return any(fnmatch.fnmatchcase(tool, pattern) for pattern in chosen.include)
        return not any(fnmatch.fnmatchcase(tool, pattern) for pattern in chosen.exclude)

    @property
    def accepted(self) -> Accepted | None:
        """What of it was accepted."""
        if self._accepted is None:
            self._accepted = self._shelf.accepted(self.name, self.identity)
        return self._accepted

    def accept(self, *tools: ToolOffer, clear: bool = False) -> None:
        """Accept tools as they are described now; with `clear` also what is suspicious about them."""
        self._shelf.accept(self.name, self.identity, *tools, clear=clear)
        self._accepted = None

    @property
    def state(self) -> str:
        """In a word or two: off, running, stopped, failed."""
        if not self.settings.enabled:
            return "off"
        if self._connection is not None and self._connection.is_open:
            return "running"
        return "failed" if self._failure else "stopped"

    @property
    def failure(self) -> str:
        """Why it could not be used the last time; empty when it could."""
        return self._failure

    # -------------------------------------------------------------------------------------------- its connection

    async def connection(self) -> Connection:
        """The one connection, made where there is none. Raises `ToolError`."""
        if not self.settings.enabled:
            raise ToolError(f"The MCP server {self.name!r} is switched off.")
        async with self._opening:
            if self._connection is None or not self._connection.is_open:
                await self._replace()
            connection = self._connection
        assert connection is not None
        try:
            await connection.ready()
        except ToolError as error:
            if connection is self._connection and not self._failure:
                self._failed(str(error), error.remedy)
            raise
        return connection

    async def _replace(self) -> None:
        """Make a new connection, after nothing is left of the old one."""
        old = self._connection
        if old is not None:
            await old.closed()
            if old.crashed and not self._failure and time.monotonic() - old.since < _EARLY:
                self._failed("it ended soon after it was started")
            elif old.offer is not None and not self._failure:
                self._failures = 0
        pause = min(2.0 ** (self._failures - 1), _LONGEST_PAUSE) if self._failures else 0.0
        left = self._failed_at + pause - time.monotonic()
        if left > _SHORT:
            raise ToolError(
                f"The MCP server {self.name!r} failed {self._failures} times in a row, the last time because: "
                f"{one_line(self._failure, 300)} It is tried again in {left:.0f} s.",
                remedy=f"See `hermes mcp logs {self.name}` or run `hermes mcp test {self.name}`.",
            )
        if left > 0:
            await asyncio.sleep(left)
        self._failure = ""
        # Imported here: a conversation that calls no server needs none of what is behind it.
        from hermes_mcp.connection import Connection

        self._connection = Connection(
            self.name,
            self.settings,
            self._context,
            identity=self.identity,
            environ=os.environ,
            directory=self._directory,
            logfile=self.log,
            learned=self._learned,
        )
        self._connection.begin()

    def _failed(self, why: str, remedy: str = "") -> None:
        self.remedy = remedy
        self._failures += 1
        self._failed_at = time.monotonic()
        self._failure = why

    def _learned(self, offer: Offer) -> None:
        before = self.offer
        self._offer = offer
        self._shelf.keep(offer)
        self._accepted = None
        self._told(self, before, offer)

    async def stop(self) -> bool:
        """End the connection; whether there was one. The next call starts it again."""
        connection = self._connection
        if connection is None or not connection.is_open:
            return False
        await connection.end()
        return True

    async def aclose(self) -> None:
        """Leave nothing of it, whatever it is doing."""
        if self._connection is not None:
            await self._connection.end()

    async def refresh(self) -> Offer:
        """Start it, fetch its list, and stop it again where it was not running before. Raises `ToolError`."""
        running = self._connection is not None and self._connection.is_open
        connection = await self.connection()
        assert connection.offer is not None
        if running:
            from hermes_mcp.listing import fetch

            self._learned(await connection.call(lambda client: fetch(client, self.name, self.identity)))
        else:
            await self.stop()
        return self.offer or connection.offer
