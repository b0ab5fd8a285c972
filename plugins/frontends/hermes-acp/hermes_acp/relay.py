"""Events of a turn as updates for the editor, in their order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hermes_acp.replay import chunk
from hermes_host.events import (
    AnswerRestarted,
    ApprovalRequested,
    MessageAdded,
    Notice,
    ReasoningDelta,
    SteeringAdded,
    StepFinished,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from hermes_host.messages import ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_acp.toolcalls import ToolCalls
    from hermes_host.context import SessionContext
    from hermes_host.events import Event
    from hermes_host.stream import Usage

__all__ = ["Relay", "usage_of"]

_PLAN = "planning.todo"
"""The state record of the todo list of hermes-planning."""

_STATUSES = ("pending", "in_progress", "completed")


class Relay:
    """What was told of one conversation so far."""

    def __init__(self, calls: ToolCalls) -> None:
        self._calls = calls
        self._plan: Any = {}
        self._requests: dict[str, asyncio.Event] = {}
        self.context_tokens = 0
        """Tokens in the model's context after the last step."""

    async def reached(self, request_id: str) -> None:
        """Wait until the event that announces this approval was relayed, and with it all before."""
        await self._requests.setdefault(request_id, asyncio.Event()).wait()
        self._requests.pop(request_id, None)

    def updates(self, event: Event, session: SessionContext) -> Iterator[dict[str, Any]]:
        """What the editor is told about an event. Text comes first: there is most of it."""
        if type(event) is TextDelta:
            yield chunk("agent", event.text)
        elif type(event) is ReasoningDelta:
            yield chunk("thought", event.text)
        elif type(event) is MessageAdded:
            yield from self._message(event)
        elif type(event) is ToolStarted:
            yield self._calls.started(event)
        elif type(event) is ToolProgress:
            update = self._calls.progress(event)
            if update is not None:
                yield update
        elif type(event) is ToolFinished:
            yield from self._calls.finished(event)
            plan = self.plan(session)
            if plan is not None:
                yield plan
        else:
            yield from self._rarer(event)

    def _rarer(self, event: Event) -> Iterator[dict[str, Any]]:
        if type(event) is ApprovalRequested:
            self._requests.setdefault(event.request_id, asyncio.Event()).set()
        elif type(event) is StepFinished:
            self.context_tokens = event.usage.input + event.usage.output
        elif type(event) is AnswerRestarted:
            yield chunk("agent", f"\n\n*{event.reason} The answer begins anew:*\n\n")
        elif type(event) is Notice:
            # What merely informs stands among the thoughts, which editors fold away.
            who = "thought" if event.level == "info" else "agent"
            yield chunk(who, f"\n\n*{event.text}*\n\n")
        elif type(event) is SteeringAdded:
            yield chunk("user", event.text)
        elif type(event) in (TurnStarted, TurnFinished):
            self._requests.clear()

    def _message(self, event: MessageAdded) -> Iterator[dict[str, Any]]:
        for call in event.message.tool_calls:
            yield self._calls.announced(call)
        for part in event.message.parts:
            if isinstance(part, ToolResult):
                settled = self._calls.settled(part)
                if settled is not None:
                    yield settled

    def plan(self, session: SessionContext) -> dict[str, Any] | None:
        """The todo list as a plan, where it was changed since it was last told."""
        recorded = session.recorded(_PLAN)
        if recorded is self._plan or not recorded and not self._plan:
            return None
        self._plan = recorded
        entries = [
            {"content": str(item.get("content", "")), "priority": "medium", "status": item.get("status", "pending")}
            for item in recorded.get("todos", ())
            if isinstance(item, dict) and item.get("status", "pending") in _STATUSES
        ]
        return {"sessionUpdate": "plan", "entries": entries}


def usage_of(usage: Usage) -> dict[str, int]:
    """Tokens in the protocol's words."""
    return {
        "totalTokens": usage.input + usage.output,
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "thoughtTokens": usage.reasoning,
        "cachedReadTokens": usage.cached,
        "cachedWriteTokens": usage.cache_write,
    }
