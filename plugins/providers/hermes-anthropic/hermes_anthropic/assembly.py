"""From decoded events to provider events, in the grammar of `hermes_host.stream`.

The vendor sends one block after the other, and so they go through as they come. Where a proxy mixes the deltas of
several blocks, the first open block goes through at once and the others wait for their turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from hermes_anthropic.blocks import META
from hermes_anthropic.wire import Delta, Event, StopDetails, UsageCount, WireUsage
from hermes_host.errors import ContentRefused, InvalidResponse
from hermes_host.messages import Message, Part, Reasoning, Text, ToolCall
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.stream import PartKind

__all__ = ["Assembler"]

_STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}
_KINDS: dict[str, PartKind] = {
    "text": "text",
    "thinking": "reasoning",
    "redacted_thinking": "reasoning",
    "tool_use": "tool_call",
}
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("input", "partial_json"),
    "signature_delta": ("thinking", "signature"),
}
"""For each kind of delta the key its block must have, and the delta's own key."""


class _Block:
    """A content block whose deltas are still coming. `given` counts the pieces that went through."""

    __slots__ = ("done", "given", "kind", "pieces", "signature", "start", "started", "type")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.type = str(start.get("type", ""))
        self.kind = _KINDS.get(self.type)
        self.pieces: list[str] = []
        self.signature = str(start.get("signature") or "")
        self.given = 0
        self.started = False
        self.done = False
        first = start.get("text") or start.get("thinking") or ""
        if isinstance(first, str) and first:
            self.pieces.append(first)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def add(self, delta: Delta) -> None:
        if delta.type not in _DELTAS:
            return
        belongs, key = _DELTAS[delta.type]
        text = getattr(delta, key)
        if belongs not in self.start:
            raise InvalidResponse(f"anthropic sent a {delta.type} for a block of type {self.type!r}.")
        if delta.type == "signature_delta":
            self.signature += text or ""
        elif text:
            self.pieces.append(text)

    def stop(self) -> None:
        self.done = True
        whole = self.start.get("input")
        if self.type == "tool_use" and whole and not self.pieces:
            self.pieces.append(msgspec.json.encode(whole).decode())

    def wire(self) -> dict[str, Any]:
        """The whole block, as it goes back when a paused answer is continued."""
        block = dict(self.start)
        if self.type == "thinking":
            block.update(thinking=self.text, signature=self.signature)
        elif self.type == "text":
            block["text"] = self.text
        elif "input" in block and self.pieces:
            block["input"] = _parsed(self.text) or {}
        return block


class Assembler:
    """Builds one message. Feed it events, then call `end` for the last ones."""

    def __init__(self, model: str) -> None:
        self.stop_reason = ""
        self.begun = False
        """Whether any content has come."""
        self.answered = False
        """Whether any event of an answer has come."""
        self._model = model
        self._blocks: list[_Block] = []
        self._by_index: dict[int, _Block] = {}
        self._current = 0
        self._parts: list[Part] = []
        self._details: StopDetails | None = None
        self._count = UsageCount()
        self._before = Usage()
        self._usage = Usage()

    def feed(self, event: Event) -> Sequence[ProviderEvent]:
        """The events that one of the wire gives rise to. Raises `InvalidResponse`."""
        events: list[ProviderEvent] = []
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    self._open_block(event.index).add(event.delta)
                    self._advance(events)
            case "content_block_start":
                self._start(event, events)
            case "content_block_stop":
                self._open_block(event.index).stop()
                self._advance(events)
            case "message_start":
                self.answered = True
                if event.message is not None:
                    self._account(event.message.usage, events)
            case "message_delta":
                self._finish(event.delta, event.usage, events)
            case "message":
                self._whole(event, events)
            case _:
                # The vendor reserves the right to send new kinds of events; `ping` is one that says nothing.
                pass
        return events

    @property
    def paused(self) -> bool:
        """Whether the vendor asks for the same request with what there is of the answer, to go on."""
        return self.stop_reason == "pause_turn"

    def resume(self) -> Sequence[dict[str, Any]]:
        """Get ready for the next piece of a paused answer; gives the blocks so far."""
        self.stop_reason = ""
        self._by_index.clear()
        self._before = self._usage
        self._count = UsageCount()
        return [block.wire() for block in self._blocks if block.text or block.type != "text"]

    def end(self) -> Sequence[ProviderEvent]:
        """Close what is open and end the message. Raises `ContentRefused` when the filter left nothing of it."""
        events: list[ProviderEvent] = []
        # Some gateways end the message without a reason; that it ended is what counts.
        self.stop_reason = self.stop_reason or "end_turn"
        for block in self._blocks:
            if not block.done:
                block.stop()
        self._advance(events)
        reason = self._reason()
        if reason == "refused" and not self._parts:
            raise ContentRefused(
                f"anthropic refused to answer{self._explanation()}.",
                remedy="Say it differently, or use another model.",
            )
        message = Message(role="assistant", parts=tuple(self._parts), incomplete=reason == "length")
        events.append(MessageEnded(message, reason, self._usage))
        return events

    def _start(self, event: Event, events: list[ProviderEvent]) -> None:
        index = len(self._blocks) if event.index is None else event.index
        before = self._by_index.get(index)
        if before is not None and not before.done:
            raise InvalidResponse(f"anthropic began block {index} of its answer twice.")
        block = _Block(event.content_block or {})
        self._by_index[index] = block
        self._blocks.append(block)
        self._advance(events)

    def _open_block(self, index: int | None) -> _Block:
        block = self._by_index.get(index) if index is not None else self._blocks[-1] if self._blocks else None
        if block is None or block.done:
            state = "not begun" if block is None else "already ended"
            raise InvalidResponse(f"anthropic sent more of block {index} of its answer, which has {state}.")
        return block

    def _finish(self, delta: Delta | None, usage: WireUsage | None, events: list[ProviderEvent]) -> None:
        self._account(usage, events)
        if delta is not None and delta.stop_reason:
            self.stop_reason = delta.stop_reason
            self._details = delta.stop_details

    def _whole(self, event: Event, events: list[ProviderEvent]) -> None:
        """An answer in one piece."""
        self.answered = True
        for start in event.content or ():
            block = _Block(start)
            block.stop()
            self._blocks.append(block)
        self._advance(events)
        self._account(event.usage, events)
        self.stop_reason = event.stop_reason or ""
        self._details = event.stop_details

    def _advance(self, events: list[ProviderEvent]) -> None:
        """Let through what there is of the current block, and of those after it as far as they are their turn."""
        while self._current < len(self._blocks):
            block = self._blocks[self._current]
            complete = block.done and not self._may_be_cut(block)
            if block.kind is not None:
                self._give(block, block.kind, events, complete=complete)
            if not complete:
                return
            self._current += 1

    def _may_be_cut(self, block: _Block) -> bool:
        """Whether a call without text is the last thing so far: only the stop reason tells if its text was lost."""
        return block.type == "tool_use" and not block.pieces and block is self._blocks[-1] and not self.stop_reason

    def _give(self, block: _Block, kind: PartKind, events: list[ProviderEvent], *, complete: bool) -> None:
        index = len(self._parts)
        # The vendor opens text blocks that stay empty; such a part would be refused when it is sent back.
        if not block.started and (block.pieces or kind != "text"):
            block.started = self.begun = True
            events.append(PartStarted(index, kind, str(block.start.get("name") or "") if kind == "tool_call" else ""))
        while block.given < len(block.pieces):
            events.append(PartDelta(index, block.pieces[block.given]))
            block.given += 1
        if complete and block.started:
            part = self._part(block, kind)
            events.append(PartEnded(index, part))
            self._parts.append(part)

    def _part(self, block: _Block, kind: PartKind) -> Part:
        if kind == "text":
            return Text(text=block.text)
        if kind == "tool_call":
            return self._call(block)
        kept: dict[str, Any] = {"model": self._model}
        if block.type == "redacted_thinking":
            return Reasoning(redacted=True, meta={META: {**kept, "data": str(block.start.get("data", ""))}})
        if not block.signature:
            return Reasoning(text=block.text)
        return Reasoning(
            text=block.text, redacted=not block.pieces, meta={META: {**kept, "signature": block.signature}}
        )

    def _call(self, block: _Block) -> ToolCall:
        raw = block.text
        # After a cut no text may mean lost text.
        cut = not raw.strip() and _STOP_REASONS.get(self.stop_reason) == "length"
        id = str(block.start.get("id") or "") or f"toolu_{uuid4().hex[:24]}"
        name = str(block.start.get("name") or "")
        return ToolCall(id=id, name=name, arguments=None if cut else _parsed(raw), raw=raw)

    def _account(self, wire: WireUsage | None, events: list[ProviderEvent]) -> None:
        if wire is None:
            return
        usage = self._before + self._count.add(wire)
        if usage != self._usage:
            self._usage = usage
            events.append(UsageReported(usage))

    def _reason(self) -> StopReason:
        reason = _STOP_REASONS.get(self.stop_reason, "other")
        calls = any(isinstance(part, ToolCall) for part in self._parts)
        if calls and reason == "end":
            return "tool_calls"
        return "end" if reason == "tool_calls" and not calls else reason

    def _explanation(self) -> str:
        if self._details is None:
            return ""
        said = self._details.explanation or self._details.category or ""
        return f": {said.rstrip('.')}" if said else ""


def _parsed(text: str) -> dict[str, Any] | None:
    """The arguments as an object; no text is an empty one; None for anything else, such as `{}{}`."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return value if isinstance(value, dict) else None
