"""The client behind one request: what it is told while the work goes on, and what it can be asked.

Up to the protocol of 2025-11-25 a server asks by a request of its own. Since 2026-07-28 it answers with what it needs,
and the client sends its request again: the work waits meanwhile, and goes on where it was.
"""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import mcp_types as types
from mcp.server.connection import allowed_log_levels
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext

    from hermes_host.context import ToolContext

__all__ = ["CALLERS", "TURN", "Caller", "caller_of"]

log = logging.getLogger(__name__)

CALLERS = "mcp-server.callers"
"""The key of `SessionContext.memory` under which the callers of running calls are, by the id of the call."""

TURN = "turn"
"""Stands among those ids for every call of the running turn."""

_MESSAGE_LIMIT = 2_000
"""Characters of one progress notification."""

_BACKLOG = 1_000
"""Notifications that may wait for a slow client; of more, the oldest are left out."""

_PATIENCE = 5.0
"""Seconds a client that reads nothing may hold up the work it waits for."""

_LEVELS: tuple[types.LoggingLevel, ...] = (
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
)  # fmt: skip

Answer = TypeVar("Answer", types.ElicitResult, types.CreateMessageResult)


class Caller:
    """One `tools/call`, from its first request to its result."""

    def __init__(self, context: ServerRequestContext[Any, Any], *, elicitation: bool, level: str = "info") -> None:
        """`level` is what a client of the older protocols asked to be told from on."""
        self.id = secrets.token_hex(8)
        self._elicitation = elicitation
        self._level = level
        self._number = 0.0
        self._outbox: deque[tuple[float | None, float | None, str, bool]] = deque(maxlen=_BACKLOG)
        self._logs: deque[tuple[types.LoggingLevel, Any, str]] = deque(maxlen=_BACKLOG)
        self._pump: asyncio.Task[None] | None = None
        self._questions: dict[str, tuple[Any, asyncio.Future[Any]]] = {}
        self._wake: asyncio.Future[None] | None = None
        self.attach(context)

    def attach(self, context: ServerRequestContext[Any, Any]) -> None:
        """From now on this request stands for the call."""
        self._context = context
        self.modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        self._token = (context.meta or {}).get("progress_token")

    # ------------------------------------------------------------------------------------------------ what it can do

    @property
    def can_elicit(self) -> bool:
        """Whether a person can be asked there."""
        offered = self._context.session.client_capabilities
        form = offered.elicitation if offered is not None else None
        if form is None or not self._elicitation:
            return False
        return form.form is not None or form.url is None

    @property
    def can_sample(self) -> bool:
        """Whether its model can be asked."""
        offered = self._context.session.client_capabilities
        return offered is not None and offered.sampling is not None

    # ----------------------------------------------------------------------------------------------------- telling

    def progress(self, text: str = "", *, done: float | None = None, total: float | None = None) -> None:
        """Tell how far the work is; nothing happens where the client did not ask for it."""
        if self._token is not None:
            self._outbox.append((done, total, text, False))
            self._send_soon()

    def text(self, piece: str) -> None:
        """Show more of an answer as it is written. Pieces that wait for the client become one."""
        if self._token is None or not piece:
            return
        if self._outbox and self._outbox[-1][3]:
            piece = self._outbox.pop()[2] + piece
        self._outbox.append((None, None, piece, True))
        self._send_soon()

    def log(self, level: types.LoggingLevel, data: Any, *, logger: str = "hermes") -> None:
        """A log message, where the client wants those of this level."""
        if self._wants(level):
            self._logs.append((level, data, logger))
            self._send_soon()

    async def told(self) -> None:
        """Wait until what was to be told is on its way."""
        pump = self._pump
        if pump is not None:
            await asyncio.wait({pump}, timeout=_PATIENCE)
            if not pump.done():
                pump.cancel()

    async def close_stream(self) -> None:
        """Let go of the HTTP response of this request; the client comes back for the rest. Does nothing on pipes."""
        await self.told()
        if self._context.close_sse_stream is not None:
            await self._context.close_sse_stream()

    def _wants(self, level: types.LoggingLevel) -> bool:
        if self.modern:
            return level in allowed_log_levels(self._context.protocol_version, self._context.meta)
        return _LEVELS.index(level) >= _LEVELS.index(self._level)

    def _send_soon(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._outbox or self._logs:
                if self._logs:
                    level, data, logger = self._logs.popleft()
                    message = types.LoggingMessageNotificationParams(level=level, data=data, logger=logger)
                    await self._notify(types.LoggingMessageNotification(params=message))
                    continue
                done, total, text, _ = self._outbox.popleft()
                if self._token is None:
                    continue
                self._number = self._number + 1 if done is None else max(done, self._number)
                progress = types.ProgressNotificationParams(
                    progress_token=self._token,
                    progress=self._number,
                    total=total,
                    message=text[-_MESSAGE_LIMIT:] or None,
                )
                await self._notify(types.ProgressNotification(params=progress))
        except Exception as error:  # the boundary to the SDK; a client that is gone hears nothing more
            log.debug("a client cannot be told", exc_info=error)
            self._outbox.clear()
            self._logs.clear()

    async def _notify(self, notification: Any) -> None:
        await self._context.session.send_notification(notification, related_request_id=self._context.request_id)

    # ------------------------------------------------------------------------------------------------------ asking

    async def elicit(self, message: str, schema: Mapping[str, Any]) -> types.ElicitResult | None:
        """Put a form to the person at the client. None where nobody can be asked, or the client failed."""
        if not self.can_elicit:
            return None
        params = types.ElicitRequestFormParams(message=message, requested_schema=dict(schema))
        return await self._ask(types.ElicitRequest(params=params), types.ElicitResult)

    async def sample(
        self, messages: list[types.SamplingMessage], *, max_tokens: int
    ) -> types.CreateMessageResult | None:
        """Ask the client's model. None where that cannot be done, or the client refuses."""
        if not self.can_sample:
            return None
        params = types.CreateMessageRequestParams(messages=messages, max_tokens=max_tokens)
        return await self._ask(types.CreateMessageRequest(params=params), types.CreateMessageResult)

    async def _ask(self, request: Any, kind: type[Answer]) -> Answer | None:
        await self.told()
        if self.modern:
            return await self._ask_by_answer(request, kind)
        related = ServerMessageMetadata(related_request_id=self._context.request_id)
        try:
            return await self._context.session.send_request(request, kind, metadata=related)
        except (MCPError, ValueError) as error:
            log.info("a client did not answer: %s", error)
            return None

    async def _ask_by_answer(self, request: Any, kind: type[Answer]) -> Answer | None:
        key = f"question-{secrets.token_hex(4)}"
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._questions[key] = (request, answer)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        try:
            given = await answer
        finally:
            self._questions.pop(key, None)
        return given if isinstance(given, kind) else None

    # ------------------------------------------------------------------- between requests, since the 2026 protocol

    async def until(self, work: asyncio.Task[Any]) -> dict[str, Any] | None:
        """Wait for the end of `work`, or for what the client must answer first: those requests, by key."""
        while not work.done():
            if self._questions:
                return {key: request for key, (request, _) in self._questions.items()}
            self._wake = asyncio.get_running_loop().create_future()
            await asyncio.wait({work, self._wake}, return_when=asyncio.FIRST_COMPLETED)
        return None

    def answer(self, given: Mapping[str, Any] | None) -> None:
        """What the client answers; a question without an answer counts as not answered."""
        for key, (_, answer) in list(self._questions.items()):
            if not answer.done():
                answer.set_result((given or {}).get(key))
            self._questions.pop(key, None)


def caller_of(call: ToolContext) -> Caller | None:
    """The MCP client behind a tool call, for tools that use what only MCP has; None on every other surface."""
    callers: dict[str, Caller] = call.session.memory.get(CALLERS, {})
    return callers.get(call.call_id.partition(".")[0]) or callers.get(TURN)
