"""The editor at the other end: what it can do, and what it is told and asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acp.connection import Connection
    from acp.schema import ClientCapabilities

    from hermes_acp.wires import LineTransport

__all__ = ["Editor", "EditorGone"]


class EditorGone(Exception):
    """Nobody is there to answer, or the answer was an error."""


class Editor:
    """One connection. Every message bears the conversation's id; nothing is kept for all of them."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.transport: LineTransport | None = None
        self.forms = False
        """Whether it can show a form."""
        self._telling: set[asyncio.Task[None]] = set()
        self.terminal_sign_in = False
        """Whether it can run a program in a terminal to set the agent up."""

    def learn(self, capabilities: ClientCapabilities | None) -> None:
        """Take in what it says it can do."""
        if capabilities is None:
            return
        self.forms = capabilities.elicitation is not None and capabilities.elicitation.form is not None
        self.terminal_sign_in = bool(capabilities.auth is not None and getattr(capabilities.auth, "terminal", False))

    async def update(self, session_id: str, update: dict[str, Any]) -> None:
        """Tell it something about a conversation. Does nothing when it has gone away."""
        if self.connection is None:
            return
        try:
            await self.connection.send_notification("session/update", {"sessionId": session_id, "update": update})
        except ConnectionError:
            pass  # the end of the connection ends every turn; what happened is in the log

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask it something. Raises `EditorGone` without a usable answer."""
        from acp import RequestError

        if self.connection is None:
            raise EditorGone
        try:
            answer = await self.connection.send_request(method, params)
        except asyncio.CancelledError:
            self._withdraw()
            raise
        except (ConnectionError, RequestError) as error:
            raise EditorGone(str(error)) from error
        if not isinstance(answer, dict):
            raise EditorGone("The answer is no object.")
        return answer

    def _withdraw(self) -> None:
        """Tell it that the running task waits for its answer no more, so that it need not show the question longer."""
        identity = self.transport.last_request() if self.transport is not None else None
        if identity is None or self.connection is None:
            return
        told = self.connection.send_notification("$/cancel_request", {"requestId": identity})
        task = asyncio.get_running_loop().create_task(told)
        self._telling.add(task)
        task.add_done_callback(self._told)

    def _told(self, task: asyncio.Task[None]) -> None:
        self._telling.discard(task)
        if not task.cancelled():
            task.exception()  # an editor that has gone away need not be told
