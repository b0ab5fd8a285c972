"""What an isolated plugin's process says unasked: events of streams, live output, notices, questions."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host import stream
from hermes_isolated.requests import RECORD_LIMIT, Announcement, Asked, Event, Progress, Record, own_words
from hermes_isolated.wire import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.context import ToolContext
    from hermes_host.messages import Part
    from hermes_host.stream import ProviderEvent
    from hermes_isolated.wire import Peer

__all__ = ["Hearing", "Stream"]

_EVENTS = 1_024
"""Events of a stream that may wait here; the plugin's end stops long before."""
_SHOWN = 20
"""Pieces of live output, notices or records of one call that are taken in a second."""
_QUESTIONS = 4
_RECORDS = 32
"""Names a plugin may record under in one conversation."""

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        stream.AttemptDiscarded,
        stream.MessageEnded,
        stream.PartDelta,
        stream.PartEnded,
        stream.PartStarted,
        stream.ProviderNotice,
        stream.UsageReported,
    )
}


class Stream:
    """The events of one answer of a model, as they arrive."""

    def __init__(self) -> None:
        self.events: deque[ProviderEvent] = deque()
        self.woken = asyncio.Event()
        self.fault = ""

    def add(self, event: Event) -> None:
        """Take one in."""
        kind = _KINDS.get(event.kind)
        try:
            if kind is None:
                raise ValueError(f"there is no event {event.kind[:80]!r}")
            if len(self.events) >= _EVENTS:
                raise ValueError("it sends without waiting until it may")
            found = msgspec.json.decode(event.event, type=kind)
            for part in _parts(found):
                own_words(part)
            self.events.append(found)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            self.fault = self.fault or str(error)
        self.woken.set()


def _parts(event: ProviderEvent) -> Sequence[Part]:
    if isinstance(event, stream.PartEnded):
        return (event.part,)
    return event.message.parts if isinstance(event, stream.MessageEnded) else ()


class Hearing:
    """Takes in what one process says, and passes on what belongs to an open call."""

    def __init__(self, name: str, *, clean: Callable[[str], str], objected: Callable[[str], None]) -> None:
        """`clean` makes a text fit to be shown; `objected` is told of every breach of the rules."""
        self.calls: dict[int, ToolContext] = {}
        """The open calls, by the numbers of their requests."""
        self.streams: dict[int, Stream] = {}
        self._name = name
        self._clean = clean
        self._objected = objected
        self._shown: dict[int, tuple[float, int]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def forget(self, number: int) -> None:
        """That request is no longer open."""
        self.calls.pop(number, None)
        self.streams.pop(number, None)
        self._shown.pop(number, None)

    def close(self) -> None:
        """Nobody is asked any more."""
        for task in self._asking:
            task.cancel()

    def heard(self, peer: Peer, method: str, number: int | None, params: msgspec.Raw) -> None:
        """Take it in. Never raises: what breaks the rules is noted."""
        try:
            if method == "hermes/providers/event":
                event = msgspec.json.decode(params, type=Event)
                if event.call in self.streams:
                    self.streams[event.call].add(event)
            elif method == "notifications/progress":
                self._progress(msgspec.json.decode(params, type=Progress))
            elif method == "hermes/announce":
                self._announce(msgspec.json.decode(params, type=Announcement))
            elif method == "hermes/record":
                if len(bytes(params)) > RECORD_LIMIT:
                    raise ValueError("a record that is too long")
                self._record(msgspec.json.decode(params, type=Record))
            elif method == "hermes/ask" and number is not None:
                self._begin_asking(peer, number, msgspec.json.decode(params, type=Asked))
            else:
                raise ValueError(f"there is no method {method[:80]!r}")
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            self._objected(str(error))
            if number is not None:
                peer.refuse(number, "That cannot be done.", Fault(kind="PluginError"))

    def _call(self, number: int) -> ToolContext | None:
        """The call, unless it says too much."""
        began, count = self._shown.get(number, (0.0, 0))
        now = time.monotonic()
        if now - began >= 1.0:
            began, count = now, 0
        if number not in self.calls or count >= _SHOWN:
            return None
        self._shown[number] = (began, count + 1)
        return self.calls[number]

    def _progress(self, said: Progress) -> None:
        call = self._call(said.call)
        if call is not None:
            call.progress(said.message[:10_000])

    def _announce(self, said: Announcement) -> None:
        call = self._call(said.call)
        if call is not None:
            call.session.announce(f"{self._name}: {self._clean(said.text[:2_000])}", level=said.level)

    def _record(self, said: Record) -> None:
        call = self._call(said.call)
        if call is not None:
            key = f"isolated.{self._name}"
            before = call.session.recorded(key)
            if said.name in before or len(before) < _RECORDS:
                call.session.record(key, {**before, said.name[:100]: said.data})

    def _begin_asking(self, peer: Peer, number: int, asked: Asked) -> None:
        call = self.calls.get(asked.call)
        if call is None or len(self._asking) >= _QUESTIONS:
            raise ValueError("a question outside a call, or too many at a time")
        task = asyncio.get_running_loop().create_task(self._ask(peer, number, asked, call))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, peer: Peer, number: int, asked: Asked, call: ToolContext) -> None:
        # Who asks stands before it: a person must not take it for the agent's own question.
        text = f"The plugin {self._name} asks: {asked.text[:4_000]}"
        choices = tuple(choice[:200] for choice in asked.choices[:20])
        timeout = min(max(asked.timeout, 0.0), 600.0)
        peer.answer(number, await call.ask(text, choices, timeout=timeout, secret=asked.secret))
