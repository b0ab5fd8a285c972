"""The sessions that are open: kept for a short while after a turn, few of them, and put aside when nobody talks."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hermes_gateway.approving import Asker
from hermes_host.errors import HermesError, NotFound
from hermes_host.toolsets import members, select_tools

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from hermes_gateway.approving import Asks
    from hermes_gateway.shared import Shared
    from hermes_host.agent.session import Session
    from hermes_host.protocols import Chat

__all__ = ["Opened", "Rights", "rights_of"]

log = logging.getLogger(__name__)

_WITHOUT_ACTING = frozenset({"net", "ask"})


@dataclass(frozen=True, slots=True)
class Rights:
    """What a session may use."""

    tools: tuple[str, ...]
    """Names for `Host.start(toolsets=)`."""
    memory: Any = "full"


def rights_of(shared: Shared, platform: str, role: str, only: Sequence[str] | None) -> Rights:
    """What turns of a role on a platform may use; `only` names the toolsets an update allows."""
    host, gateway = shared.host, shared.settings.gateway
    whole = {tool.name for tool in select_tools(host, None, platform)}
    if shared.external(platform):
        names = _known(shared, only) if only is not None else _harmless(shared, whole)
        return Rights(tuple(sorted(names)), "none")
    if role == "owner":
        allowed, memory = whole, "full"
    elif role == "member":
        listed = gateway.member_tools
        allowed = _harmless(shared, whole) if listed is None else _known(shared, listed)
        memory = gateway.member_memory
    else:
        allowed, memory = _known(shared, gateway.guest_tools), "none"
    if only is not None:
        allowed &= _known(shared, only)
    return Rights(tuple(sorted(_exact(shared, allowed))), memory)


def _harmless(shared: Shared, names: set[str]) -> set[str]:
    tools = shared.host.tools
    return {name for name in names if tools.get(name).spec.effects <= _WITHOUT_ACTING}


def _known(shared: Shared, names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        try:
            found.update(members(shared.host, name))
        except NotFound as error:
            log.warning("a toolset in the gateway's settings: %s", error)
    return found


def _exact(shared: Shared, allowed: set[str]) -> set[str]:
    """Without names that stand for a toolset as well, of which not everything is allowed."""
    return {name for name in allowed if set(members(shared.host, name)) <= allowed}


@dataclass(slots=True)
class _Open:
    session: Session
    rights: Rights
    asker: Asker
    in_use: int = 0
    timer: asyncio.TimerHandle | None = None


class Opened:
    """Open sessions by conversation."""

    def __init__(self, shared: Shared, asks: Asks) -> None:
        self._shared = shared
        self._asks = asks
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Semaphore(1)
        self._locks: dict[str, asyncio.Lock] = {}

    def __len__(self) -> int:
        return len(self._open)

    def session(self, key: str) -> Session | None:
        """The open session of a conversation."""
        held = self._open.get(key)
        return held.session if held is not None else None

    def asker(self, key: str) -> Asker | None:
        """Who asks in it."""
        held = self._open.get(key)
        return held.asker if held is not None else None

    async def acquire(
        self, key: str, session_id: str, platform: str, rights: Rights, chat: Chat, *, title: str = ""
    ) -> Session:
        """The conversation's session, for as long as `release` is not called. A new one where there is none.

        Raises what opening it raises.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            held = self._open.get(key)
            if held is not None and (
                held.session.id != session_id or (held.rights != rights and not held.session.busy)
            ):
                await self._close(key, "parked")
                held = None
            if held is None:
                held = await self._open_session(session_id, platform, rights, chat, title)
                self._open[key] = held
            held.in_use += 1
            if held.timer is not None:
                held.timer.cancel()
                held.timer = None
            self._open.move_to_end(key)
        if not lock.locked():
            self._locks.pop(key, None)
        held.session.context.chat = chat
        self._keep_few()
        return held.session

    async def _open_session(self, session_id: str, platform: str, rights: Rights, chat: Chat, title: str) -> _Open:
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
        return _Open(session, rights, asker)

    def release(self, key: str) -> None:
        """The turn is over: put the session aside in a while, unless somebody goes on."""
        held = self._open.get(key)
        if held is None:
            return
        held.in_use = max(0, held.in_use - 1)
        if held.in_use == 0:
            self._wait_to_park(key, held)

    def _wait_to_park(self, key: str, held: _Open) -> None:
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
            self._spawn(self._close(key, "parked"))

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
            or _running_jobs(self._shared, session)
        )

    def _keep_few(self) -> None:
        spare = len(self._open) - self._shared.settings.gateway.open_conversations
        for key in list(self._open):
            if spare <= 0:
                return
            if not self.at_work(key):
                spare -= 1
                self._spawn(self._close(key, "parked"))

    async def let_go(self, key: str, reason: str = "parked") -> None:
        """Close the conversation's session, if it is open."""
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
            await asyncio.wait(self._tasks, timeout=10)


def _running_jobs(shared: Shared, session: Session) -> bool:
    """Whether background processes of a session run. Looks, and opens nothing."""
    if "terminals" not in vars(shared.host):
        return False
    # The host has no public way to look at a session's shell without opening one.
    entry = shared.host.terminals._open.get(session.id)
    shell = entry.shell if entry is not None else None
    return shell is not None and any(job.state == "running" for job in shell.jobs.list())
