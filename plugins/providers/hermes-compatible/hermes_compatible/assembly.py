"""From decoded chunks to provider events, in the grammar of `hermes_host.stream`.

Text and reasoning go through at once. The first tool call opens its part as soon as its arguments begin and stays open
to the end, since a late piece of it may still come; further calls, and text after the first call, wait until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_compatible.calls import CallAssembler, PendingCall
from hermes_compatible.thinking import ThinkSplitter
from hermes_compatible.wire import CallDelta, Chunk, Delta, usage_of
from hermes_host.errors import ContentRefused
from hermes_host.messages import Message, Part, Reasoning, Text
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
    from collections.abc import Iterable, Sequence
    from typing import Literal

    Prose = Literal["text", "reasoning"]

__all__ = ["Assembler"]

_STOP_REASONS: dict[str, StopReason] = {
    "stop": "end",
    "eos": "end",
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refused",
    "refusal": "refused",
    "sensitive": "refused",
}
"""OpenAI's reasons and what others say instead. Z.AI calls its filter `sensitive`, Mistral a full context
`model_length`."""


class Assembler:
    """Builds one message. Feed it chunks, then call `end` for the last events."""

    def __init__(self, provider: str, *, think_tags: bool = False) -> None:
        self.finish_reason = ""
        self.chosen = False
        """Whether any choice has come."""
        self.began = False
        """Whether any content has come."""
        self._provider = provider
        self._splitter = ThinkSplitter() if think_tags else None
        self._parts: list[Part] = []
        self._open: Prose | Literal["tool_call", ""] = ""
        self._pieces: list[str] = []
        self._details: list[dict[str, Any]] = []
        self._calls = CallAssembler()
        self._live: PendingCall | None = None
        self._late: list[tuple[Prose, str]] = []
        self._refused = False
        self._usage: Usage | None = None

    def feed(self, chunk: Chunk) -> Sequence[ProviderEvent]:
        """The events a chunk gives rise to."""
        events: list[ProviderEvent] = []
        for choice in chunk.choices or ():
            if choice.index:
                continue
            self.chosen = True
            delta = choice.delta or choice.message
            if delta is not None:
                self._add(delta, events)
            if choice.finish_reason:
                self.finish_reason = choice.finish_reason
            if choice.usage is not None and chunk.usage is None:
                self._count(usage_of(choice.usage), events)
        if chunk.usage is not None:
            self._count(usage_of(chunk.usage), events)
        return events

    def end(self) -> Sequence[ProviderEvent]:
        """Close what is open and end the message. Raises `ContentRefused` when a filter left nothing of it."""
        events: list[ProviderEvent] = []
        for kind, text in self._splitter.close() if self._splitter else ():
            self._prose(kind, text, events)
        self._close(events)
        cut = _STOP_REASONS.get(self.finish_reason) == "length"
        for pending in self._calls.calls:
            if pending is not self._live:
                call = pending.finished(cut=cut)
                self._whole(PartStarted(len(self._parts), "tool_call", call.name), call.raw, call, events)
        for kind, text in self._late:
            self._prose(kind, text, events)
        self._close(events)
        if self._details:
            # Signatures that came after the thoughts they belong to still have to go back.
            hidden = Reasoning(redacted=True, meta=self._take_details())
            self._whole(PartStarted(len(self._parts), "reasoning"), "", hidden, events)
        reason = self._stop_reason()
        if reason == "refused" and not self._parts:
            raise ContentRefused(
                f"{self._provider} stopped the answer: its content filter found something.",
                remedy="Say it differently, or use another model.",
            )
        message = Message(role="assistant", parts=tuple(self._parts), incomplete=cut)
        events.append(MessageEnded(message, reason, self._usage or Usage()))
        return events

    def _add(self, delta: Delta, events: list[ProviderEvent]) -> None:
        reasoning = delta.reasoning_content or delta.reasoning
        if delta.reasoning_details:
            self._details.extend(delta.reasoning_details)
            reasoning = reasoning or _text_of_details(delta.reasoning_details)
        if reasoning:
            self._prose("reasoning", reasoning, events)
        content = delta.content
        if content:
            self._content(content, events)
        if delta.refusal:
            self._refused = True
            self._prose("text", delta.refusal, events)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._call(call, events)
        elif delta.function_call is not None:
            self._call(CallDelta(function=delta.function_call), events)

    def _content(self, content: str | list[Any], events: list[ProviderEvent]) -> None:
        if isinstance(content, list):
            for kind, text in _typed_pieces(content):
                self._prose(kind, text, events)
        elif self._splitter is None:
            self._prose("text", content, events)
        else:
            for kind, text in self._splitter.feed(content):
                self._prose(kind, text, events)

    def _prose(self, kind: Prose, text: str, events: list[ProviderEvent]) -> None:
        if self._open != kind:
            if self._open == "tool_call":
                self._late.append((kind, text))
                return
            self._close(events)
            self._open = kind
            self.began = True
            events.append(PartStarted(len(self._parts), kind))
        self._pieces.append(text)
        events.append(PartDelta(len(self._parts), text))

    def _call(self, delta: CallDelta, events: list[ProviderEvent]) -> None:
        call, text = self._calls.add(delta)
        self.began = True
        if self._live is None and text and call is self._calls.calls[0]:
            self._close(events)
            self._live, self._open = call, "tool_call"
            events.append(PartStarted(len(self._parts), "tool_call", call.name))
        if call is self._live and text:
            events.append(PartDelta(len(self._parts), text))

    def _close(self, events: list[ProviderEvent]) -> None:
        """End the open part."""
        if not self._open:
            return
        part = self._finished_part()
        events.append(PartEnded(len(self._parts), part))
        self._parts.append(part)
        self._open = ""
        self._pieces = []

    def _finished_part(self) -> Part:
        if self._live is not None and self._open == "tool_call":
            return self._live.finished(cut=_STOP_REASONS.get(self.finish_reason) == "length")
        text = "".join(self._pieces)
        if self._open == "text":
            return Text(text=text)
        return Reasoning(text=text, meta=self._take_details())

    def _take_details(self) -> dict[str, Any]:
        details, self._details = self._details, []
        return {"reasoning_details": _merged(details), "provider": self._provider} if details else {}

    def _whole(self, started: PartStarted, text: str, part: Part, events: list[ProviderEvent]) -> None:
        events.append(started)
        if text:
            events.append(PartDelta(started.index, text))
        events.append(PartEnded(started.index, part))
        self._parts.append(part)

    def _count(self, usage: Usage, events: list[ProviderEvent]) -> None:
        if usage != self._usage:
            self._usage = usage
            events.append(UsageReported(usage))

    def _stop_reason(self) -> StopReason:
        reason = _STOP_REASONS.get(self.finish_reason, "other")
        if self._refused and reason == "end":
            return "refused"
        if self._calls.calls and reason == "end":
            return "tool_calls"
        return "end" if reason == "tool_calls" and not self._calls.calls else reason


def _text_of_details(details: Iterable[dict[str, Any]]) -> str:
    """The readable text in OpenRouter's `reasoning_details`: plain text or a summary, nothing of the encrypted kind."""
    texts = (detail.get("text") or detail.get("summary") for detail in details)
    return "".join(text for text in texts if isinstance(text, str))


def _merged(details: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Streamed fragments of one detail as one: texts joined, everything else as it came last."""
    merged: list[dict[str, Any]] = []
    for detail in details:
        last = merged[-1] if merged else None
        if last is None or any(detail.get(key) != last.get(key) for key in ("type", "index")) or "index" not in detail:
            merged.append(dict(detail))
            continue
        for key, value in detail.items():
            if key in ("text", "summary", "data") and isinstance(last.get(key), str) and isinstance(value, str):
                last[key] += value
            elif value is not None:
                last[key] = value
    return merged


def _typed_pieces(content: Iterable[Any]) -> Iterable[tuple[Prose, str]]:
    """Content given as a list of typed pieces, as Mistral's reasoning models do."""
    for piece in content:
        if not isinstance(piece, dict):
            continue
        if piece.get("type") == "thinking":
            thoughts = piece.get("thinking")
            text = thoughts if isinstance(thoughts, str) else "".join(t for _, t in _typed_pieces(thoughts or ()))
            if text:
                yield "reasoning", text
        elif isinstance(piece.get("text"), str) and piece["text"]:
            yield "text", piece["text"]
