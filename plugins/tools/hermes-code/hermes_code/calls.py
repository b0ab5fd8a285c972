"""The tool calls of a script: each on the same path as the model's own, counted, answered."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_code.channel import BrokenChannel, framed
from hermes_code.stub import withheld
from hermes_host.errors import HermesError
from hermes_host.messages import Text, ToolResult
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from hermes_host.context import ToolContext

__all__ = ["Calls", "Request"]

_WAITING_AT_MOST = 1_000
"""Answers a script has not read. One that asks without reading is broken, and must not fill the memory."""


class Request(msgspec.Struct, frozen=True):
    """What a script asks for."""

    id: int
    tool: str
    arguments: dict[str, Any]


_decoder = msgspec.json.Decoder(Request)


class Calls:
    """Makes the calls of one script. `tools` are those it may call, `beside` those that may run beside others."""

    def __init__(self, call: ToolContext, tools: Collection[str], *, beside: Collection[str], limit: int) -> None:
        self._call = call
        self._tools = tools
        self._beside = beside
        self._limit = limit
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING_AT_MOST)
        self._alone = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self.made = 0
        """Calls so far, without those that were refused here."""

    def take(self, data: bytes) -> None:
        """Begin a call. Raises `BrokenChannel` for data that is no request."""
        try:
            request = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BrokenChannel(one_line(str(error), 200)) from None
        refusal = self._refusal(request)
        if refusal:
            try:
                self._answers.put_nowait(_answer(request, error=refusal))
            except asyncio.QueueFull:
                raise BrokenChannel("it asks without reading the answers") from None
            return
        self.made += 1
        self._call.progress(f"[{self.made}] {request.tool} {_shown(request.arguments)}".rstrip() + "\n")
        task = asyncio.create_task(self._make(request), name=f"script calls {request.tool}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def input(self, first: bytes) -> AsyncIterator[bytes]:
        """Standard input of the command: `first`, then the answers."""
        yield first
        while (answer := await self._answers.get()) is not None:
            yield answer

    async def end(self) -> None:
        """Cancel the calls that run, and wait for that."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        if self._answers.full():
            self._answers.get_nowait()
        self._answers.put_nowait(None)

    def _refusal(self, request: Request) -> str:
        if request.tool == self._call.tool:
            return f"A script cannot call {request.tool!r}."
        if request.tool not in self._tools:
            there_are = ", ".join(sorted(self._tools)) or "none"
            return f"Scripts here have no tool {one_line(request.tool, 80)!r}. There are: {there_are}."
        names = withheld(request.tool, request.arguments)
        if names:
            return f"Scripts cannot give {request.tool!r} the argument {names[0]!r}."
        if self.made >= self._limit:
            return f"The limit of {self._limit} tool calls of one script is reached; this one was not made."
        return ""

    async def _make(self, request: Request) -> None:
        try:
            if request.tool in self._beside:
                result = await self._call.call_tool(request.tool, request.arguments)
            else:
                async with self._alone:
                    result = await self._call.call_tool(request.tool, request.arguments)
        except HermesError as error:
            answer = _answer(request, error=str(error))
        else:
            answer = _answer(request, **{"error" if result.is_error else "text": _text(result)})
        await self._answers.put(answer)


def _answer(request: Request, **answer: str) -> bytes:
    return framed(json.dumps({"id": request.id, **answer}).encode("ascii"))


def _text(result: ToolResult) -> str:
    return "".join(part.text if isinstance(part, Text) else f"[{_kind(part)} left out]" for part in result.content)


def _kind(part: object) -> str:
    return str(getattr(part, "kind", "") or type(part).__name__.lower())


def _shown(arguments: dict[str, Any]) -> str:
    first = next((value for value in arguments.values() if isinstance(value, str)), "")
    return one_line(first, 80)
