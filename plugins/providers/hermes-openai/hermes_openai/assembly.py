"""From the events of a Responses stream to provider events, in the grammar of `hermes_host.stream`.

Output items may come interleaved. The first that is not complete is passed on as it comes; what belongs to those after
it waits until their turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.errors import ContentRefused, InvalidResponse
from hermes_host.messages import Message, Part, ToolCall
from hermes_host.stream import (
    MessageEnded,
    PartDelta,
    PartEnded,
    PartStarted,
    ProviderEvent,
    StopReason,
    Usage,
    UsageReported,
)
from hermes_openai.failures import failed_response
from hermes_openai.output import OutputItem
from hermes_openai.wire import Event, WireResponse, error_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_openai.endpoint import Access

__all__ = ["Assembler"]

_DELTAS = {
    "response.output_text.delta": ("message", "text"),
    "response.refusal.delta": ("message", "refusal"),
    "response.reasoning_summary_text.delta": ("reasoning", "summary"),
    "response.reasoning_text.delta": ("reasoning", "content"),
    "response.function_call_arguments.delta": ("function_call", "arguments"),
}
"""By the type of a delta: the type of the item it belongs to, and what of the item it is."""

_ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_CUT_REASONS: dict[str, StopReason] = {"max_output_tokens": "length", "content_filter": "refused"}


class Assembler:
    """Builds one message. Feed it events, then call `end` for the last ones."""

    def __init__(self, access: Access, model: str) -> None:
        self.began = False
        """Whether any content has come."""
        self.status = ""
        """How the answer ended; empty while it has not."""
        self._access = access
        self._model = model
        self._items: dict[int, OutputItem] = {}
        self._order: list[OutputItem] = []
        self._turn = 0
        """The place in `_order` of the item that is passed on."""
        self._parts: list[Part] = []
        self._last = -1
        self._reason = ""
        self._refused = False
        self._usage: Usage | None = None

    def feed(self, event: Event) -> Sequence[ProviderEvent]:
        """The events that an event gives rise to. Raises `ProviderError`."""
        events: list[ProviderEvent] = []
        kind = event.type or ""
        number = event.sequence_number
        late = number is not None and number < self._last
        if number is not None and not late:
            self._last = number
        delta = _DELTAS.get(kind)
        if delta is not None:
            self._add(event, *delta, late=late, events=events)
        elif kind == "response.output_item.added" and event.item is not None:
            self._item(event.output_index, event.item.get("type", "")).take(event.item)
            self._pass_on(events)
        elif kind == "response.output_item.done" and event.item is not None:
            self._complete(event.output_index, event.item, events)
        elif kind == "response.function_call_arguments.done":
            self._item(event.output_index, "function_call").whole = event.arguments
        elif kind in _ENDS and event.response is not None:
            self._end(event.response, _ENDS[kind], events)
        elif kind == "error":
            raise failed_response(self._access, self._model, error_of(event))
        return events

    def whole(self, response: WireResponse) -> Sequence[ProviderEvent]:
        """The events of an answer in one piece."""
        events: list[ProviderEvent] = []
        self._end(response, "completed", events)
        return events

    def end(self) -> Sequence[ProviderEvent]:
        """End the message. Raises `ContentRefused` when a filter left nothing of it."""
        cut = self.status != "completed"
        reason = self._stop_reason(cut=cut)
        if reason == "refused" and not self._parts:
            raise ContentRefused(
                f"{self._access.endpoint.provider} stopped the answer: its content filter found something.",
                remedy="Say it differently, or use another model.",
            )
        message = Message(role="assistant", parts=tuple(self._parts), incomplete=cut)
        return [MessageEnded(message, reason, self._usage or Usage())]

    def _add(self, event: Event, kind: str, channel: str, *, late: bool, events: list[ProviderEvent]) -> None:
        if not isinstance(event.delta, str):
            return
        item = self._items.get(event.output_index or 0) or self._item(event.output_index, kind)
        item.disordered = item.disordered or late
        if item.done or not event.delta:
            return
        self.began = True
        index = (event.summary_index if channel == "summary" else event.content_index) or 0
        text = item.add(event.delta, channel, index)
        if item.started and not item.held:
            item.text.append(text)
            events.append(PartDelta(len(self._parts), text))
        else:
            item.held.append(text)
            self._pass_on(events)

    def _item(self, index: int | None, kind: str) -> OutputItem:
        """The item at an index, which begins now where it is new."""
        place = index or 0
        item = self._items.get(place)
        if item is None:
            item = self._items[place] = OutputItem(kind)
            self._order.append(item)
        return item

    def _complete(self, index: int | None, item: dict[str, Any], events: list[ProviderEvent]) -> None:
        known = self._item(index, item.get("type", ""))
        if not known.done:
            known.take(item)
            known.done = True
            self._settle(known)
        self._pass_on(events)

    def _settle(self, item: OutputItem) -> None:
        """Hold the pieces against the whole, where that is known: complete them, or find that they are wrong."""
        whole = item.final()
        if whole is None:
            if item.disordered:
                raise self._mixed_up(item)
            return
        told = "".join(item.text)
        came = told + "".join(item.held)
        if came == whole:
            return
        if whole.startswith(told):
            rest = whole[len(told) :]
            item.held = [rest] if rest else []
        elif item.disordered or item.kind == "tool_call":
            # What was passed on cannot be taken back, and nobody should act on it.
            raise self._mixed_up(item)

    def _mixed_up(self, item: OutputItem) -> InvalidResponse:
        what = f"a call of {item.name!r}" if item.kind == "tool_call" else "its answer"
        return InvalidResponse(f"{self._access.endpoint.provider} sent the pieces of {what} out of order.")

    def _pass_on(self, events: list[ProviderEvent]) -> None:
        """Pass on the item whose turn it is, and those after it as far as they are complete."""
        while self._turn < len(self._order):
            item = self._order[self._turn]
            if item.kind is not None:
                self._open(item, events)
            if not item.done:
                return
            if item.kind is not None:
                self._close(item, events)
            self._turn += 1

    def _open(self, item: OutputItem, events: list[ProviderEvent]) -> None:
        if item.kind is None:
            return
        if not item.started:
            ready = bool(item.name) if item.kind == "tool_call" else bool(item.held)
            if not ready:
                return
            item.started = self.began = True
            events.append(PartStarted(len(self._parts), item.kind, item.name if item.kind == "tool_call" else ""))
        if item.held:
            text = "".join(item.held)
            item.text.append(text)
            item.held = []
            events.append(PartDelta(len(self._parts), text))

    def _close(self, item: OutputItem, events: list[ProviderEvent]) -> None:
        if item.held:
            # A call without a name.
            item.text, item.held = [*item.text, *item.held], []
        part = item.part(self._access.origin, cut=self.status not in ("", "completed"))
        if part is None:
            return
        index = len(self._parts)
        if not item.started and item.kind is not None:
            self.began = item.started = True
            events.append(PartStarted(index, item.kind, item.name if item.kind == "tool_call" else ""))
            events.extend(PartDelta(index, text) for text in item.text)
        events.append(PartEnded(index, part))
        self._parts.append(part)
        self._refused = self._refused or item.refused

    def _end(self, response: WireResponse, status: str, events: list[ProviderEvent]) -> None:
        said = response.status
        self.status = said if isinstance(said, str) and said in _ENDS.values() else status
        if response.usage is not None:
            self._usage = usage_of(response.usage)
            events.append(UsageReported(self._usage))
        if self.status in ("failed", "cancelled") or response.error:
            raise failed_response(self._access, self._model, response.error or f"The answer was {self.status}.")
        self._reason = (response.incomplete_details and response.incomplete_details.reason) or ""
        for index, item in enumerate(response.output or ()):
            self._complete(index, item, events)
        for left in self._order[self._turn :]:
            if not left.done:
                left.done = True
                self._settle(left)
        self._pass_on(events)

    def _stop_reason(self, *, cut: bool) -> StopReason:
        if cut:
            return _CUT_REASONS.get(self._reason, "other")
        if any(isinstance(part, ToolCall) for part in self._parts):
            return "tool_calls"
        return "refused" if self._refused else "end"
