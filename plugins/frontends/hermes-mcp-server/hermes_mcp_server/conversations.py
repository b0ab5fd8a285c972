"""The tool `converse`: turns of the agent for clients, one at a time in each conversation."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import mcp_types as types
import msgspec

from hermes_host.errors import HermesError, NotFound, SessionError
from hermes_host.events import AnswerRestarted, Notice, TextDelta, ToolProgress, ToolStarted, TurnFinished
from hermes_host.messages import user_message
from hermes_mcp_server.asking import ClientApprover, ClientQuestioner
from hermes_mcp_server.caller import CALLERS, TURN
from hermes_mcp_server.results import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext
    from hermes_host.events import Event
    from hermes_host.host import Host
    from hermes_mcp_server.caller import Caller
    from hermes_mcp_server.settings import Settings

__all__ = ["CONVERSE", "Conversations", "Wanted"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `converse`."""

    message: str
    session_id: str = ""


CONVERSE = types.Tool(
    name="converse",
    title="Talk to the agent",
    description="Give the agent of this host a message and get its answer. It has tools, skills and a memory of its "
    "own. Give session_id to go on with a conversation. Progress notifications carry the answer as it is written; "
    "cancelling the call interrupts the turn.",
    input_schema={
        "type": "object",
        "properties": {
            "message": {"type": "string", "description": "What to say.", "minLength": 1},
            "session_id": {"type": "string", "description": "From an earlier answer; left out: a new conversation."},
        },
        "required": ["message"],
        "additionalProperties": False,
    },
    output_schema={
        "type": "object",
        "properties": {
            "session_id": {"type": "string"},
            "outcome": {"type": "string", "enum": ["completed", "truncated", "interrupted", "budget", "failed"]},
            "text": {"type": "string"},
            "error": {"type": "string"},
        },
        "required": ["session_id", "outcome", "text"],
    },
    annotations=types.ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True),
)

_LEVELS: dict[str, types.LoggingLevel] = {"info": "info", "warning": "warning", "error": "error"}


class _Live(msgspec.Struct):
    session: Any
    attended: bool
    callers: dict[str, Any]
    busy: bool = False


class Conversations:
    """The conversations that clients hold, kept open so that the next message finds them warm."""

    def __init__(
        self,
        host: Host,
        context: PluginContext,
        settings: Settings,
        *,
        changed: Callable[[str, bool], None] = lambda session_id, new: None,
    ) -> None:
        """`changed` is told of each turn's end: whose, and whether it was the conversation's first."""
        self._host = host
        self._context = context
        self._settings = settings
        self._changed = changed
        self._live: OrderedDict[str, _Live] = OrderedDict()
        self._opening = asyncio.Lock()

    async def converse(self, caller: Caller, arguments: dict[str, Any]) -> types.CallToolResult:
        """One turn. Every failure is a result; being cancelled interrupts the turn."""
        try:
            wanted = msgspec.convert(arguments, Wanted)
        except msgspec.ValidationError as error:
            return failure(f"The arguments do not fit: {error}.")
        if not wanted.message.strip():
            return failure("The message is empty.")
        try:
            async with self._opening:
                live = await self._find(wanted.session_id, caller)
                live.busy = True
        except HermesError as error:
            return failure(str(error))
        new = not live.session.messages
        live.callers[TURN] = caller
        try:
            return await self._turn(live.session, wanted.message, caller)
        except HermesError as error:
            return failure(str(error))
        finally:
            live.callers.clear()
            live.busy = False
            self._changed(live.session.id, new)

    async def aclose(self) -> None:
        """Leave all of them; each can be gone on with later."""
        for live in list(self._live.values()):
            await live.session.close()
        self._live.clear()

    # ------------------------------------------------------------------------------------------------- which one

    async def _find(self, session_id: str, caller: Caller) -> _Live:
        found = self._live.get(session_id) if session_id else None
        if found is not None and found.busy:
            raise SessionError(
                f"A turn is running already in the session {session_id!r}.", remedy="Wait for its answer, or cancel it."
            )
        if found is not None and found.attended != caller.can_elicit:  # another client: who can be asked has changed
            del self._live[session_id]
            await found.session.close()
            found = None
        if found is None:
            await self._make_room()
            found = await self._open(session_id, caller)
        self._live[found.session.id] = found
        self._live.move_to_end(found.session.id)
        return found

    async def _open(self, session_id: str, caller: Caller) -> _Live:
        callers: dict[str, Any] = {}
        attended = caller.can_elicit
        choices: dict[str, Any] = {"toolsets": self._settings.conversation_toolsets}
        if attended:
            choices["approver"] = ClientApprover(lambda _: callers.get(TURN))
            choices["questioner"] = ClientQuestioner(lambda _: callers.get(TURN))
        session: Session
        if session_id:
            session = await self._host.resume(self._reference(session_id), **choices)
        else:
            session = await self._host.start(source="mcp", **choices)
        session.context.memory[CALLERS] = callers
        return _Live(session=session, attended=attended, callers=callers)

    def _reference(self, session_id: str) -> str:
        unknown = NotFound(
            f"There is no session {session_id!r} for clients.", remedy="Leave session_id out to begin a conversation."
        )
        try:
            info = self._host.sessions.find(session_id)
        except NotFound:
            raise unknown from None
        seen = self._settings.sessions
        if info.id != session_id or (info.source != "mcp" and seen != "all"):
            raise unknown
        return info.id

    async def _make_room(self) -> None:
        while len(self._live) >= self._settings.max_conversations:
            idle = next((name for name, live in self._live.items() if not live.busy), None)
            if idle is None:
                raise SessionError(
                    f"{len(self._live)} conversations are under way.", remedy="Wait until one of them has its answer."
                )
            live = self._live.pop(idle)
            # What memories keep of it may take a while, and nobody needs to wait for that.
            self._context.spawn(live.session.close(), name=f"close session {idle}")

    # -------------------------------------------------------------------------------------------------- one turn

    async def _turn(self, session: Session, message: str, caller: Caller) -> types.CallToolResult:
        finished: TurnFinished | None = None
        said = user_message(message, provenance=self._settings.callers)
        async with aclosing(session.run(said)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, TurnFinished):
                    finished = event
                else:
                    _tell(caller, event)
        assert finished is not None, "a turn ends with TurnFinished"
        return _answer(session.id, finished)


def _tell(caller: Caller, event: Event) -> None:
    if isinstance(event, TextDelta):
        caller.text(event.text)
    elif isinstance(event, ToolStarted):
        caller.progress(f"[{event.name}] {event.shown}".rstrip())
    elif isinstance(event, ToolProgress):
        caller.progress(event.text)
    elif isinstance(event, AnswerRestarted):
        caller.progress(f"[The answer begins anew: {event.reason}]")
    elif isinstance(event, Notice):
        caller.log(_LEVELS[event.level], event.text)


def _answer(session_id: str, finished: TurnFinished) -> types.CallToolResult:
    structured = {"session_id": session_id, "outcome": finished.outcome, "text": finished.text}
    if finished.error:
        structured["error"] = finished.error
    words = [finished.text, finished.error and f"Error: {finished.error}", f"session_id: {session_id}"]
    return types.CallToolResult(
        content=[types.TextContent(text=text) for text in words if text],
        structured_content=structured,
        is_error=finished.outcome in ("failed", "interrupted"),
    )
