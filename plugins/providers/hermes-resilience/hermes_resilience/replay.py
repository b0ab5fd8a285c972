"""A second answer held against the beginning that was already delivered, so that no text is shown twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import Part
from hermes_host.stream import (
    AttemptDiscarded,
    MessageEnded,
    PartDelta,
    PartEnded,
    PartKind,
    PartStarted,
    ProviderEvent,
    ProviderNotice,
    UsageReported,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Replay", "Shown", "shown_by"]


class Shown(msgspec.Struct):
    """A part that was delivered: whole when `ended` is set, else as far as `text`."""

    kind: PartKind
    name: str
    text: str = ""
    ended: Part | None = None


def shown_by(events: Iterable[ProviderEvent | str]) -> Sequence[Shown]:
    """What these events have shown, as far as it still counts. A string stands for a delta of that text."""
    parts: list[Shown] = []
    pieces: list[str] = []
    for event in events:
        if type(event) is str:
            pieces.append(event)
        elif type(event) is PartDelta:
            pieces.append(event.text)
        elif type(event) is PartStarted:
            pieces = []
            parts.append(Shown(event.kind, event.name))
        elif type(event) is PartEnded:
            parts[-1].text = "".join(pieces)
            parts[-1].ended = event.part
        elif type(event) is AttemptDiscarded:
            parts, pieces = [], []
    if parts and parts[-1].ended is None:
        parts[-1].text = "".join(pieces)
    return parts


class Replay:
    """Swallows what repeats the delivered beginning.

    From where the new answer goes beyond it, events pass as they come. When it differs, the delivered beginning is
    discarded and the new answer is given whole. A tool call whose id or a thought whose signature changed differs too:
    the message must consist of the parts that were ended.
    """

    def __init__(self, shown: Sequence[Shown], reason: str) -> None:
        """`reason` is the sentence for `AttemptDiscarded`."""
        self.over = False
        """Whether nothing is left to compare: further events need not be fed."""
        self._shown = shown
        self._reason = reason
        self._held: list[ProviderEvent] = []
        self._position = 0
        self._offset = 0

    def feed(self, event: ProviderEvent) -> Sequence[ProviderEvent]:
        """The events to deliver for one that came."""
        if isinstance(event, UsageReported | ProviderNotice):
            return (event,)
        if isinstance(event, AttemptDiscarded):
            self._held, self._position, self._offset = [], 0, 0
            return ()
        self._held.append(event)
        beyond = self._beyond(event)
        if beyond is None:
            return ()
        self.over = True
        return beyond or (AttemptDiscarded(self._reason), *self._held)

    def _beyond(self, event: ProviderEvent) -> tuple[ProviderEvent, ...] | None:
        """What the event adds to the delivered beginning: None for nothing, an empty tuple when it differs."""
        if isinstance(event, MessageEnded):
            return (event,) if self._position == len(self._shown) else ()
        if self._position == len(self._shown):
            return (event,)
        part = self._shown[self._position]
        if isinstance(event, PartStarted):
            return None if (event.kind, event.name) == (part.kind, part.name) else ()
        if isinstance(event, PartDelta):
            return self._beyond_text(event, part)
        if isinstance(event, PartEnded):
            return self._beyond_end(event, part)
        return ()

    def _beyond_text(self, event: PartDelta, part: Shown) -> tuple[ProviderEvent, ...] | None:
        end = self._offset + len(event.text)
        if part.text.startswith(event.text, self._offset):
            self._offset = end
            return None
        rest = len(part.text) - self._offset
        if part.ended is None and part.text.endswith(event.text[:rest]) and rest < len(event.text):
            return (PartDelta(event.index, event.text[rest:]),)
        return ()

    def _beyond_end(self, event: PartEnded, part: Shown) -> tuple[ProviderEvent, ...] | None:
        if self._offset < len(part.text):
            return ()
        if part.ended is None:
            return (event,)
        if part.ended != event.part:
            return ()
        self._position += 1
        self._offset = 0
        return None
