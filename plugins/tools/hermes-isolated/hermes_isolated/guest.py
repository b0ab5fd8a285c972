"""One live process of an isolated plugin, and the requests that are open there."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import HermesError, PluginError
from hermes_host.visible import one_line
from hermes_isolated.failures import restored
from hermes_isolated.hearing import Hearing, Stream
from hermes_isolated.measure import processor_seconds
from hermes_isolated.process import Process
from hermes_isolated.requests import Initialize, Initialized
from hermes_isolated.wire import Failed, Peer, PeerClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from hermes_host.context import ToolContext
    from hermes_host.stream import ProviderEvent
    from hermes_isolated.lock import LockedPlugin
    from hermes_isolated.logfile import LogFile
    from hermes_isolated.process import Surroundings
    from hermes_isolated.settings import Settings

__all__ = ["Ended", "Guest", "NotSent"]

log = logging.getLogger(__name__)

_GRACE = 1.0
"""Seconds a call that was given up gets to end before the whole process is."""
_BREACHES = 1_000
"""After so many breaches of the rules the process is ended."""
_ACKNOWLEDGED = 128


class Ended(PluginError):
    """The process ended while it was needed."""


class NotSent(Ended):
    """It had ended before: the plugin saw nothing of the request."""


class Guest:
    """Made for one run of a process; another run needs another one."""

    def __init__(self, name: str, plugin: LockedPlugin, settings: Settings, logfile: LogFile) -> None:
        self.name = name
        self.plugin = plugin
        self.since = time.time()
        self.calls = 0
        self.open = 0
        self.used = time.monotonic()
        self.ending = ""
        """Why it is being ended; empty while it is not, and when it ended by itself."""
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done, with a clause that says why, when nothing of the process is left."""
        self._settings = settings
        self._logfile = logfile
        self._process: Process | None = None
        self._peer: Peer | None = None
        self._following: asyncio.Task[None] | None = None
        self._breaches = 0
        self._hearing = Hearing(name, clean=self._clean, objected=self._objected)

    @property
    def pid(self) -> int:
        """Of its outermost process; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._peer is not None and not self._peer.closed.done() and not self.ending

    # ------------------------------------------------------------------------------------------------- its life

    async def live(self, around: Surroundings, given: Initialize, ready: asyncio.Future[None]) -> None:
        """Start it, set `ready` when calls can be made, and stay with it until nothing of it is left."""
        ready.add_done_callback(lambda done: done.cancelled() or done.exception())
        failure: HermesError | None = None
        try:
            self._process = await Process.start(self.plugin, self._settings, around)
            self._following = asyncio.create_task(self._logfile.follow(self._process.output))
            await self._begin(given)
            if self.is_open and self._peer is not None:
                self.used = time.monotonic()
                ready.set_result(None)
                await asyncio.shield(self._peer.closed)
        except HermesError as error:
            failure = error
        except asyncio.CancelledError:
            self.end("it was stopped")
            raise
        finally:
            await _whatever_happens(self._clear_up(failure))
            if not ready.done():
                why = f"The plugin {self.name!r} did not start: {self.over.result()}.{self.last_words()}"
                ready.set_exception(failure or Ended(why))

    async def _clear_up(self, failure: HermesError | None) -> None:
        """See to it that nothing is left, and say why it ended."""
        why = str(failure) if failure is not None else "it was stopped"
        if self._process is not None:
            if not self.ending:
                await self._process.ends_within(_GRACE)  # it is about to say how
                self._process.kill()
            ended = await self._process.ended()
            why = self.ending or ended
        if self._following is not None:
            await asyncio.wait([self._following], timeout=_GRACE)
            self._following.cancel()
        self._hearing.close()
        if self._peer is not None:
            self._peer.close()
        self._logfile.write(f"ended: {why}")
        self.over.set_result(why)

    def end(self, why: str) -> None:
        """End it at once. `why` is a clause for those whose calls it costs."""
        self.ending = self.ending or why
        if self._process is not None:
            self._process.kill()

    async def _begin(self, given: Initialize) -> None:
        assert self._process is not None
        loop = asyncio.get_running_loop()
        self._process.connected = True
        _, self._peer = await loop.create_connection(
            lambda: Peer(limit=self._settings.message << 20, heard=self._heard, objected=self._objected),
            sock=self._process.channel,
        )
        try:
            async with asyncio.timeout(self._settings.start_seconds):
                _, answer = self._peer.request("initialize", given)
                found = msgspec.json.decode(await answer, type=Initialized)
        except TimeoutError:
            self.end(f"it did not start within {self._settings.start_seconds:g} s")
            raise Ended(f"The plugin {self.name!r} did not start in time.{self.last_words()}") from None
        except Failed as error:
            self.end("it could not be loaded")
            text = self._logfile.redact(one_line(str(error), 500))
            raise PluginError(f"The plugin {self.name!r} cannot be loaded: {text}.", remedy="Upgrade it.") from None
        except PeerClosed:
            return  # how it ended is found out by whoever waits for its end
        except (msgspec.DecodeError, RecursionError) as error:
            self.end("it broke the contract")
            raise PluginError(f"The plugin {self.name!r} broke the contract as it started: {error}.") from None
        self._judge(found)
        self._logfile.write("started" + "".join(f"\n{line}" for line in found.problems[:10]))

    def _judge(self, found: Initialized) -> None:
        """Refuse a plugin that is another one than was installed."""
        for tool in self.plugin.description.tools:
            more = found.tools.get(tool.name, frozenset()) - frozenset(tool.effects)
            if more:
                self.end("it is not what was installed")
                raise PluginError(
                    f"The tool {tool.name!r} of the plugin {self.name!r} now also has the effects "
                    f"{', '.join(sorted(map(str, more)))[:200]}, which nobody agreed to.",
                    remedy=f"See `hermes plugins update {self.name}`.",
                )

    def last_words(self) -> str:
        """What it wrote last, as a sentence; empty where it wrote nothing."""
        words = " | ".join(self._logfile.last[-3:])
        return f" It wrote: {one_line(words, 500).rstrip('.')}." if words else ""

    # ------------------------------------------------------------------------------------------------- requests

    async def request(
        self, method: str, params: Any, kind: type[Any], *, seconds: float, call: ToolContext | None = None
    ) -> Any:
        """Ask, within a time limit and a limit of processor time. Raises `HermesError` for every way it can fail."""
        number, answer = self._ask(method, params)
        if call is not None:
            self._hearing.calls[number] = call
        self._watch_processor(answer)
        try:
            async with asyncio.timeout(seconds):
                raw = await answer
            return msgspec.json.decode(raw, type=kind)
        except TimeoutError:
            self._give_up(number)
            raise PluginError(
                f"The plugin {self.name!r} did not answer within {seconds:g} s; the call was ended."
            ) from None
        except asyncio.CancelledError:
            self._give_up(number)
            raise
        except (Failed, PeerClosed, msgspec.DecodeError, RecursionError) as error:
            raise await self._explained(error) from None
        finally:
            self._done(number)

    async def events(self, params: Any) -> AsyncIterator[ProviderEvent]:
        """The events of one answer of a model. Leaving early ends it there too."""
        number, answer = self._ask("hermes/providers/stream", params)
        self._watch_processor(answer)
        found = self._hearing.streams[number] = Stream()
        answer.add_done_callback(lambda _: found.woken.set())
        taken = 0
        try:
            while True:
                while found.events:
                    yield found.events.popleft()
                    taken += 1
                    if taken == _ACKNOWLEDGED and self._peer is not None:
                        self._peer.notify("hermes/providers/credit", {"id": number, "count": taken})
                        taken = 0
                if found.fault:
                    raise PluginError(f"The plugin {self.name!r} broke the contract of a stream: {found.fault}.")
                if answer.done():
                    await answer
                    return
                found.woken.clear()
                await found.woken.wait()
        except (Failed, PeerClosed) as error:
            raise await self._explained(error) from None
        finally:
            if not answer.done():
                self._give_up(number)
            self._done(number)

    def _ask(self, method: str, params: Any) -> tuple[int, asyncio.Future[msgspec.Raw]]:
        if self._peer is None or not self.is_open:
            raise NotSent(f"The plugin {self.name!r} has ended.")
        try:
            number, answer = self._peer.request(method, params)
        except PeerClosed:
            raise NotSent(f"The plugin {self.name!r} has ended.") from None
        self.open += 1
        self.calls += 1
        return number, answer

    def _done(self, number: int) -> None:
        self.open -= 1
        self.used = time.monotonic()
        self._hearing.forget(number)

    def _give_up(self, number: int) -> None:
        """Nobody waits any more. A process that does not end the call then hangs, and is ended itself."""
        if self._peer is None:
            return
        self._peer.give_up(number)
        if self.is_open:
            asyncio.get_running_loop().call_later(_GRACE, self._check_given_up, number)

    async def settled(self) -> None:
        """Wait until calls that were given up have ended, or the process has for their sake: what hangs answers
        nobody."""
        owed = self._peer.owed() if self._peer is not None else []
        if owed:
            await asyncio.wait(owed, timeout=2 * _GRACE)

    def _check_given_up(self, number: int) -> None:
        if self.is_open and self._peer is not None and self._peer.is_owed(number):
            self.end("a call went on after it was given up")

    def _watch_processor(self, answer: asyncio.Future[msgspec.Raw], before: float | None = None) -> None:
        """Look whether the processor time of a call is used up, and come back when it can be at the earliest.

        The first look is not at its beginning: most calls have ended before it, and looking takes longer than they do.
        """
        if answer.done() or not self.is_open:
            return
        limit = self._settings.cpu_seconds
        pause = min(1.0, limit / 4)
        if before is not None:
            left = limit - (processor_seconds(self.pid) - before)
            if left <= 0:
                self.end(f"a call used more than {limit:g} s of processor time")
                return
            pause = max(0.2, left / 2)
        asyncio.get_running_loop().call_later(pause, self._look, answer, before)

    def _look(self, answer: asyncio.Future[msgspec.Raw], before: float | None) -> None:
        if not answer.done():
            self._watch_processor(answer, processor_seconds(self.pid) if before is None else before)

    async def _explained(self, error: Exception) -> HermesError:
        if isinstance(error, PeerClosed):
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE * 3):
                    await asyncio.shield(self.over)
            why = self.over.result() if self.over.done() else "it ended"
            return Ended(
                f"The plugin {self.name!r} ended during this call: {why}.{self.last_words()}",
                remedy="The call may have taken effect. The next one starts it again.",
            )
        if isinstance(error, Failed) and not error.contract:
            fault = msgspec.structs.replace(error.fault, remedy=self._clean(error.fault.remedy))
            return restored(self._clean(str(error)) or "It failed without saying why.", fault)
        text = f"The plugin {self.name!r} broke the contract in its answer: {one_line(str(error), 300).rstrip('.')}."
        return PluginError(text, remedy="Nothing of the answer was used.")

    def _clean(self, text: str) -> str:
        return self._logfile.redact(one_line(text, 2_000))

    def _heard(self, method: str, number: int | None, params: msgspec.Raw) -> None:
        if self._peer is not None:
            self._hearing.heard(self._peer, method, number, params)

    def _objected(self, text: str) -> None:
        self._breaches += 1
        if self._breaches <= 20:
            self._logfile.write(f"broke the contract: {one_line(text, 300)}")
        if self._breaches > _BREACHES:
            self.end("it broke the contract again and again")


async def _whatever_happens(work: Coroutine[Any, Any, None]) -> None:
    """Do it to its end, also when this is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
