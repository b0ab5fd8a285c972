"""From decoded events to provider events, in the grammar of `hermes_host.stream`.

Blocks come one after the other and go through as they come. Where a gateway begins a block before the last one has
ended, the new one waits. A block's part is ended when the next one begins and not at the block's stop: a late delta may
still come, and only at the end is it known whether a call's missing text was cut off. A strict assembler takes no late
delta, and so ends all parts but such calls at once.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.arguments import parse_arguments
from hermes_compatible.messages.blocks import META
from hermes_compatible.messages.events import Delta, Event, StopDetails, UsageCount, WholeMessage, WireUsage
from hermes_host.errors import ContentRefused, InvalidResponse
from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall
from hermes_host.stream import (
    MessageEnded,
    PartDelta,
    PartEnded,
    PartKind,
    PartStarted,
    ProviderEvent,
    StopReason,
    Usage,
    UsageReported,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Assembler"]

_STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "stop": "end",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "length": "length",
    "refusal": "refused",
    "content_filter": "refused",
    "sensitive": "refused",
}
"""The format's reasons, and those of chat completions, which some gateways let through. `pause_turn` is not among them:
it asks to go on with tools of the vendor, see `Assembler.paused`."""

_KINDS: dict[str, PartKind] = {
    "text": "text",
    "thinking": "reasoning",
    "redacted_thinking": "reasoning",
    "tool_use": "tool_call",
}

_DELTAS: dict[str, tuple[str, str]] = {
    "text_delta": ("text", "text"),
    "input_json_delta": ("partial_json", "tool_call"),
    "thinking_delta": ("thinking", "reasoning"),
    "signature_delta": ("signature", "reasoning"),
}
"""For each type of delta: the key of its text, and the kind of part it belongs to. Others, such as citations, are
passed over."""


class _Block:
    """A content block. `kind` is None for what has no place in the host's messages, such as vendors' own tools."""

    __slots__ = ("fields", "given", "index", "kind", "pieces", "signature", "stopped")

    def __init__(self, fields: dict[str, Any]) -> None:
        type = str(fields.get("type", ""))
        self.fields = fields
        self.kind = _KINDS.get(type)
        self.signature = _string(fields.get("signature"))
        self.stopped = False
        self.index = -1
        """The part's number, -1 until it is started."""
        self.pieces: list[str] = []
        self.given = 0
        """How many pieces went through."""
        first = _string(fields.get("text")) or _string(fields.get("thinking"))
        if first:
            self.pieces.append(first)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def wire(self) -> dict[str, Any]:
        """The whole block, as it goes back when a paused answer is continued."""
        fields = dict(self.fields)
        if fields.get("type") == "thinking":
            fields.update(thinking=self.text, signature=self.signature)
        elif self.kind == "text":
            fields["text"] = self.text
        elif "input" in fields and self.pieces:
            fields["input"] = parse_arguments(self.text) or {}
        return fields


class Assembler:
    """Builds one message. Feed it events, then call `end` for the last ones. `strict` is `Quirks.strict_events`."""

    def __init__(self, provider: str, model: str, *, strict: bool = False) -> None:
        self.stop_reason = ""
        self.answered = False
        """Whether anything of a message has come."""
        self.began = False
        """Whether any content has come."""
        self._provider = provider
        self._model = model
        self._strict = strict
        self._blocks: list[_Block] = []
        self._by_index: dict[int, _Block] = {}
        self._queue: deque[_Block] = deque()
        self._parts: list[Part] = []
        self._ids: set[str] = set()
        self._details: StopDetails | None = None
        self._count = UsageCount()
        self._before = Usage()
        """What the pieces of the answer before the last pause cost."""
        self._usage = Usage()

    @property
    def paused(self) -> bool:
        """Whether the vendor asks for the same request with what there is of the answer, to go on."""
        return self.stop_reason == "pause_turn"

    def resume(self) -> Sequence[dict[str, Any]]:
        """Get ready for the next piece of a paused answer; gives the blocks so far, as they go back."""
        self.stop_reason = ""
        self._by_index.clear()
        self._before, self._count = self._usage, UsageCount()
        return [block.wire() for block in self._blocks if block.pieces or block.kind != "text"]

    def feed(self, event: Event) -> Sequence[ProviderEvent]:
        """The events that one of the wire gives rise to. Raises `InvalidResponse` for one that fits nowhere."""
        kind = event.type
        if kind == "content_block_delta":
            return self._delta(event.index, event.delta) if event.delta is not None else ()
        events: list[ProviderEvent] = []
        if kind == "content_block_start":
            self._start(event, events)
        elif kind == "content_block_stop":
            self._stop(event.index)
            self._advance(events)
        elif kind == "message_start":
            self.answered = True
            if event.message is not None:
                self._account(event.message.usage, events)
        elif kind == "message_delta":
            self.answered = True
            self._account(event.usage, events)
            if event.delta is not None and event.delta.stop_reason:
                self.stop_reason, self._details = event.delta.stop_reason, event.delta.stop_details
        # Others say nothing, as `ping`, or are newer than this.
        return events

    def whole(self, message: WholeMessage) -> Sequence[ProviderEvent]:
        """The events of an answer in one piece."""
        events: list[ProviderEvent] = []
        self.answered = True
        for fields in message.content or ():
            block = _Block(fields)
            block.stopped = True
            self._blocks.append(block)
            self._queue.append(block)
        self.stop_reason, self._details = message.stop_reason or "", message.stop_details
        self._advance(events)
        self._account(message.usage, events)
        return events

    def end(self) -> Sequence[ProviderEvent]:
        """Close what is open and end the message. Raises `ContentRefused` when a filter left nothing of it."""
        events: list[ProviderEvent] = []
        self._advance(events, last=True)
        reason = self._reason()
        if reason == "refused" and not self._parts:
            raise ContentRefused(
                f"{self._provider} refused to answer{self._explanation()}.",
                remedy="Say it differently, or use another model.",
            )
        message = Message(role="assistant", parts=tuple(self._parts), incomplete=reason == "length")
        events.append(MessageEnded(message, reason, self._usage))
        return events

    def _start(self, event: Event, events: list[ProviderEvent]) -> None:
        self.answered = True
        index = len(self._by_index) if event.index is None else event.index
        before = self._by_index.get(index)
        if before is not None and not before.stopped:
            raise InvalidResponse(f"{self._provider} began block {index} of its answer twice.")
        block = self._by_index[index] = _Block(event.content_block or {})
        self._blocks.append(block)
        self._queue.append(block)
        self._advance(events)

    def _stop(self, index: int | None) -> None:
        """A stop too many, or of nothing, loses nothing."""
        block = self._block(index) if self._strict else self._found(index)
        if block is not None:
            block.stopped = True

    def _delta(self, index: int | None, delta: Delta) -> Sequence[ProviderEvent]:
        block = self._block(index)
        known = _DELTAS.get(delta.type or "")
        if known is None:
            return ()
        key, kind = known
        if block.kind != kind:
            if block.kind is None:
                block.pieces.append(getattr(delta, key) or "")
                return ()
            raise InvalidResponse(f"{self._provider} sent a {delta.type} for a part that is {block.kind}.")
        text = getattr(delta, key)
        if not text:
            return ()
        if key == "signature":
            block.signature = text
            return ()
        block.pieces.append(text)
        if block is not self._queue[0]:
            return ()
        if block.index >= 0:
            block.given += 1
            return (PartDelta(block.index, text),)
        events: list[ProviderEvent] = []
        self._give(block, events)
        return events

    def _found(self, index: int | None) -> _Block | None:
        """The block of a number: the last one where none is said."""
        return self._by_index.get(index) if index is not None else next(reversed(self._by_index.values()), None)

    def _block(self, index: int | None) -> _Block:
        """The block an event is about. Raises `InvalidResponse` where it cannot be about any."""
        block = self._found(index)
        if block is None or block not in self._queue or (self._strict and block.stopped):
            state = "has not begun" if block is None else "is over"
            raise InvalidResponse(f"{self._provider} sent more of block {index} of its answer, which {state}.")
        return block

    def _advance(self, events: list[ProviderEvent], *, last: bool = False) -> None:
        """Let through what there is of the first block, and go on to the next as far as blocks are over."""
        while self._queue:
            block = self._queue[0]
            self._give(block, events)
            if not (last or self._is_over(block)):
                return
            self._finish(block, events)
            self._queue.popleft()

    def _is_over(self, block: _Block) -> bool:
        """Whether no more can come for the first block, and all is known that its part depends on."""
        if not block.stopped:
            return False
        may_be_cut = block.kind == "tool_call" and not block.pieces and not self.stop_reason
        return len(self._queue) > 1 or (self._strict and not may_be_cut)

    def _give(self, block: _Block, events: list[ProviderEvent]) -> None:
        if block.kind is None:
            return
        if block.index < 0:
            # A text block may stay empty; such a part would be refused when it goes back.
            if block.kind == "text" and not block.pieces:
                return
            block.index = len(self._parts)
            self.began = True
            name = _string(block.fields.get("name")) if block.kind == "tool_call" else ""
            events.append(PartStarted(block.index, block.kind, name))
        events.extend(PartDelta(block.index, piece) for piece in block.pieces[block.given :])
        block.given = len(block.pieces)

    def _finish(self, block: _Block, events: list[ProviderEvent]) -> None:
        if block.index < 0:
            return
        given = block.fields.get("input")
        if block.kind == "tool_call" and given and not block.pieces:
            # Some send the arguments at once, as an answer in one piece has them.
            block.pieces.append(msgspec.json.encode(given).decode())
            self._give(block, events)
        part = self._part(block)
        events.append(PartEnded(block.index, part))
        self._parts.append(part)

    def _part(self, block: _Block) -> Part:
        if block.kind == "text":
            return Text(text=block.text)
        return self._call(block) if block.kind == "tool_call" else self._thought(block)

    def _thought(self, block: _Block) -> Reasoning:
        kept: dict[str, Any] = {"model": self._model}
        if block.fields.get("type") == "redacted_thinking":
            return Reasoning(redacted=True, meta={META: {**kept, "data": _string(block.fields.get("data"))}})
        if block.signature:
            kept["signature"] = block.signature
        return Reasoning(text=block.text, redacted=not block.pieces, meta={META: kept})

    def _call(self, block: _Block) -> ToolCall:
        raw = block.text
        lost = not raw.strip() and block is self._queue[-1] and _STOP_REASONS.get(self.stop_reason) == "length"
        id = _string(block.fields.get("id"))
        if not id or id in self._ids:
            id = f"toolu_{os.urandom(12).hex()}"
        self._ids.add(id)
        lost = lost or (self._strict and raw.strip() == "null")
        name = _string(block.fields.get("name"))
        return ToolCall(id=id, name=name, arguments=None if lost else parse_arguments(raw), raw=raw)

    def _account(self, wire: WireUsage | None, events: list[ProviderEvent]) -> None:
        usage = self._usage if wire is None else self._before + self._count.add(wire)
        if usage != self._usage:
            self._usage = usage
            events.append(UsageReported(usage))

    def _reason(self) -> StopReason:
        # Some gateways end the message without a reason; that it was ended is what counts.
        reason = _STOP_REASONS.get(self.stop_reason or "end_turn", "other")
        if self._ids and reason == "end":
            return "tool_calls"
        return "end" if reason == "tool_calls" and not self._ids else reason

    def _explanation(self) -> str:
        said = self._details and (self._details.explanation or self._details.category)
        return f": {said.rstrip('.')}" if said else ""


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
