"""A conversation: its messages, its model, its tools, and the turns one after another."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_host.agent.approvals import ApprovalGate
from hermes_host.agent.history import PROMPT, REMOVED, numbered_messages, recorded_state, settle
from hermes_host.agent.memories import FlushReason, Memories, MemoryUse
from hermes_host.agent.prompt import assemble
from hermes_host.agent.toolbox import Toolbox
from hermes_host.agent.turn import Turn
from hermes_host.agent.watch import LoopWatch
from hermes_host.context import SessionContext
from hermes_host.dispatch import notify
from hermes_host.errors import NotFound, SessionError, Unsupported
from hermes_host.events import Notice
from hermes_host.messages import Message, user_message
from hermes_host.protocols import (
    Approver,
    Chat,
    Exchange,
    ModelRequest,
    ModelSettings,
    Provider,
    Questioner,
    SessionWriter,
)
from hermes_host.records import SessionInfo, SessionRecord
from hermes_host.services import NOTICES, ApprovalPolicy, PromptExpander

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hermes_host.events import Event
    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ProviderSpec, ToolSpec
    from hermes_host.stream import ProviderEvent, Usage

__all__ = ["Session"]

SETTINGS = "host.settings"
"""The state record with what was set for this conversation alone."""

TERMINAL = "host.terminal"
"""The state record with the terminal backend that was chosen for this conversation."""

INTERRUPT_LIMIT = 0.8
"""Seconds a turn gets to end after an interrupt, before it is left behind."""


class Session:
    """One conversation of a host; made by `Host.start` and `Host.resume`."""

    def __init__(
        self,
        host: Host,
        writer: SessionWriter,
        records: Sequence[SessionRecord],
        *,
        provider: Contribution[ProviderSpec],
        model_name: str,
        tools: Sequence[Contribution[ToolSpec]],
        approver: Approver | None,
        questioner: Questioner | None,
        yolo: bool,
        memory: MemoryUse = "full",
        max_turns: int = 0,
        terminal: str = "",
        behind: Session | None = None,
        chat: Chat | None = None,
        extra_tools: Sequence[Contribution[ToolSpec]] = (),
        directory: str = "",
    ) -> None:
        self.host = host
        self._writer = writer
        self._provider = provider
        self.model_name = model_name
        numbered = numbered_messages(records)
        self._messages: list[Message] = [message for _, message in numbered]
        self._record_ids: list[str] = [record_id for record_id, _ in numbered]
        self.usage: Usage = writer.info.usage
        self.context = SessionContext(
            writer.info.id,
            directory=directory or writer.info.directory or os.getcwd(),
            source=writer.info.source,
            record_state=self._record_state,
            recorded_state=recorded_state(records),
            announce=self.announce,
            chat=chat,
        )
        self.memories = Memories(host, self.context, memory)
        self._max_turns = max_turns
        self._waiting_notices: deque[Notice] = deque(maxlen=20)
        self._listener: Callable[[Notice], None] | None = None
        self.system: str = str(self.context.recorded(PROMPT).get("system", ""))
        reasoning = self.context.recorded(SETTINGS).get("reasoning") or host.config.section("agent").reasoning_effort
        self.settings = msgspec.convert({"reasoning": reasoning}, ModelSettings)
        self.steering: deque[str] = deque()
        self.begun: set[str] = set()
        approvals = host.config.section("approvals")
        leader: ApprovalGate | None = behind.gate if behind is not None else None
        terminal = terminal or str(self.context.recorded(TERMINAL).get("name", ""))
        self.context.terminal = terminal
        self.children: list[Session] = []
        """Live sessions that work for this one: interrupting and steering it reaches them."""
        self._behind = behind
        if behind is not None:
            behind.children.append(self)
        self.gate: ApprovalGate = ApprovalGate(
            session_id=self.id,
            rules=host.rules,
            approver=approver,
            yolo=yolo or approvals.mode == "off",
            timeout=approvals.timeout,
            source=self.context.source,
            leader=leader,
            policy=lambda: host.services.find(ApprovalPolicy),
        )
        self.extra_tools = extra_tools
        """Those of its tools that no other conversation has."""
        self.toolbox = Toolbox(
            host,
            tools,
            extra=extra_tools,
            session=self.context,
            gate=self.gate,
            questioner=questioner,
            started=self._tool_started,
        )
        self.approver, self.questioner, self.yolo = approver, questioner, yolo
        self._prepared = False
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._recover(records)

    # ------------------------------------------------------------------------------------------------- looking

    @property
    def id(self) -> str:
        """`YYYYMMDD_HHMMSS_<6 hex digits>`."""
        return self._writer.info.id

    @property
    def info(self) -> SessionInfo:
        """What the store says about it."""
        return self._writer.info

    @property
    def messages(self) -> Sequence[Message]:
        """The conversation so far. The list grows; its members never change."""
        return self._messages

    @property
    def model(self) -> str:
        """`provider:model`."""
        return f"{self._provider.name}:{self.model_name}"

    @property
    def provider(self) -> Contribution[ProviderSpec]:
        """Where the model is reached."""
        return self._provider

    @property
    def leader(self) -> Session | None:
        """The session this one works for."""
        return self._behind

    @property
    def busy(self) -> bool:
        """Whether a turn is running."""
        return self._turn is not None

    def tools(self) -> Sequence[ToolSpec]:
        """The tools the model may call."""
        return self.toolbox.specs

    # ------------------------------------------------------------------------------------------------- talking

    async def run(self, prompt: str | Message, *, deadline: float | None = None) -> AsyncIterator[Event]:
        """Give the model a message and follow what happens; the last event is the only `TurnFinished`.

        `deadline` is in seconds from now; without it `agent.deadline` counts. Leaving the iterator early interrupts
        the turn. Raises `SessionError` when a turn is running already, or the session is closed, and `HermesError` when
        the message is refused, such as for an attachment that does not fit; nothing is then stored.
        """
        message, told = await self._expand(user_message(prompt) if isinstance(prompt, str) else prompt)
        if self._closed:
            raise SessionError(f"The session {self.id} is closed.", remedy="Resume it to go on.")
        if self._turn is not None:
            raise SessionError("A turn is running already.", remedy="Use steer() to add to it, or interrupt() it.")
        agent = self.host.config.section("agent")
        seconds = deadline if deadline is not None else (agent.deadline or None)
        notices = [*self._waiting_notices, *(Notice(text=text) for text in told)]
        self._waiting_notices.clear()
        first = len(self._messages)
        turn = Turn(
            self,
            message,
            notices=notices,
            deadline=None if seconds is None else time.monotonic() + seconds,
            budget=self._max_turns or agent.max_turns,
        )
        self._turn = turn
        self.gate.emit = self.toolbox.emit = turn.channel.put
        self._task = asyncio.create_task(turn.run(), name=f"hermes-turn-{turn.id}")
        watch = LoopWatch(self.host.plugins, turn.warn)
        watch.start()
        try:
            async for event in turn.channel:
                yield event
        finally:
            watch.stop()
            await self._leave_turn(turn, self._task)
            self._observe(turn, first)

    async def _expand(self, message: Message) -> tuple[Message, Sequence[str]]:
        """The message with what it refers to attached, and what the person is to be told about that."""
        for expander in await self.host.services.all(PromptExpander):
            message = await expander.expand(message, self.context)
        message = await self.memories.recall(message)
        notices = message.meta.get(NOTICES)
        if not notices:
            return message, ()
        meta = {key: value for key, value in message.meta.items() if key != NOTICES}
        return msgspec.structs.replace(message, meta=meta), notices

    def _observe(self, turn: Turn, first: int) -> None:
        messages = tuple(self._messages[first:])
        if turn.finished is not None and messages:
            self.memories.observe(Exchange(messages=messages, outcome=turn.finished.outcome, turn_id=turn.id))

    async def _leave_turn(self, turn: Turn, task: asyncio.Task[None]) -> None:
        if not task.done():
            task.cancel()
        if turn.finished is None:
            await asyncio.wait({task}, timeout=INTERRUPT_LIMIT)
            turn.abandon()
        self._turn = self._task = None
        self.gate.emit = self.toolbox.emit = lambda event: None
        if turn.finished is not None:
            self.usage += turn.finished.usage
            await notify(self.host.plugins, "hermes_turn_finished", session=self.context, outcome=turn.finished.outcome)

    def interrupt(self) -> None:
        """End the running turn within a second, whatever hangs. Does nothing when none is running."""
        for child in self.children:
            child.interrupt()
        turn, task = self._turn, self._task
        if turn is None or task is None:
            return
        task.cancel()
        # What ignores cancellation is left behind: the conversation goes on without it.
        asyncio.get_running_loop().call_later(INTERRUPT_LIMIT, turn.abandon)

    def steer(self, text: str) -> None:
        """Add a user message at the turn's next step, and at that of sessions that work for this one."""
        self.steering.append(text)
        for child in self.children:
            if child.busy:
                child.steer(text)

    def announce(self, notice: Notice) -> None:
        """Tell the user something: among the events of the running turn, else through the front end's listener, else
        at the beginning of the next turn."""
        if self._turn is not None and self._turn.finished is None:
            self._turn.channel.put(notice)
        elif self._listener is not None:
            self._listener(notice)
        else:
            self._waiting_notices.append(notice)

    def listen(self, listener: Callable[[Notice], None] | None) -> None:
        """Have what is announced between turns told to `listener`, beginning with what waits already."""
        self._listener = listener
        while listener is not None and self._waiting_notices:
            listener(self._waiting_notices.popleft())

    # --------------------------------------------------------------------------------------- what a turn needs

    async def prepare(self) -> None:
        """Build what the first request needs: provider, model name, system prompt."""
        if not self._prepared:
            live: Provider = await self.host.part(self._provider)
            if not self.model_name:
                self.model_name = await self._only_model(live)
            self._prepared = True
            self.toolbox.use_middleware(await self.host.middleware_parts("tool"))
        if not self.system:
            self.system = await assemble(self.host, self)
            self.context.record(PROMPT, {"system": self.system})

    async def renew_prompt(self) -> str:
        """Assemble the system prompt anew, as after a compaction, when nothing of the old prefix counts any more.

        Requests have it from the next one on.
        """
        self.system = await assemble(self.host, self)
        self.context.record(PROMPT, {"system": self.system})
        return self.system

    async def flush(self, messages: Sequence[Message], reason: FlushReason) -> None:
        """Let memories keep what is worth keeping of `messages`, which the model is about to lose sight of. Never
        raises for a memory's fault; takes at most 30 s."""
        await self.memories.flush(messages, reason)

    def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """Ask the model, through the middleware."""
        return self.host.model_calls.stream(request)

    async def _only_model(self, provider: Provider) -> str:
        name = self._provider.name
        try:
            offered = [model.id for model in await provider.models()]
        except Unsupported:
            offered = []
        if len(offered) == 1:
            return offered[0]
        listed = f"It offers {', '.join(offered[:5])}{' …' if len(offered) > 5 else ''}." if offered else ""
        raise NotFound(
            f"No model is chosen for the provider {name!r}. {listed}".rstrip(),
            remedy=f"Choose one: `hermes model set {name}:MODEL`, or `-m {name}:MODEL`.",
        )

    async def use_model(self, reference: str) -> None:
        """Go on with another model: `provider:model`, or the name of a model of the present provider.

        Raises `NotFound` or `AuthFailed` and then changes nothing.
        """
        provider, model_name = self.host.resolve_model(reference, default_provider=self._provider.name)
        live: Provider = await self.host.part(provider)
        name = model_name or await self._only_model(live)
        self._provider, self.model_name = provider, name
        self.context.record("host.model", {"model": self.model})

    # ------------------------------------------------------------------------------------------------ the log

    def append(self, message: Message, turn_id: str) -> str:
        """Store a message, then add it to the conversation; gives its record's id."""
        record_id = self.record("message", turn_id, message=message)
        self._messages.append(message)
        self._record_ids.append(record_id)
        return record_id

    def record(
        self, kind: Literal["message", "tool_started", "tool_finished", "turn_finished"], turn_id: str, **values: Any
    ) -> str:
        """Write one record."""
        record = SessionRecord(kind=kind, id=secrets.token_hex(6), time=time.time(), turn_id=turn_id, **values)
        self._writer.append(record)
        return record.id

    def _tool_started(self, call_id: str) -> None:
        self.begun.add(call_id)
        self.record("tool_started", self._turn.id if self._turn else "", call_id=call_id)

    def _record_state(self, name: str, data: dict[str, Any]) -> None:
        self._writer.append(
            SessionRecord(kind="state", id=secrets.token_hex(6), time=time.time(), name=name, data=data)
        )

    def _recover(self, records: Sequence[SessionRecord]) -> None:
        results = settle(records)
        if results is not None:
            self.append(results, "")

    def set_reasoning(self, level: str) -> None:
        """How much the model is to think from the next request on: a level of `ModelSettings.reasoning`.

        Raises `msgspec.ValidationError` for any other word.
        """
        self.settings = msgspec.convert({**msgspec.to_builtins(self.settings), "reasoning": level}, ModelSettings)
        self.context.record(SETTINGS, {"reasoning": level})

    def undo(self) -> Message | None:
        """Take the last user message and all that followed out of the conversation; gives it, or None if there is none.

        The log keeps what was taken out. Raises `SessionError` while a turn runs.
        """
        if self._turn is not None:
            raise SessionError("A turn is running.", remedy="Interrupt it first.")
        place = next((i for i in reversed(range(len(self._messages))) if self._messages[i].role == "user"), None)
        if place is None:
            return None
        taken = self._messages[place]
        removed = [*self.context.recorded(REMOVED).get("records", ()), *self._record_ids[place:]]
        self.context.record(REMOVED, {"records": removed})
        del self._messages[place:], self._record_ids[place:]
        return taken

    async def use_terminal(self, name: str) -> None:
        """Go on with another terminal backend; what runs in the present one is ended. Empty: the configured one.

        Raises `NotFound` and then changes nothing.
        """
        if name:
            self.host.terminal_backends.get(name)
        await self.host.terminals.close(self.id)
        self.context.terminal = name
        self.context.record(TERMINAL, {"name": name})

    def rename(self, title: str) -> str:
        """Give the conversation a title; gives the one really set."""
        return self._writer.rename(title)

    async def close(self, reason: str = "exit") -> None:
        """Leave the conversation: stop what runs, release what it holds. It can be resumed. May be called twice.

        With the reason `parked` it is only put aside: memories are not asked to keep anything of it.
        """
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=INTERRUPT_LIMIT)
        if reason != "parked" and any(message.role == "user" for message in self._messages):
            await self.flush(tuple(self._messages), "exit" if reason == "exit" else "reset")
        await self.memories.aclose()
        await notify(self.host.plugins, "hermes_session_ended", session=self.context, reason=reason)
        if self._behind is not None:
            self._behind.children.remove(self)
        await self.host.release(self)
        if reason == "new_session" and self._messages:
            self._writer.end(reason)
        self._writer.close()
        if not self._messages:
            self.host.forget(self.id)  # nothing was said: nothing to come back to
