"""Serves the host from inside an isolated plugin's process: its tools, its providers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import NotFound, PluginError
from hermes_host.protocols import ModelRequest, ToolOutput
from hermes_isolated.failures import fault_of
from hermes_isolated.requests import Call, Initialize, OpenProvider, StreamRequest, UseProvider
from hermes_isolated.runner.contexts import GuestHost, GuestSession, GuestToolContext
from hermes_isolated.wire import Failed, Fault, Peer

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

__all__ = ["serve"]

log = logging.getLogger("hermes_isolated")

_WINDOW = 256
"""Events of one stream that may be on their way before the host has taken them."""
_SESSIONS = 256


def serve(channel: socket.socket, limit: int) -> None:
    """Until the host hangs up. Ends the process."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(channel, limit))
    finally:
        # Threads that the plugin leaked must not keep this process.
        sys.stderr.flush()
        os._exit(0)


async def _serve(channel: socket.socket, limit: int) -> None:
    server = _Server()
    channel.setblocking(False)
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(lambda: Peer(limit=limit * 8, heard=server.heard), sock=channel)
    server.peer = peer
    await peer.closed


class _Server:
    """Answers what the host asks, each in a task of its own."""

    def __init__(self) -> None:
        self.peer: Peer
        self._host: GuestHost | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._credit: dict[int, asyncio.Semaphore] = {}
        self._sessions: dict[str, GuestSession] = {}
        self._providers: dict[int, Any] = {}
        self._methods: dict[str, Callable[[int, bytes], Awaitable[Any]]] = {
            "initialize": self._initialize,
            "tools/call": self._call,
            "hermes/providers/open": self._open,
            "hermes/providers/stream": self._stream,
            "hermes/providers/models": self._models,
            "hermes/providers/close": self._close,
        }

    def heard(self, method: str, number: int | None, params: msgspec.Raw) -> None:
        """Begin to answer."""
        if number is None:
            if method == "notifications/cancelled":
                task = self._tasks.get(json.loads(bytes(params))["requestId"])
                if task is not None:
                    task.cancel()
            elif method == "hermes/providers/credit":
                found = json.loads(bytes(params))
                for _ in range(found["count"] if found["id"] in self._credit else 0):
                    self._credit[found["id"]].release()
            return
        task = asyncio.get_running_loop().create_task(self._answer(method, number, bytes(params)))
        self._tasks[number] = task

    async def _answer(self, method: str, number: int, params: bytes) -> None:
        try:
            answer = self._methods.get(method)
            if answer is None:
                raise NotFound(f"There is no method {method!r}.")
            self.peer.answer(number, await answer(number, params))
        except asyncio.CancelledError:
            self.peer.refuse(number, "cancelled", Fault(kind="PluginError"))
        except Exception as error:  # the boundary to the plugin's code
            if fault_of(error)[1].kind == "PluginError":
                log.error("%s failed", method, exc_info=error)
            self.peer.refuse(number, *fault_of(error))
        finally:
            del self._tasks[number]

    # ------------------------------------------------------------------------------------------------- beginning

    async def _initialize(self, number: int, params: bytes) -> dict[str, Any]:
        given = msgspec.json.decode(params, type=Initialize)
        scratch = Path(tempfile.mkdtemp(prefix="hermes-isolated-"))
        if given.settings:
            # JSON is YAML.
            (scratch / "config.yaml").write_text(json.dumps({given.plugin: given.settings}), encoding="utf-8")
        host = GuestHost(given.plugin, scratch=scratch, folders=Path(given.home), secrets=given.secrets)
        try:
            record = host.plugins.record(given.plugin)
        except KeyError:
            raise PluginError(f"There is no plugin {given.plugin!r} in its environment.") from None
        if record.state != "loaded":
            raise PluginError("; ".join(problem.line() for problem in record.problems) or f"it is {record.state}")
        self._host = host
        return {
            "protocolVersion": "2025-06-18",
            "serverInfo": {"name": record.distribution, "version": record.version},
            "capabilities": {"tools": {}, "experimental": {"hermes": {}}},
            "tools": {tool.name: sorted(tool.spec.effects) for tool in host.tools if tool.plugin == given.plugin},
            "providers": [each.name for each in host.providers if each.plugin == given.plugin],
            "problems": [problem.line() for problem in record.problems],
        }

    @property
    def _guest(self) -> GuestHost:
        if self._host is None:
            raise PluginError("It was not initialized.")
        return self._host

    # ---------------------------------------------------------------------------------------------------- tools

    async def _call(self, number: int, params: bytes) -> dict[str, Any]:
        wanted = msgspec.json.decode(params, type=Call)
        host = self._guest
        tool = host.tools.get(wanted.name)
        parameters = host.parameters(tool)
        if parameters is None:
            raise PluginError(f"The parameters of the tool {wanted.name!r} cannot be read.")
        # Against a JSON schema the host has held them already, and what checks them takes long to import.
        by_schema = not isinstance(tool.spec.parameters, str)
        arguments = wanted.arguments if by_schema else parameters.check(wanted.arguments)
        handler = host.target(tool, tool.spec.target)
        context = self._context(number, wanted, tool.spec.effects)
        output = _as_output(await handler(arguments, context))
        content = [{"type": "text", "text": output.content}] if isinstance(output.content, str) else output.content
        return {"content": content, "isError": output.is_error, "_meta": {"title": output.title, "diff": output.diff}}

    def _context(self, number: int, wanted: Call, effects: frozenset[str]) -> GuestToolContext:
        meta = wanted.meta
        session = self._session(wanted)
        session.say = lambda text, level, code: self.peer.notify(
            "hermes/announce", {"call": number, "text": text, "level": level, "code": code}
        )
        session._record_state = lambda name, data: self.peer.notify(
            "hermes/record", {"call": number, "name": name, "data": data}
        )
        return GuestToolContext(
            self._guest.context(self._guest.plugin),
            session,
            ask=(lambda *question: self._ask(number, *question)) if meta.can_ask else None,
            call_id=meta.call_id,
            turn_id=meta.turn_id,
            tool=wanted.name,
            deadline=time.monotonic() + meta.remaining,
            progress=lambda text: self.peer.notify("notifications/progress", {"call": number, "message": str(text)}),
            can_approve=meta.can_approve,
            effects=effects,
            origin=lambda: meta.origin,
        )

    def _session(self, wanted: Call) -> GuestSession:
        meta = wanted.meta
        session = self._sessions.pop(meta.session, None)
        if session is None:
            session = GuestSession(
                meta.session,
                directory=meta.directory,
                source=meta.source,
                record_state=None,
                recorded_state=meta.recorded,
            )
        session.directory = meta.directory
        self._sessions[meta.session] = session
        if len(self._sessions) > _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session

    async def _ask(self, number: int, text: str, choices: tuple[str, ...], timeout: float, secret: bool) -> str | None:
        params = {"call": number, "text": text, "choices": choices, "timeout": timeout, "secret": secret}
        try:
            _, answer = self.peer.request("hermes/ask", params)
            return msgspec.json.decode(await answer, type=str | None)
        except Failed as error:
            raise PluginError(str(error)) from None

    # ------------------------------------------------------------------------------------------------- providers

    async def _open(self, number: int, params: bytes) -> int:
        wanted = msgspec.json.decode(params, type=OpenProvider)
        host = self._guest
        contribution = host.providers.get(wanted.provider)
        if contribution.plugin != host.plugin:
            raise NotFound(f"There is no provider {wanted.provider!r}.")
        make = host.target(contribution, contribution.spec.target)
        context = host.context(host.plugin).with_secrets(lambda name: wanted.secrets.get(name, ""))
        made = make(context, contribution.spec)
        self._providers[number] = await made if hasattr(made, "__await__") else made
        return number

    def _provider(self, handle: int) -> Any:
        if handle not in self._providers:
            raise NotFound("There is no such provider.")
        return self._providers[handle]

    async def _stream(self, number: int, params: bytes) -> None:
        wanted = msgspec.json.decode(params, type=StreamRequest)
        provider = self._provider(wanted.handle)
        request = msgspec.json.decode(wanted.request, type=ModelRequest)
        credit = self._credit[number] = asyncio.Semaphore(_WINDOW)
        try:
            async with aclosing(provider.stream(request)) as events:
                async for event in events:
                    await credit.acquire()
                    self.peer.notify(
                        "hermes/providers/event", {"call": number, "kind": type(event).__name__, "event": event}
                    )
        finally:
            del self._credit[number]

    async def _models(self, number: int, params: bytes) -> Any:
        return await self._provider(msgspec.json.decode(params, type=UseProvider).handle).models()

    async def _close(self, number: int, params: bytes) -> None:
        provider = self._providers.pop(msgspec.json.decode(params, type=UseProvider).handle, None)
        if provider is not None:
            await provider.aclose()


def _as_output(value: Any) -> ToolOutput:
    if isinstance(value, ToolOutput):
        return value
    if value is None:
        return ToolOutput(content="Done.")
    return ToolOutput(content=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
