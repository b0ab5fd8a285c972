"""One session's sandbox: made when the first command comes, put to sleep when idle, woken by the next command."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

import msgspec

from hermes_host.errors import HermesError, SessionError
from hermes_host.terminals.remote.channel import to_the_end
from hermes_host.terminals.remote.job_programs import BUSY
from hermes_host.terminals.remote.programs import KILL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hermes_host.terminals.remote.channel import Channel

__all__ = ["Keeper", "Live", "Place", "Woken", "has_jobs"]

_log = logging.getLogger(__name__)


class Live(Protocol):
    """A sandbox that runs."""

    async def channel(self, program: str, *, pty: bool) -> Channel:
        """A new shell in it that runs `program`, in a pseudo-terminal or with pipes."""
        ...

    async def execute(self, script: str, *arguments: str) -> int:
        """Run a short script to its end; its exit code."""
        ...

    async def capture(self, script: str, *arguments: str) -> tuple[int, bytes]:
        """Run a short script to its end; its exit code and what it wrote to standard output."""
        ...

    async def alive(self) -> bool:
        """Whether it still runs, as the vendor says."""
        ...


async def has_jobs(live: Live) -> bool:
    """Whether a detached job runs in it. What ended ones have left is in files, which sleep keeps."""
    try:
        return await live.execute(BUSY, "running") == 1
    except HermesError as error:
        _log.warning("cannot tell whether background jobs run in the sandbox: %s", error)
        return False


L = TypeVar("L", bound=Live)

_FILES = {
    "found": "It runs again, with its files.",
    "started": "It was started again, with its files.",
    "restored": "This runs in another one, with the files of when it last slept.",
    "new": "This runs in a new one, without the files of before.",
}


class Woken(msgspec.Struct, Generic[L]):
    """A sandbox that runs now."""

    live: L
    how: Literal["found", "started", "restored", "new"]
    """It ran, it was started again with all its files, it has the files of when it last slept, or it has none."""
    notice: str = ""
    """What whoever uses it must know, such as that files are missing."""


class Keeper(Protocol[L]):
    """Makes, finds and stops the sandbox of one session, by the vendor's means."""

    async def wake(self) -> Woken[L]:
        """The sandbox, running. Raises `HermesError`."""
        ...

    async def sleep(self, live: L) -> None:
        """Stop it so that nothing is paid for, keeping its files. Raises `HermesError`, and then it still runs."""
        ...

    async def discard(self, live: L) -> None:
        """End it with its files."""
        ...


class Place(Generic[L]):
    """Counts who uses the sandbox, and puts it to sleep `idle_after` seconds after the last one left (0: never)."""

    def __init__(self, keeper: Keeper[L], *, tag: str, idle_after: float, persistent: bool) -> None:
        self._keeper = keeper
        self._tag = tag
        self._idle_after = idle_after
        self.persistent = persistent
        """Whether there is the same sandbox, or another one with its files, when the session is opened again."""
        self._live: L | None = None
        self._lost = False
        self._users = 0
        self._changing = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._dozing: asyncio.Task[None] | None = None
        self.notice = ""
        """What the next command says before its own output."""

    @asynccontextmanager
    async def use(self) -> AsyncIterator[L]:
        """The sandbox, awake, and kept awake meanwhile."""
        async with self._changing:
            self._stop_timer()
            live = self._live
            if live is None:
                live = await self._wake()
            self._users += 1
        try:
            yield live
        finally:
            self._users -= 1
            if self._users == 0 and self._live is not None:
                self._start_timer()

    async def _wake(self) -> L:
        began = time.monotonic()
        woken = await self._keeper.wake()
        _log.info("sandbox %s in %.1f s", woken.how, time.monotonic() - began)
        if woken.notice:
            self.notice = woken.notice
        elif self._lost:
            self.notice = f"The sandbox was gone, and what ran in it. {_FILES[woken.how]}"
        self._lost = False
        self._live = woken.live
        return woken.live

    def holds(self, live: L) -> bool:
        """Whether `live` is the sandbox, as far as is known."""
        return self._live is live

    async def check(self, live: L) -> bool:
        """Whether `live` still runs. When not, the next `use` finds or makes another one."""
        try:
            if await live.alive():
                return True
        except HermesError as error:
            _log.warning("cannot tell whether the sandbox lives: %s", error)
            return True
        if self._live is live:
            self._live = None
            self._lost = True
        return False

    async def kill(self, live: L, tag: str) -> None:
        """Kill what carries the tag. Raises `HermesError` when that cannot be done."""
        code = await live.execute(KILL, tag, "4")
        if code != 0 and await self.check(live):
            raise SessionError("Processes in the sandbox could not be ended.", remedy="End the conversation.")

    async def hibernate(self) -> None:
        """Put it to sleep now. Raises `SessionError` while commands run."""
        async with self._changing:
            if self._users:
                raise SessionError("A command runs in the sandbox.", remedy="Stop it, or wait for its end.")
            self._stop_timer()
            if self._live is not None:
                await self._keeper.sleep(self._live)
                self._live = None

    async def close(self) -> None:
        """Kill what runs, then put it to sleep, or end it where nothing is to be kept. With detached jobs it stays."""
        self._stop_timer()
        if self._dozing is not None:
            await asyncio.wait([self._dozing])
        async with self._changing:
            live, self._live = self._live, None
            if live is not None:
                await to_the_end(self._end(live))

    async def _end(self, live: L) -> None:
        if not self.persistent:
            await self._keeper.discard(live)
            return
        try:
            await live.execute(KILL, self._tag, "4")
        except HermesError as error:
            _log.warning("processes in the sandbox were not ended one by one: %s", error)
        if await has_jobs(live):
            _log.info("the sandbox goes on with its background jobs")
            return
        await self._keeper.sleep(live)

    def _start_timer(self) -> None:
        if self._idle_after > 0:
            self._timer = asyncio.get_running_loop().call_later(self._idle_after, self._doze)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _doze(self) -> None:
        self._timer = None
        self._dozing = asyncio.get_running_loop().create_task(self._sleep_if_idle(), name="hibernate a sandbox")

    async def _sleep_if_idle(self) -> None:
        """Sleep unless somebody uses it, or a process of the session still runs in it."""
        async with self._changing:
            live = self._live
            if live is None or self._users:
                return
            try:
                busy = await live.execute(KILL, self._tag, "look") != 0 or await has_jobs(live)
                if busy and await self.check(live):
                    self._start_timer()
                    return
                if self._live is not None:
                    await self._keeper.sleep(live)
                    self._live = None
            except HermesError as error:
                _log.warning("the sandbox could not be put to sleep: %s", error)
                self._start_timer()
