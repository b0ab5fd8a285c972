"""The sessions that are open: kept for a short while after a turn, few of them, and put aside when nobody talks."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from hermes_gateway.approving import Asker
from hermes_host.errors import HermesError, NotFound
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from hermes_gateway.approving import Asks
    from hermes_gateway.rights import Rights
    from hermes_gateway.shared import Shared
    from hermes_host.agent.session import Session
    from hermes_host.protocols import Address, Chat
    from hermes_host.terminals import Job

__all__ = ["Held", "Opened"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """An open session."""

    key: str
    """The conversation."""
    session: Session
    rights: Rights
    asker: Asker
    in_use: int = 0
    timer: asyncio.TimerHandle | None = None
    watched: set[str] = field(default_factory=set)
    """Background processes whose end will be told."""


class Opened:
    """Open sessions by conversation."""

    def __init__(self, shared: Shared, asks: Asks) -> None:
        self._shared = shared
        self._asks = asks
        self._open: OrderedDict[str, Held] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Semaphore(1)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._alone: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._open)

    def session(self, key: str) -> Session | None:
        """The open session of a conversation."""
        held = self._open.get(key)
        return held.session if held is not None else None

    async def acquire(
        self,
        key: str,
        session_id: str,
        platform: str,
        rights: Rights,
        chat: Chat,
        *,
        title: str = "",
        beside: bool = False,
    ) -> Held:
        """The conversation's session, open until `release`. A new one where there is none.

        It has exactly these rights; `beside` a turn, one that is open is taken as it is. Raises what opening raises.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            held = self._open.get(key)
            if held is not None and (held.session.id != session_id or (held.rights != rights and not beside)):
                await self._close(key, "parked")
                held = None
            if held is None:
                held = await self._open_session(key, session_id, platform, rights, chat, title)
                self._open[key] = held
            held.in_use += 1
            if held.timer is not None:
                held.timer.cancel()
                held.timer = None
            self._open.move_to_end(key)
        if not beside or not held.session.busy:
            held.session.context.chat = chat
        self._keep_few()
        return held

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """With nobody else at work on the conversation's messages: a turn, or a command that changes them."""
        async with self._alone.setdefault(key, asyncio.Lock()):
            yield

    async def _open_session(
        self, key: str, session_id: str, platform: str, rights: Rights, chat: Chat, title: str
    ) -> Held:
        asker = Asker(self._asks)
        options: dict[str, Any] = {
            "toolsets": rights.tools,
            "approver": asker,
            "questioner": asker,
            "memory": rights.memory,
            "chat": chat,
        }
        session = None
        if session_id:
            try:
                session = await self._shared.host.resume(session_id, **options)
            except NotFound:
                log.info("the session %s is gone; a new one begins", session_id)
        if session is None:
            session = await self._shared.host.start(source=platform, title=title, **options)
        session.gate.timeout = self._shared.settings.gateway.approval_seconds
        session.listen(lambda notice: self._tell(key, notice.text))
        return Held(key, session, rights, asker)

    def release(self, held: Held) -> None:
        """Whoever acquired it is done: put it aside in a while, unless somebody goes on."""
        held.in_use = max(0, held.in_use - 1)
        if self._open.get(held.key) is not held:
            return
        for job in jobs_of(self._shared, held.session):
            if job.state == "running" and job.id not in held.watched:
                held.watched.add(job.id)
                self._spawn(self._watch(held.key, job))
        if held.in_use == 0:
            self._wait_to_park(held.key, held)

    async def _watch(self, key: str, job: Job) -> None:
        """Tell the chat how a background process ended."""
        await job.wait()
        mode = self._shared.settings.display.background_process_notifications
        failed = job.state != "exited" or bool(job.code)
        if mode == "off" or (mode == "error" and not failed):
            return
        if key not in self._open:
            return  # it was ended together with its session
        how = f"ended with code {job.code}" if job.state == "exited" else f"was ended ({job.state})"
        lines = "\n".join(job.log(-20, 20))[-1000:]
        shown = f"\n```\n{lines}\n```" if lines.strip() and "```" not in lines else ""
        self._tell(key, f"The background process `{one_line(job.command, 80)}` {how}.{shown}")

    def _tell(self, key: str, text: str) -> None:
        """Say something that happened between turns in the conversation's chat."""
        held = self._open.get(key)
        starter = held.asker.starter if held is not None else None
        if starter is None or not starter.reachable or self._shared.external(starter.address.platform):
            return
        self._spawn(self._say(starter.address, text))

    async def _say(self, to: Address, text: str) -> None:
        try:
            await self._shared.deliveries.say(to, text, source="gateway", silent=True)
        except HermesError as error:
            log.warning("a notice could not be kept for sending: %s", error)

    def _wait_to_park(self, key: str, held: Held) -> None:
        loop = asyncio.get_running_loop()
        if held.timer is not None:
            held.timer.cancel()
        held.timer = loop.call_later(self._shared.settings.gateway.idle_seconds, self._idle, key)

    def _idle(self, key: str) -> None:
        held = self._open.get(key)
        if held is None:
            return
        if self.at_work(key):
            self._wait_to_park(key, held)
        else:
            self._spawn(self._park(held))

    def at_work(self, key: str) -> bool:
        """Whether something of the session runs: a turn, a subagent, a background process."""
        held = self._open.get(key)
        if held is None:
            return False
        session = held.session
        return bool(
            held.in_use
            or session.busy
            or any(child.busy for child in session.children)
            or any(job.state == "running" for job in jobs_of(self._shared, session))
        )

    def _keep_few(self) -> None:
        spare = len(self._open) - self._shared.settings.gateway.open_conversations
        for key in list(self._open):
            if spare <= 0:
                return
            if not self.at_work(key):
                spare -= 1
                self._spawn(self._park(self._open[key]))

    async def _park(self, held: Held) -> None:
        # Who wants the session again meanwhile waits until it is put aside: it has one writer.
        async with self._locks.setdefault(held.key, asyncio.Lock()):
            if self._open.get(held.key) is held and not self.at_work(held.key):
                await self._close(held.key, "parked")

    async def let_go(self, key: str, reason: str = "parked") -> None:
        """Close the conversation's session, if it is open."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key in self._open:
                await self._close(key, reason)

    def end(self, key: str, session_id: str, memory: str) -> None:
        """End a session for good, beside everything else: memories are asked what to keep of it, one at a time, where
        `memory` lets them."""
        if session_id:
            self._spawn(self._end(key, session_id, memory))

    async def _end(self, key: str, session_id: str, memory: Any) -> None:
        held = self._open.get(key)
        if held is not None and held.session.id == session_id:
            self._open.pop(key)
            if held.timer is not None:
                held.timer.cancel()
            session = held.session
            async with self._ending:
                await session.close("new_session")
            return
        async with self._ending:
            try:
                session = await self._shared.host.resume(session_id, toolsets=(), memory=memory)
                await session.close("new_session")
            except HermesError as error:
                log.info("the session %s could not be ended: %s", session_id, error)

    async def _close(self, key: str, reason: str) -> None:
        held = self._open.pop(key, None)
        if held is None:
            return
        if held.timer is not None:
            held.timer.cancel()
        try:
            await held.session.close(reason)
        except Exception as error:  # closing runs plugins' code; the conversation goes on with the next message
            log.warning("a session could not be closed in order", exc_info=error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="gateway-sessions")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Put all of them aside, and let what is being ended come to its end."""
        await asyncio.gather(*(self._close(key, "parked") for key in list(self._open)))
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=10)
            for task in late:
                task.cancel()


def jobs_of(shared: Shared, session: Session) -> Sequence[Job]:
    """The background processes of a session. Looks, and opens nothing."""
    if "terminals" not in vars(shared.host):
        return ()
    # The host has no public way to look at a session's shell without opening one.
    entry = shared.host.terminals._open.get(session.id)
    shell = entry.shell if entry is not None else None
    return shell.jobs.list() if shell is not None else ()
