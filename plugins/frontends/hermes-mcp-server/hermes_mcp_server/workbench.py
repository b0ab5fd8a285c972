"""Tool calls of clients: each client's in a session of its own, through the checks and the gate of a model's calls."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError
from hermes_host.events import ToolProgress
from hermes_host.messages import ToolCall
from hermes_mcp_server.asking import ClientApprover, ClientQuestioner
from hermes_mcp_server.caller import CALLERS
from hermes_mcp_server.results import failure, tool_result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from mcp_types import CallToolResult

    from hermes_host.agent.session import Session
    from hermes_host.events import Event
    from hermes_host.host import Host
    from hermes_host.messages import Provenance
    from hermes_mcp_server.caller import Caller

__all__ = ["Workbench"]


class Workbench:
    """One client's calls. Its session holds no messages, so nothing of it stays when it is closed."""

    def __init__(
        self, host: Host, *, tools: Sequence[str], attended: bool, origin: Provenance, lasting: bool = True
    ) -> None:
        """`attended`: the client says that it can ask a person. `lasting`: more calls of the same client may come."""
        self._host = host
        self._tools = tuple(tools)
        self._attended = attended
        self._origin = origin
        self._lasting = lasting
        self._callers: dict[str, Caller] = {}
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._alone = asyncio.Lock()
        self._calls = 0
        self._closing = False

    @property
    def tools(self) -> Sequence[str]:
        """The names it was made with."""
        return self._tools

    async def call(self, caller: Caller, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Make a call. Every failure is a result; being cancelled ends it."""
        self._calls += 1
        try:
            session = self._session or await self._open()
            self._callers[caller.id] = caller
            wanted = ToolCall(id=caller.id, name=name, arguments=arguments)
            async with self._place(session, wanted):
                return tool_result(await session.toolbox.run(wanted, turn_id="", deadline=None))
        except HermesError as error:
            return failure(str(error))
        finally:
            self._callers.pop(caller.id, None)
            self._calls -= 1
            if self._closing and not self._calls:
                await self._close()

    async def aclose(self) -> None:
        """Release the session, once nothing runs in it any more."""
        self._closing = True
        if not self._calls:
            await self._close()

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _place(self, session: Session, call: ToolCall) -> AbstractAsyncContextManager[Any]:
        # What a tool may not do beside others of a turn it may not do beside a client's others either.
        return nullcontext() if session.toolbox.may_run_beside(call) else self._alone

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None:
                session = await self._host.start(
                    source="mcp",
                    toolsets=self._tools,
                    approver=ClientApprover(self._find, lasting=self._lasting) if self._attended else None,
                    questioner=ClientQuestioner(self._find) if self._attended else None,
                    memory="none",
                )
                session.toolbox.use_middleware(await self._host.middleware_parts("tool"))
                session.toolbox.emit = self._heard
                session.toolbox.origin = self._origin
                session.context.memory[CALLERS] = self._callers
                self._session = session
            return self._session

    def _find(self, call_id: str) -> Caller | None:
        # A call that a tool makes bears the id of the one it is part of, a dot and a number.
        return self._callers.get(call_id.partition(".")[0])

    def _heard(self, event: Event) -> None:
        if isinstance(event, ToolProgress):
            caller = self._find(event.call_id)
            if caller is not None:
                caller.progress(event.text)
