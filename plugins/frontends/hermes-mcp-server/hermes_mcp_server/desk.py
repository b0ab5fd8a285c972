"""Where `tools/call` requests come in: each one's work is a task, which a cancellation ends and an answer wakes."""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, InputRequiredResult

from hermes_mcp_server.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams

__all__ = ["Desk"]

_KEPT = 600.0
"""Seconds a call that asked something waits for its client to come back."""


class _Waiting(msgspec.Struct):
    caller: Caller
    work: asyncio.Task[CallToolResult]
    call: str
    expiry: asyncio.TimerHandle


class Desk:
    """The running calls of all clients."""

    def __init__(self, *, elicitation: bool) -> None:
        self._elicitation = elicitation
        self._waiting: dict[str, _Waiting] = {}
        self._running: set[asyncio.Task[CallToolResult]] = set()

    async def handle(
        self,
        context: ServerRequestContext[Any, Any],
        params: CallToolRequestParams,
        work: Callable[[Caller], Awaitable[CallToolResult]],
        *,
        level: str = "info",
    ) -> CallToolResult | InputRequiredResult:
        """Begin `work` for a new call, or go on with the one that waits for what this request brings."""
        if params.request_state is None:
            caller = Caller(context, elicitation=self._elicitation, level=level)
            task = asyncio.get_running_loop().create_task(_told(caller, work))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        else:
            waiting = self._take(params)
            caller, task = waiting.caller, waiting.work
            caller.attach(context)
            caller.answer(params.input_responses)
        try:
            if not caller.modern:
                return await asyncio.shield(task)
            questions = await caller.until(task)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if questions is None:
            return task.result()
        return InputRequiredResult(input_requests=questions, request_state=self._keep(caller, task, params))

    async def aclose(self) -> None:
        """End what runs."""
        for waiting in self._waiting.values():
            waiting.expiry.cancel()
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=2.0)

    def _keep(self, caller: Caller, task: asyncio.Task[CallToolResult], params: CallToolRequestParams) -> str:
        state = secrets.token_urlsafe(24)
        expiry = asyncio.get_running_loop().call_later(_KEPT, self._expire, state)
        self._waiting[state] = _Waiting(caller, task, _fingerprint(params), expiry)
        return state

    def _take(self, params: CallToolRequestParams) -> _Waiting:
        """The call behind a state, which serves once and for exactly that call."""
        waiting = self._waiting.pop(params.request_state or "", None)
        if waiting is None or waiting.call != _fingerprint(params):
            raise MCPError(INVALID_PARAMS, "No such call waits for an answer. Send it again without requestState.")
        waiting.expiry.cancel()
        return waiting

    def _expire(self, state: str) -> None:
        waiting = self._waiting.pop(state, None)
        if waiting is not None:
            waiting.work.cancel()


async def _told(caller: Caller, work: Callable[[Caller], Awaitable[CallToolResult]]) -> CallToolResult:
    result = await work(caller)
    await caller.told()  # what is told of a call after its result would be about nothing
    return result


def _fingerprint(params: CallToolRequestParams) -> str:
    identity = msgspec.json.encode([params.name, params.arguments], order="deterministic", enc_hook=str)
    return hashlib.sha256(identity).hexdigest()
