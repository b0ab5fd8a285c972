"""Subagents that nobody waits for: kept in the conversation's log, reported once, interrupted with it."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_delegate.recall import LIVE, RECORD, reports_of
from hermes_delegate.subagent import Report
from hermes_host.errors import HermesError, NotFound, ToolError
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_delegate.settings import Settings
    from hermes_delegate.subagent import Subagent
    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.services import Conversations

__all__ = ["Background", "of_session"]

_KEPT = 50


class Background:
    """The background subagents of one conversation."""

    def __init__(self, context: SessionContext, leader: Session, plugin: PluginContext, settings: Settings) -> None:
        self._context = context
        self._leader = leader
        self._plugin = plugin
        self._settings = settings
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def make_room(self, number: int) -> None:
        """Raises `ToolError` when so many more would be too many."""
        running = sum(not task.done() for task in self._tasks.values())
        if running + number > self._settings.max_background:
            raise ToolError(
                f"{running} subagents work in the background; {self._settings.max_background} may at once.",
                remedy="Wait for one (`subagents`), or hand the task on without `background`.",
            )

    async def begin(self, agent: Subagent, conversations: Conversations) -> dict[str, str]:
        """Start one; gives its id and its session. Raises `HermesError`."""
        session = await agent.open(conversations)
        identity = f"agent_{secrets.token_hex(4)}"
        self._put(identity, state="running", goal=agent.task.goal, session=session.id, began=time.time())
        self._tasks[identity] = self._plugin.spawn(self._work(identity, agent, session), name=f"subagent {identity}")
        return {"id": identity, "session": session.id}

    async def _work(self, identity: str, agent: Subagent, session: Session) -> None:
        try:
            report = await agent.work(self._settings.timeout or None)
        except asyncio.CancelledError:
            self._put(identity, state="interrupted")
            raise
        except HermesError as error:
            report = Report(
                task=0, status="failed", summary="", session=session.id, model=session.model, error=str(error)
            )
        finally:
            await session.close()
        self._put(identity, state=report.status, report=msgspec.to_builtins(report), ended=time.time())
        self._tell(identity, report)

    def _tell(self, identity: str, report: Report) -> None:
        done = "is done" if report.status == "completed" else f"ended: {report.status}"
        goal = one_line(str(self._known().get(identity, {}).get("goal", "")), 60)
        self._context.announce(f"Subagent {identity} {done}: {goal}", code="subagent")
        if self._leader.busy:
            for text in reports_of(self._context):
                self._leader.steer(text)

    def _known(self) -> dict[str, dict[str, Any]]:
        return dict(self._context.recorded(RECORD).get("agents", {}))

    def _put(self, identity: str, **values: Any) -> None:
        known = self._known()
        known[identity] = {**known.get(identity, {}), **values}
        self._context.record(RECORD, {"agents": dict(list(known.items())[-_KEPT:])})

    def states(self, identity: str = "") -> Sequence[dict[str, Any]]:
        """What is known of one, or of all. Raises `NotFound`."""
        known = self._known()
        if identity and identity not in known:
            there = ", ".join(known) or "none"
            raise NotFound(f"There is no background subagent {identity!r}.", remedy=f"There are: {there}.")
        return [
            {"id": name, **values, "state": self.state(name, values)}
            for name, values in known.items()
            if identity in ("", name)
        ]

    def state(self, identity: str, values: dict[str, Any]) -> str:
        """The state of one, which a process that is gone could not write down."""
        state = str(values.get("state", ""))
        # Known from the log alone: the process that ran it is gone.
        return "interrupted" if state == "running" and identity not in self._tasks else state

    async def wait(self, identity: str, seconds: float) -> None:
        """Wait until it, or all of them, are done, at most that long."""
        self.states(identity)
        tasks = [task for name, task in self._tasks.items() if identity in ("", name) and not task.done()]
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)

    async def stop(self, identity: str) -> None:
        """Interrupt it, or all of them."""
        self.states(identity)
        tasks = [task for name, task in self._tasks.items() if identity in ("", name) and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)


def of_session(context: SessionContext, leader: Session, plugin: PluginContext, settings: Settings) -> Background:
    """The background subagents of a live conversation."""
    found = context.memory.get(LIVE)
    if not isinstance(found, Background):
        found = context.memory[LIVE] = Background(context, leader, plugin, settings)
    return found
