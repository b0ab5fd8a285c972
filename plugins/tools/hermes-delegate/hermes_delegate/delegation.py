"""The tools: hand tasks to subagents, wait for them or let them work in the background."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_delegate.background import Background, of_session
from hermes_delegate.narrowing import narrowed
from hermes_delegate.settings import Settings
from hermes_delegate.subagent import Report, Subagent, Task
from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import Assessment, ToolOutput
from hermes_host.services import Conversations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import ToolContext

__all__ = ["DelegateArguments", "SubagentsArguments", "assess", "delegate_task", "subagents"]

_SLOTS = "delegate.slots"
_PARTING = 2.0
"""Seconds kept back of the turn's time, so that reports can still be used."""


class DelegateArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either one task (`goal`), or several (`tasks`) that are worked on at once."""

    goal: str = ""
    """What is to be done, so that it can be understood without this conversation."""
    context: str = ""
    """What the subagent must know: paths, decisions, errors. It does not see this conversation."""
    toolsets: list[str] = []
    """Toolsets or tools it may use, of those you have; empty: all that can be handed on."""
    tasks: list[Task] = []
    max_iterations: int = 0
    """Model requests each may make; 0: the configured limit, which it can only lower."""
    background: bool = False
    """Do not wait: the report comes by itself when it is done."""


class SubagentsArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with background subagents."""

    action: Literal["list", "wait", "stop"] = "list"
    id: str = ""
    """The subagent; empty: all of them."""
    timeout: float = 60.0
    """Seconds to wait at most."""


async def assess(arguments: DelegateArguments, call: ToolContext) -> Assessment:
    """Handing a task on needs no consent of its own: every call a subagent makes passes the same gate."""
    return Assessment(verdict="allow")


async def delegate_task(arguments: DelegateArguments, call: ToolContext) -> ToolOutput:
    """Do the tasks, all at once, and give the reports in the order of the tasks."""
    settings = call.plugin.section(Settings, "delegation")
    tasks = _tasks(arguments, settings)
    conversations = await call.plugin.services.get(Conversations)
    leader = _leader(conversations, call)
    agents = [_agent(task, number, leader, arguments, settings, call) for number, task in enumerate(tasks)]
    if arguments.background:
        return await _begin(agents, conversations, leader, settings, call)
    slots = call.session.memory.setdefault(_SLOTS, asyncio.Semaphore(settings.max_parallel))
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_run(agent, conversations, slots, settings, call)) for agent in agents]
    return _output([task.result() for task in running])


def _tasks(arguments: DelegateArguments, settings: Settings) -> Sequence[Task]:
    if bool(arguments.goal.strip()) == bool(arguments.tasks):
        raise ToolError("Give either `goal` or `tasks`. Nothing was started.")
    if len(arguments.tasks) > settings.max_tasks:
        raise ToolError(f"{len(arguments.tasks)} tasks are too many; {settings.max_tasks} fit into one call.")
    tasks = arguments.tasks or [Task(goal=arguments.goal, context=arguments.context, toolsets=list(arguments.toolsets))]
    for number, task in enumerate(tasks):
        if not task.goal.strip():
            raise ToolError(f"Task {number} has no goal. Nothing was started.")
    return tasks


def _leader(conversations: Conversations, call: ToolContext) -> Session:
    leader = conversations.session(call.session.id)
    if leader is None:
        raise ToolError("Tasks can only be handed on from a live conversation.")
    return leader


def _agent(
    task: Task, number: int, leader: Session, arguments: DelegateArguments, settings: Settings, call: ToolContext
) -> Subagent:
    limit = settings.max_iterations
    return Subagent(
        task,
        number,
        leader=leader,
        tools=narrowed(leader, task.toolsets or arguments.toolsets, max_depth=settings.max_depth),
        settings=settings,
        max_turns=min(arguments.max_iterations, limit) if arguments.max_iterations > 0 else limit,
        progress=call.progress,
    )


async def _run(
    agent: Subagent, conversations: Conversations, slots: asyncio.Semaphore, settings: Settings, call: ToolContext
) -> Report:
    async with slots:
        try:
            session = await agent.open(conversations)
        except HermesError as error:
            return Report(task=agent.number, status="failed", summary="", session="", model="", error=str(error))
        try:
            return await agent.work(_deadline(settings, call.remaining))
        finally:
            await session.close()


def _deadline(settings: Settings, remaining: float | None) -> float | None:
    """The subagent's own limit, and never later than what the turn has left."""
    limits = [settings.timeout] if settings.timeout else []
    if remaining is not None:
        limits.append(max(0.1, remaining - _PARTING))
    return min(limits, default=None)


def _output(reports: Sequence[Report]) -> ToolOutput:
    done = sum(report.status == "completed" for report in reports)
    return ToolOutput(
        content=msgspec.json.encode({"results": reports}).decode(),
        is_error=done == 0,
        title=f"{done} of {len(reports)} done",
        provenance="external",
    )


async def _begin(
    agents: Sequence[Subagent],
    conversations: Conversations,
    leader: Session,
    settings: Settings,
    call: ToolContext,
) -> ToolOutput:
    background = of_session(call.session, leader, call.plugin, settings)
    background.make_room(len(agents))
    begun = [await background.begin(agent, conversations) for agent in agents]
    content = {"started": begun, "note": "Each report comes by itself when it is done; `subagents` shows the state."}
    return ToolOutput(content=msgspec.json.encode(content).decode(), title=f"{len(begun)} in the background")


async def subagents(arguments: SubagentsArguments, call: ToolContext) -> dict[str, Any]:
    """Show, await or stop the background subagents of this conversation."""
    conversations = await call.plugin.services.get(Conversations)
    settings = call.plugin.section(Settings, "delegation")
    background: Background = of_session(call.session, _leader(conversations, call), call.plugin, settings)
    if arguments.action == "wait":
        left = call.remaining
        await background.wait(arguments.id, arguments.timeout if left is None else min(arguments.timeout, left - 1))
    elif arguments.action == "stop":
        await background.stop(arguments.id)
    return {"subagents": background.states(arguments.id)}
