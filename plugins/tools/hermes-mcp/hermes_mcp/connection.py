"""One live connection to a server: a task that owns the client, and what calls need of it."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError, ToolError
from hermes_host.visible import one_line
from hermes_mcp.child import Child, child_environment, streams
from hermes_mcp.requests import Requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping

    from hermes_host.context import PluginContext, ToolContext
    from hermes_mcp.logfile import LogFile
    from hermes_mcp.offers import Offer
    from hermes_mcp.settings import ServerSettings

__all__ = ["Connection", "reason"]

log = logging.getLogger(__name__)

_PATIENCE = 2.0
"""Seconds to wait until nothing is left of a connection that did not come about."""
_REFRESH_PAUSE = 2.0
"""Seconds between two lists a server makes us fetch by saying that they changed."""


class Connection:
    """Made for one run of a server; a new run needs a new one."""

    def __init__(
        self,
        name: str,
        settings: ServerSettings,
        context: PluginContext,
        *,
        identity: str,
        environ: Mapping[str, str],
        logfile: LogFile,
        learned: Callable[[Offer], None],
        directory: str = "",
    ) -> None:
        """`learned` is told of every list the server gives; a program runs in `directory` unless the settings say
        where, and without both in the home directory."""
        self.name = name
        self.settings = settings
        self.context = context
        self.logfile = logfile
        self.offer: Offer | None = None
        self.since = 0.0
        self._identity = identity
        self._environ = environ
        self._directory = os.path.expanduser(settings.cwd or directory or "~")
        self._learned = learned
        self._client: Any = None
        self._child: Child | None = None
        self._requests = Requests(name, settings, context, logfile)
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._used = time.monotonic()
        self._calls = 0
        self.crashed = False
        """Whether it ended without having been asked to."""
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------------- its life

    def begin(self) -> None:
        """Start and connect, beside whoever asked."""
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        self._task = self.context.spawn(self._live(), name=f"server {self.name}")

    @property
    def is_open(self) -> bool:
        """Whether calls can be made, now or in a moment."""
        ended = self._child is not None and self._child.ended.is_set()
        return self._task is not None and not self._task.done() and not self._stop.is_set() and not ended

    async def ready(self) -> None:
        """Wait until calls can be made. Raises `ToolError` when that fails or takes too long."""
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                await asyncio.shield(self._ready)
            self._used = time.monotonic()
        except TimeoutError:
            self.close()
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task], timeout=_PATIENCE)
            raise ToolError(
                f"The MCP server {self.name!r} did not connect within {self.settings.connect_timeout:g} s."
                f"{self._last_words()}",
                remedy=f"See `hermes mcp logs {self.name}`.",
            ) from None

    def close(self) -> None:
        """Ask it to end."""
        self._stop.set()

    async def end(self) -> None:
        """End it, also while it still connects, and wait until nothing of it is left."""
        self.close()
        if self._task is not None and not self._ready.done():
            self._task.cancel()
        await self.closed()

    async def closed(self) -> None:
        """Wait until nothing of it is left."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _live(self) -> None:
        try:
            await self._connected()
        except asyncio.CancelledError:
            self._fail("it was stopped")
            raise
        except Exception as error:  # noqa: BLE001 - the boundary to the SDK and to the server
            self._fail(self.logfile.redact(reason(error)))
        finally:
            self._stop.set()
            self._client = None
        self.logfile.write("ended" if self._child is None else f"ended, exit code {self._child.code}", origin="hermes")

    def _fail(self, why: str) -> None:
        self.logfile.write(f"failed: {why}", origin="hermes")
        if not self._ready.done():
            text = f"The MCP server {self.name!r} cannot be used: {why.rstrip('.')}.{self._last_words()}"
            self._ready.set_exception(ToolError(text, remedy=f"See `hermes mcp logs {self.name}`."))

    async def _connected(self) -> None:
        # 0.8 s, in which everything else goes on.
        mcp: Any = await asyncio.to_thread(importlib.import_module, "mcp")
        from hermes_mcp.listing import fetch

        async with AsyncExitStack() as stack:
            client = mcp.Client(
                self._transport(),
                client_info=_client_info(),
                logging_callback=self._logged,
                message_handler=self._heard,
                cache=None,
                log_level="info",
                **self._requests.callbacks(),
            )
            await stack.enter_async_context(client)
            await stack.enter_async_context(self._listening(client))
            self.offer = await fetch(client, self.name, self._identity)
            self._client = client
            self.since = self._used = time.monotonic()
            self.logfile.write(f"connected: {self.offer.software}, protocol {self.offer.protocol}", origin="hermes")
            self._learned(self.offer)
            self._ready.set_result(None)
            await self._until_unused(client, fetch)

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[tuple[Any, Any]]:
        if self.settings.url:
            from hermes_mcp.endpoint import http_streams
            from hermes_mcp.sign_in import auth_for

            auth = auth_for(self.context, self.name, self.settings, self._requests)
            async with http_streams(self.settings, auth) as pair:
                yield pair
            return
        self._child = await Child.start(
            [self.settings.command, *self.settings.args],
            environ=child_environment(self._environ, self.settings.env),
            directory=self._directory,
        )
        async with streams(self._child, self.logfile) as pair:
            yield pair

    async def _until_unused(self, client: Any, fetch: Callable[..., Awaitable[Offer]]) -> None:
        waits = {"stop": self._stop, "changed": self._changed}
        if self._child is not None:
            waits["ended"] = self._child.ended
        tasks = {asyncio.create_task(event.wait()): name for name, event in waits.items()}
        try:
            while not self._stop.is_set():
                left = self._used + self.settings.idle_timeout - time.monotonic()
                if left <= 0 and not self._calls:
                    return
                pause = self.settings.idle_timeout if self._calls else left
                done, _ = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                names = {tasks[task] for task in done}
                if names & {"stop", "ended"}:
                    self.crashed = "ended" in names and "stop" not in names
                    return
                if "changed" in names:
                    tasks = {task: name for task, name in tasks.items() if name != "changed"}
                    await self._refetch(client, fetch)
                    tasks[asyncio.create_task(self._changed.wait())] = "changed"
        finally:
            self._stop.set()  # from now on a call needs a new connection
            for task in tasks:
                task.cancel()

    @asynccontextmanager
    async def _listening(self, client: Any) -> AsyncIterator[None]:
        """Hear of changes from now on: what changes while the first list is fetched must not be missed."""
        began = asyncio.Event()
        listening = asyncio.create_task(self._listen(client, began))
        try:
            await asyncio.wait([asyncio.create_task(began.wait())], timeout=_PATIENCE)
            began.set()
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def _listen(self, client: Any, began: asyncio.Event) -> None:
        """Since the protocol of 2026-07-28 one has to ask to be told of changes."""
        try:
            await self._listen_for_changes(client, began)
        except Exception as error:  # noqa: BLE001 - the boundary to the server; without it changes are seen later
            self.logfile.write(f"it cannot tell of changes: {reason(error)}", origin="hermes")
        finally:
            began.set()

    async def _listen_for_changes(self, client: Any, began: asyncio.Event) -> None:
        from mcp_types.version import MODERN_PROTOCOL_VERSIONS

        tools, prompts = client.server_capabilities.tools, client.server_capabilities.prompts
        wanted = {"tools_list_changed": bool(tools and tools.list_changed)}
        wanted["prompts_list_changed"] = bool(prompts and prompts.list_changed)
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not any(wanted.values()):
            return
        async with client.listen(**wanted) as changes:
            began.set()
            async for _ in changes:
                self._changed.set()

    async def _refetch(self, client: Any, fetch: Callable[..., Awaitable[Offer]]) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                self.offer = await fetch(client, self.name, self._identity)
        except Exception as error:  # noqa: BLE001 - the boundary to the server; the list it gave before counts on
            self.logfile.write(f"its new list cannot be had: {reason(error)}", origin="hermes")
        else:
            self._learned(self.offer)
        # However often it says so: one list in a while.
        try:
            async with asyncio.timeout(_REFRESH_PAUSE):
                await self._stop.wait()
        except TimeoutError:
            pass

    # --------------------------------------------------------------------------------------------------- its calls

    async def call(self, work: Callable[[Any], Coroutine[Any, Any, Any]], call: ToolContext | None = None) -> Any:
        """Do something with the client within the server's time limit. Raises `ToolError` for every way it can fail.

        Time in which a person is asked does not count. Being cancelled tells the server so.
        """
        client = self._client
        if client is None or not self.is_open:
            raise ToolError(f"The MCP server {self.name!r} has ended.{self._last_words()}", remedy="Try once more.")
        self._calls += 1
        try:
            async with self._requests.during(call) as clock:
                return await clock.run(work(client))
        except TimeoutError:
            limit = self.settings.timeout
            text = f"The MCP server {self.name!r} did not answer within {limit:g} s; the call was cancelled there."
            raise ToolError(text, remedy="It may have taken effect all the same.") from None
        except HermesError:
            raise
        except Exception as error:  # the boundary to the SDK and to the server
            raise await self._explained(error) from error
        finally:
            self._calls -= 1
            self._used = time.monotonic()

    async def _explained(self, error: Exception) -> ToolError:
        if self._child is not None and (self._child.ended.is_set() or "Connection closed" in str(error)):
            try:
                async with asyncio.timeout(2.0):
                    await self._child.process.wait()
            except TimeoutError:
                pass
            ended = "ended" if self._child.code is None else f"ended (exit code {self._child.code})"
            return ToolError(
                f"The MCP server {self.name!r} {ended} during this call.{self._last_words()}",
                remedy="The call may have taken effect. The next one starts it again.",
            )
        if self._requests.refused is not None:
            self.close()
            return self._requests.refused
        if self._child is None and (type(error).__name__ != "MCPError" or _is_over(error)):
            self.close()  # the next call connects anew
        return ToolError(f"The MCP server {self.name!r} failed: {self.logfile.redact(reason(error))}")

    def _last_words(self) -> str:
        words = " | ".join(self.logfile.last[-3:])
        return f" It wrote: {one_line(words, 500).rstrip('.')}." if words else ""

    # ------------------------------------------------------------------------------------------- what it tells us

    async def _logged(self, params: Any) -> None:
        self.logfile.write(f"{params.level}: {params.data}", origin="server")

    async def _heard(self, message: Any) -> None:
        if getattr(message, "method", "").endswith("/list_changed"):
            self._changed.set()


def _is_over(error: Exception) -> bool:
    return any(words in str(error) for words in ("Connection closed", "Session terminated", "Session not found"))


def _client_info() -> Any:
    from mcp_types import Implementation

    from hermes_host import __version__

    return Implementation(name="hermes-host", version=__version__)


def reason(error: BaseException) -> str:
    """Why something failed, in a line: the innermost of a group."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    text = one_line(str(error), 500)
    if isinstance(error, HermesError):
        return text
    kind = type(error).__name__
    return text if kind == "MCPError" and text else f"{kind}: {text}" if text else kind
