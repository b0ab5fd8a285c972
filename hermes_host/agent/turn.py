"""One turn: from the user's message to `TurnFinished`.

The turn runs in a task of its own and speaks through a channel; cancelling the task is how it is interrupted. Every
message is appended to the session's log before anything acts on it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING

from hermes_host.agent.channel import Channel
from hermes_host.agent.history import with_unique_calls
from hermes_host.agent.repeats import Repeats
from hermes_host.errors import BudgetExceeded, HermesError, InvalidResponse
from hermes_host.events import (
    AnswerRestarted,
    MessageAdded,
    Notice,
    Outcome,
    Responding,
    SegmentFinished,
    SteeringAdded,
    StepFinished,
    ToolCallStarted,
    TurnFinished,
    TurnStarted,
)
from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall, ToolResult, tool_message, user_message
from hermes_host.protocols import ModelRequest, ModelSettings
from hermes_host.stream import (
    AttemptDiscarded,
    MessageEnded,
    PartDelta,
    PartEnded,
    PartStarted,
    ProviderEvent,
    ProviderNotice,
    Usage,
    UsageReported,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hermes_host.agent.session import Session

__all__ = ["Turn"]

log = logging.getLogger(__name__)

NOTES = ((0.9, "wrap up now: finish the most important thing and answer"), (0.7, "start to bring the work to an end"))
"""Shares of the iteration budget at which the model is told, and what."""


class Turn:
    """The state of one running turn."""

    def __init__(
        self,
        session: Session,
        prompt: Message,
        *,
        deadline: float | None,
        budget: int,
        notices: Sequence[Notice] = (),
    ) -> None:
        """`deadline` is a time of the monotonic clock; `budget` the number of requests to the model; `notices` are for
        the person who sent the prompt."""
        self._notices = notices
        self.id = secrets.token_hex(6)
        self.channel = Channel()
        self.finished: TurnFinished | None = None
        self._session = session
        self._prompt = prompt
        self._deadline = deadline
        self._budget = budget
        self._began = time.monotonic()
        self._steps = 0
        self._usage = Usage()
        self._step_usage = Usage()
        self._text = ""
        self._partial: list[Part] = []
        self._piece: list[str] = []
        self._kind = ""
        self._results: dict[str, ToolResult] = {}
        self._noted = 0.0
        self._error = ""
        self._repeats = Repeats()

    # ------------------------------------------------------------------------------------------------ the turn

    async def run(self) -> None:
        """Do it all; always ends with `TurnFinished` and a closed channel."""
        try:
            async with asyncio.timeout_at(_loop_time(self._deadline)):
                outcome = await self._run()
            self._finish(outcome, self._error, "RepeatedCall" if self._error else "")
        except asyncio.CancelledError:
            self.abandon()
        except TimeoutError:
            self._settle()
            self._finish("budget", "The turn's time is up.", "TimeoutError")
        except BudgetExceeded as error:
            self._settle()
            self._finish("budget", str(error), type(error).__name__)
        except HermesError as error:
            self._settle()
            self._finish("failed", str(error), type(error).__name__)
        except Exception as error:
            log.exception("a turn failed")
            self._settle()
            self._finish("failed", f"Internal error: {type(error).__name__}: {error}", type(error).__name__)

    async def _run(self) -> Outcome:
        session = self._session
        self._append(self._prompt)
        session.toolbox.origin = self._prompt.provenance
        self.channel.put(TurnStarted(session_id=session.id, turn_id=self.id, model=session.model))
        for notice in self._notices:
            self.channel.put(notice)
        await session.prepare()
        while self._steps < self._budget:
            self._take_steering()
            ended = await self._ask()
            if ended.message.tool_calls:
                await self._call_tools(ended.message.tool_calls)
                self._step_finished()
                if self._repeats.hopeless:
                    return self._stop_repeating()
                continue
            self._step_finished()
            if ended.stop_reason == "length":
                return "truncated"
            if ended.stop_reason == "refused":
                self.channel.put(Notice(text="The model's vendor refused to answer.", level="warning", code="refused"))
            if not session.steering:
                return "completed"
        return await self._out_of_budget()

    def _stop_repeating(self) -> Outcome:
        text = f"The model made the same failing call {self._repeats.count} times in a row, so the turn was stopped."
        self.channel.put(Notice(text=text, level="error", code="repeated_call"))
        self._error = f"{text} Say what to do differently, or try another model."
        return "failed"

    async def _out_of_budget(self) -> Outcome:
        await self._ask(ModelSettings(tool_choice="none"))
        self._step_finished()
        self.channel.put(
            Notice(
                text=f"The limit of {self._budget} steps is reached (agent.max_turns).", level="warning", code="budget"
            )
        )
        return "budget"

    def _take_steering(self) -> None:
        while self._session.steering:
            text = self._session.steering.popleft()
            self._append(user_message(text))
            self.channel.put(SteeringAdded(text=text))

    # ------------------------------------------------------------------------------------------------ the model

    async def _ask(self, settings: ModelSettings | None = None) -> MessageEnded:
        session = self._session
        self._partial, self._piece, self._kind = [], [], ""
        self._step_usage = Usage()
        self._steps += 1
        request = ModelRequest(
            provider=session.provider.name,
            model=session.model_name,
            messages=tuple(session.messages),
            system=session.system,
            tools=session.toolbox.definitions(),
            settings=settings or session.settings,
            session_id=session.id,
            timeout=None if self._deadline is None else max(0.0, self._deadline - time.monotonic()),
        )
        ended = with_unique_calls(await self._read(session.stream(request)))
        self._partial, self._piece = [], []
        self._usage += ended.usage
        self._step_usage = ended.usage
        self._text = ended.message.text
        message_id = self._append(ended.message)
        if ended.message.text:
            self.channel.put(SegmentFinished(text=ended.message.text))
        self.channel.put(MessageAdded(message=ended.message, message_id=message_id))
        return ended

    async def _read(self, events: AsyncIterator[ProviderEvent]) -> MessageEnded:
        ended: MessageEnded | None = None
        channel = self.channel
        write: Callable[[str], None] | None = None
        begun = False
        async for event in events:
            if type(event) is PartDelta:
                if write is not None:
                    self._piece.append(event.text)
                    write(event.text)
                    if len(self._piece) & 0xFF == 0:
                        await channel.room()
            elif type(event) is PartStarted:
                if not begun:
                    begun = True
                    channel.put(Responding(kind=event.kind))
                self._piece, self._kind = [], event.kind
                write = {"text": channel.text, "reasoning": channel.reasoning}.get(event.kind)
                if event.kind == "tool_call":
                    channel.put(ToolCallStarted(name=event.name))
            elif type(event) is PartEnded:
                self._partial.append(event.part)
                self._piece, self._kind, write = [], "", None
            elif type(event) is MessageEnded:
                ended = event
            elif type(event) is UsageReported:
                self._step_usage = event.usage
            elif type(event) is AttemptDiscarded:
                self._partial, self._piece, self._kind, write = [], [], "", None
                channel.put(AnswerRestarted(reason=self._session.host.secrets.redact(event.reason)))
            elif type(event) is ProviderNotice:
                channel.put(Notice(text=self._session.host.secrets.redact(event.text), code=event.code))
        if ended is None:
            raise InvalidResponse("The model's stream ended without an end-of-message event.")
        if not ended.message.parts and ended.stop_reason == "end":
            raise InvalidResponse("The model gave an empty answer.", remedy="Ask again, or try another model.")
        return ended

    # ------------------------------------------------------------------------------------------------ the tools

    async def _call_tools(self, calls: tuple[ToolCall, ...]) -> None:
        self._results = {}
        self._session.begun.clear()
        batch: list[ToolCall] = []
        for call in calls:
            if self._session.toolbox.may_run_beside(call):
                batch.append(call)
                continue
            await self._run_batch(batch, several=len(calls) > 1)
            await self._run_batch([call], several=len(calls) > 1)
            batch = []
        await self._run_batch(batch, several=len(calls) > 1)
        self._add_results([self._results[call.id] for call in calls])

    async def _run_batch(self, batch: list[ToolCall], *, several: bool) -> None:
        if len(batch) == 1:
            await self._run_call(batch[0], several)
        elif batch:
            async with asyncio.TaskGroup() as group:
                for call in batch:
                    group.create_task(self._run_call(call, several))

    async def _run_call(self, call: ToolCall, several: bool) -> None:
        result = await self._session.toolbox.run(call, turn_id=self.id, deadline=self._deadline)
        if self.finished is not None:
            raise asyncio.CancelledError
        self._results[call.id] = result
        self._repeats.see(call, result)
        if several:
            self._session.record("tool_finished", self.id, call_id=call.id, message=tool_message(result))

    def _add_results(self, results: list[ToolResult]) -> None:
        note = " ".join(filter(None, (self._repeats.note(), self._budget_note())))
        if note:
            last = results[-1]
            content = (*last.content, Text(text=f"\n\n[{note}]"))
            results = [
                *results[:-1],
                ToolResult(
                    call_id=last.call_id,
                    name=last.name,
                    content=content,
                    is_error=last.is_error,
                    provenance=last.provenance,
                    meta=last.meta,
                ),
            ]
        message = tool_message(*results)
        self._results = {}
        self.channel.put(MessageAdded(message=message, message_id=self._append(message)))

    def _budget_note(self) -> str:
        if self._steps >= self._budget:
            return (
                f"The limit of {self._budget} steps is reached. Answer now, without tools: what is done, what is not."
            )
        for share, advice in NOTES:
            if self._noted < share <= self._steps / self._budget:
                self._noted = share
                return f"{self._steps} of {self._budget} steps are used; {advice}."
        return ""

    # ------------------------------------------------------------------------------------------------- the end

    def _append(self, message: Message) -> str:
        if self.finished is not None:
            raise asyncio.CancelledError  # left behind after an interrupt: the conversation has gone on without it
        return self._session.append(message, self.id)

    def _step_finished(self) -> None:
        self.channel.put(StepFinished(step=self._steps, usage=self._step_usage))

    def warn(self, text: str) -> None:
        """Tell the user something, unless the turn is over."""
        if self.finished is None:
            self.channel.put(Notice(text=text, level="warning"))

    def abandon(self) -> None:
        """End the turn as interrupted, now, keeping what was said and telling what was not done."""
        self._settle()
        self._finish("interrupted")

    def _settle(self) -> None:
        """Keep an unfinished answer, and give every open call a result, so that the log can be continued."""
        if self.finished is not None:
            return
        try:
            self._keep_partial()
            self._close_calls()
        except HermesError:
            log.exception("the end of a turn could not be stored")

    def _keep_partial(self) -> None:
        if self._piece and self._kind in ("text", "reasoning"):
            text = "".join(self._piece)
            self._partial.append(Text(text=text) if self._kind == "text" else Reasoning(text=text))
        kept = tuple(part for part in self._partial if isinstance(part, Text))
        self._partial, self._piece = [], []
        if kept:
            message = Message(role="assistant", parts=kept, incomplete=True)
            self._text = message.text
            self.channel.put(MessageAdded(message=message, message_id=self._append(message)))

    def _close_calls(self) -> None:
        messages = self._session.messages
        calls = messages[-1].tool_calls if messages and messages[-1].role == "assistant" else ()
        if calls:
            results = [self._results.get(call.id) or self._unfinished(call) for call in calls]
            self._add_results(results)

    def _unfinished(self, call: ToolCall) -> ToolResult:
        begun = call.id in self._session.begun
        text = (
            "Interrupted while it ran; it may have taken effect in part." if begun else "Interrupted; it was not run."
        )
        return ToolResult(
            call_id=call.id, name=call.name, content=(Text(text=text),), is_error=True, provenance="owner"
        )

    def _finish(self, outcome: Outcome, error: str = "", kind: str = "") -> None:
        if self.finished is not None:
            return
        # A vendor may put the key it refuses, or a part of the request, into its error.
        error = self._session.host.secrets.redact(error)
        self.finished = TurnFinished(
            outcome=outcome,
            text=self._text,
            steps=self._steps,
            usage=self._usage,
            seconds=time.monotonic() - self._began,
            error=error,
            error_kind=kind,
        )
        try:
            self._session.record("turn_finished", self.id, outcome=outcome, usage=self._usage)
        except HermesError:
            log.exception("the end of a turn could not be stored")
        self.channel.put(self.finished)
        self.channel.close()


def _loop_time(deadline: float | None) -> float | None:
    # The loop's clock is the monotonic one, but that is not promised: convert by the distance.
    return None if deadline is None else asyncio.get_running_loop().time() + deadline - time.monotonic()
