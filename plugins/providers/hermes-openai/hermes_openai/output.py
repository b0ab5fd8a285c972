"""One output item of a Responses answer, from its pieces to a part of the message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from hermes_compatible.calls import parse_arguments

from hermes_host.messages import Part, Reasoning, Text, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.stream import PartKind

__all__ = ["META", "OutputItem"]

META = "openai"
"""The key of a part's `meta` under which stands what goes back: the origin it belongs to, and ids or the whole item."""

_KINDS: dict[str, PartKind] = {"message": "text", "reasoning": "reasoning", "function_call": "tool_call"}
Refusal = Literal["refusal"]


class OutputItem:
    """An item that is still coming. `item` is the newest form of it that came as a whole."""

    __slots__ = (
        "disordered", "done", "held", "item", "kind", "name", "place", "refusal_from", "started", "text", "whole",
    )  # fmt: skip

    def __init__(self, kind: str) -> None:
        self.kind: PartKind | None = _KINDS.get(kind)
        self.item: dict[str, Any] = {}
        self.name = ""
        self.text: list[str] = []
        """What was passed on."""
        self.held: list[str] = []
        """What waits for the items before this one."""
        self.place: tuple[str, int] | None = None
        self.refusal_from = -1
        self.started = False
        self.done = False
        self.disordered = False
        self.whole: str | None = None
        """The whole text, where the vendor has said it."""

    def take(self, item: dict[str, Any]) -> None:
        """Note a form of the item that came as a whole."""
        self.item = item
        self.name = _string(item.get("name")) or self.name

    def add(self, text: str, channel: str, index: int) -> str:
        """A piece of text, with a gap before it where another paragraph of a summary begins."""
        place = (channel, index)
        if place != self.place:
            if channel == "refusal" and self.refusal_from < 0:
                self.refusal_from = self.length
            if self.kind == "reasoning" and self.place is not None and self.length:
                text = f"\n\n{text}"
            self.place = place
        return text

    @property
    def length(self) -> int:
        """How much text has come."""
        return sum(map(len, self.text)) + sum(map(len, self.held))

    def final(self) -> str | None:
        """The whole text as the vendor says it at the end, or None where it does not."""
        if self.kind == "tool_call":
            return _string(self.item.get("arguments")) or self.whole
        if self.kind == "text":
            pieces = [_text(part) for part in _parts(self.item, "content")]
            return "".join(pieces) or None
        return "\n\n".join(filter(None, map(_text, _reasoning_parts(self.item)))) or None

    def part(self, origin: str, *, cut: bool) -> Part | None:
        """The part, or None where the item is empty. `cut` when the answer ended before the item was complete."""
        text = "".join(self.text)
        if self.kind == "tool_call":
            return self._call(text, origin, cut=cut)
        if self.kind == "reasoning":
            return self._thought(text, origin)
        return Text(text=text, meta=self._text_meta(origin)) if text else None

    def _call(self, text: str, origin: str, *, cut: bool) -> ToolCall:
        cut = cut or self.item.get("status") == "incomplete"
        arguments = None if cut and not text.strip() else parse_arguments(text)
        own = _string(self.item.get("id"))
        return ToolCall(
            id=_string(self.item.get("call_id")) or own or f"call_{os.urandom(12).hex()}",
            name=self.name,
            arguments=arguments,
            raw=text,
            meta={META: {"origin": origin, "id": own}} if own else {},
        )

    def _thought(self, text: str, origin: str) -> Reasoning | None:
        """A thought goes back as the whole item, which only one who has the key to it can read."""
        sealed = bool(self.item.get("encrypted_content"))
        kept = sealed or bool(self.item.get("content"))
        if not text and not kept:
            return None
        meta = {META: {"origin": origin, "item": self.item}} if kept else {}
        return Reasoning(text=text, redacted=sealed and not text, meta=meta)

    def _text_meta(self, origin: str) -> dict[str, Any]:
        """Ids and the phase go back with a text, and where a refusal begins in it."""
        if not _string(self.item.get("id")):
            return {}
        meta: dict[str, Any] = {"origin": origin, "id": self.item["id"]}
        if _string(self.item.get("phase")):
            meta["phase"] = self.item["phase"]
        refusal = self._refusal_start()
        if refusal >= 0:
            meta["refusal_from"] = refusal
        return {META: meta}

    def _refusal_start(self) -> int:
        start = 0
        for part in _parts(self.item, "content"):
            if part.get("type") == "refusal":
                return start
            start += len(_text(part))
        return self.refusal_from

    @property
    def refused(self) -> bool:
        """Whether the item holds a refusal."""
        return self.kind == "text" and self._refusal_start() >= 0


def _parts(item: dict[str, Any], key: str) -> Iterable[dict[str, Any]]:
    value = item.get(key)
    return (part for part in value if isinstance(part, dict)) if isinstance(value, list) else ()


def _reasoning_parts(item: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield from _parts(item, "summary")
    yield from _parts(item, "content")


def _text(part: dict[str, Any]) -> str:
    return _string(part.get("text")) or _string(part.get("refusal"))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
