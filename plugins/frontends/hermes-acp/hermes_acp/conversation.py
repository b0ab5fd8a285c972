"""One conversation of an editor: a prompt at a time, told as it happens, ended within a second when it is cancelled."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_acp import slash
from hermes_acp.mcp_servers import HandedOver
from hermes_acp.modes import mode_of
from hermes_acp.people import Person
from hermes_acp.prompt import message_of
from hermes_acp.relay import Relay, usage_of
from hermes_acp.replay import chunk, past
from hermes_acp.toolcalls import ToolCalls
from hermes_host.errors import HermesError, SessionError, Unsupported
from hermes_host.events import TurnFinished
from hermes_host.frontends import split_slash_command
from hermes_host.messages import Media, Text, user_message
from hermes_host.services import Accounts, Catalog

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from hermes_acp.editor import Editor
    from hermes_acp.options import Options
    from hermes_host.agent import Session
    from hermes_host.events import Notice
    from hermes_host.host import Host
    from hermes_host.messages import Message
    from hermes_host.services import ModelFacts
    from hermes_host.specs import ToolSpec

__all__ = ["Conversation", "TurnFailed"]

GRACE = 0.9
"""Seconds a cancelled prompt gets to tell its end, before it is ended untold."""

_STOP_REASONS = {
    "completed": "end_turn",
    "truncated": "max_tokens",
    "budget": "max_turn_requests",
    "interrupted": "cancelled",
}


class TurnFailed(HermesError):
    """A turn failed; `kind` is the class name of the error."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Conversation:
    """A session of the host, and what belongs to it at this editor alone."""

    def __init__(self, editor: Editor, host: Host) -> None:
        self.editor = editor
        self.host = host
        self.person = Person(self)
        self.session: Session | None = None
        self.options: Options | None = None
        self.servers = HandedOver({})
        """The MCP servers that the editor handed over for it."""
        self.calls = ToolCalls(self.specs, self._directory)
        self._relay = Relay(self.calls)
        self._specs: dict[str, ToolSpec] = {}
        self._work: asyncio.Task[dict[str, Any]] | None = None
        self._cancelled = False
        self._told: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin_anew(self, directory: str) -> None:
        """Be told from the beginning once more, as an editor asks that opens what is open already."""
        self.live.context.directory = directory
        self.calls = ToolCalls(self.specs, self._directory)
        self._relay = Relay(self.calls)

    def attach(self, session: Session, options: Options) -> None:
        """Take the session this is the front of."""
        self.session, self.options = session, options
        self._specs = {spec.name: spec for spec in session.tools()}
        self._told = self._state()
        session.listen(lambda notice: self.spawn(self._tell(notice)))

    @property
    def live(self) -> Session:
        """The session."""
        if self.session is None:
            raise SessionError("The conversation has not begun.")
        return self.session

    @property
    def id(self) -> str:
        """The session's id, which is the editor's too."""
        return self.live.id

    @property
    def mode(self) -> str:
        """The mode it is in."""
        return mode_of(self.live.context)

    @property
    def busy(self) -> bool:
        """Whether a prompt is being answered."""
        return self._work is not None

    def specs(self) -> Mapping[str, ToolSpec]:
        """The tools, by name."""
        return self._specs

    def _directory(self) -> str:
        return self.live.context.directory

    async def update(self, update: dict[str, Any]) -> None:
        """Tell the editor something."""
        await self.editor.update(self.id, update)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the conversation is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reached(self, request_id: str) -> None:
        """Wait until the editor was told everything that was said before this approval was asked for."""
        if self.live.busy:
            await self._relay.reached(request_id)

    # ------------------------------------------------------------------------------------------------- prompts

    async def prompt(self, blocks: Sequence[Any]) -> dict[str, Any]:
        """Answer a prompt; gives the answer of the protocol. Raises `HermesError`.

        While one is being answered only commands that may run beside it are taken.
        """
        message = message_of(blocks)
        command = _command(message)
        if self._work is not None:
            if command is not None and slash.runs_beside(self.host, command[0]):
                answer = await self._command(*command)
                if answer.said:
                    await self.update(chunk("agent", answer.said))
                return {"stopReason": "end_turn"}
            raise SessionError(
                "A prompt is being answered in this conversation already.",
                remedy="Wait for its end or cancel it; `/steer TEXT` adds to it.",
            )
        self._cancelled = False
        self._work = work = asyncio.get_running_loop().create_task(self._answer(message, command))
        try:
            await asyncio.wait({work})
        finally:
            self._work = None
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=GRACE)
        if work.cancelled() or self._cancelled and isinstance(work.exception(), HermesError):
            return {"stopReason": "cancelled"}
        result = work.result()
        return {**result, "stopReason": "cancelled"} if self._cancelled else result

    def cancel(self) -> None:
        """End the running prompt, wherever it is. Does nothing when there is none."""
        work = self._work
        if work is None:
            return
        self._cancelled = True
        if self.live.busy:
            self.live.interrupt()
            asyncio.get_running_loop().call_later(GRACE, work.cancel)
        else:
            work.cancel()

    async def _answer(self, message: Message, command: tuple[str, str] | None) -> dict[str, Any]:
        if command is None:
            return await self._turn(_unescaped(message))
        answer = await self._command(*command)
        if answer.said:
            await self.update(chunk("agent", answer.said))
        await self.tell_changes()
        if answer.submitted is None:
            return {"stopReason": "end_turn"}
        submitted = answer.submitted
        return await self._turn(user_message(submitted) if isinstance(submitted, str) else submitted)

    async def _command(self, name: str, arguments: str) -> slash.Answer:
        options = {"approver": self.person, "questioner": self.person}
        return await slash.run(self.host, self.live, name, arguments, options)

    async def _turn(self, message: Message) -> dict[str, Any]:
        await self._refuse_unseen(message)
        finished: TurnFinished | None = None
        async with aclosing(self.live.run(message)) as events:  # type: ignore[type-var]
            async for event in events:
                for update in self._relay.updates(event, self.live.context):
                    await self.update(update)
                if isinstance(event, TurnFinished):
                    finished = event
        await self._tell_usage()
        await self.tell_changes()
        if finished is None:
            return {"stopReason": "cancelled"}
        if finished.outcome == "failed":
            raise TurnFailed(finished.error or "The turn failed.", finished.error_kind)
        if finished.outcome == "budget" and finished.error:
            await self.update(chunk("agent", f"\n\n*{finished.error}*"))
        return {"stopReason": _STOP_REASONS[finished.outcome], "usage": usage_of(finished.usage)}

    async def _refuse_unseen(self, message: Message) -> None:
        """Images for a model that is known not to see any are refused, not lost."""
        if not any(isinstance(part, Media) and part.kind == "image" for part in message.parts):
            return
        facts = await self._facts()
        if facts is not None and facts.source not in ("", "assumed") and "image" not in facts.inputs:
            raise Unsupported(f"The model {self.live.model} cannot see images.", remedy="Choose another model.")

    async def _facts(self) -> ModelFacts | None:
        catalog = await self.host.services.find(Catalog)
        session = self.live
        return catalog.facts(session.provider.name, session.model_name) if catalog is not None else None

    # ------------------------------------------------------------------------------------------------- telling

    async def replay(self) -> None:
        """Tell the whole past."""
        for update in past(self.live.messages, self.calls):
            await self.update(update)
        plan = self._relay.plan(self.live.context)
        if plan is not None:
            await self.update(plan)

    async def introduce(self, notice: str = "") -> None:
        """What an editor is told once it knows the conversation: its commands, and models that had to be asked for."""
        if notice:
            await self.update(chunk("agent", notice))
        await self.update(await slash.advertised(self.host, self.live))
        if self.options is not None and await self.options.ask_provider():
            await self.update({"sessionUpdate": "config_option_update", "configOptions": self.options.listed()})

    async def tell_changes(self) -> None:
        """Tell what was changed since the editor was last told: mode, model, level of thinking, title, plan."""
        before, now = self._told, self._state()
        self._told = now
        if self.options is not None and any(before[key] != now[key] for key in ("mode", "model", "thinking")):
            await self.update({"sessionUpdate": "config_option_update", "configOptions": self.options.listed()})
        if before["mode"] != now["mode"]:
            await self.update({"sessionUpdate": "current_mode_update", "currentModeId": now["mode"]})
        if now["title"] and before["title"] != now["title"]:
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            await self.update({"sessionUpdate": "session_info_update", "title": now["title"], "updatedAt": moment})
        plan = self._relay.plan(self.live.context)
        if plan is not None:
            await self.update(plan)

    def _state(self) -> dict[str, Any]:
        session = self.live
        return {
            "mode": self.mode,
            "model": session.model,
            "thinking": session.settings.reasoning,
            "title": session.info.title or session.info.preview,
        }

    async def _tell(self, notice: Notice) -> None:
        for update in self._relay.updates(notice, self.live.context):
            await self.update(update)

    async def _tell_usage(self) -> None:
        facts = await self._facts()
        used = self._relay.context_tokens
        if facts is None or not facts.context or facts.source == "assumed" or not used:
            return
        update: dict[str, Any] = {"sessionUpdate": "usage_update", "used": used, "size": facts.context}
        accounts = await self.host.services.find(Accounts)
        if accounts is not None:
            spent = accounts.of_session(self.id)
            if spent.calls > spent.unpriced:
                update["cost"] = {"amount": round(spent.cost, 6), "currency": "USD"}
        await self.update(update)

    # ------------------------------------------------------------------------------------------------- the end

    async def close(self) -> None:
        """Stop what runs and leave the session; it can be loaded again."""
        self.cancel()
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=GRACE)
        for task in list(self._tasks):
            task.cancel()
        with suppress(HermesError):
            self.live.listen(None)
            await self.live.close()


def _command(message: Message) -> tuple[str, str] | None:
    """The slash command a message consists of."""
    only = message.parts[0] if len(message.parts) == 1 else None
    return split_slash_command(only.text.strip()) if isinstance(only, Text) else None


def _unescaped(message: Message) -> Message:
    first = message.parts[0]
    if not isinstance(first, Text) or not first.text.startswith("//"):
        return message
    return msgspec.structs.replace(message, parts=(Text(text=first.text[1:]), *message.parts[1:]))
