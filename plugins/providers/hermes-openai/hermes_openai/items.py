"""Messages as the input items of a Responses request.

Each function is a pure mapping from a message to JSON values, so that a message always gives the same bytes. What the
vendor gave with an answer (ids, encrypted thoughts) goes back to the origin it came from, and to no other.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Message, Reasoning, Text, ToolCall, ToolResult
from hermes_openai.media import content
from hermes_openai.output import META

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["EncodedMessage", "encode_items", "unanswered"]

Wire = dict[str, Any]

_encode = msgspec.json.encode
_LONGEST_ID = 64
_LONGEST_NAME = 64
_UNPARSED_SHOWN = 2000


class EncodedMessage(msgspec.Struct, frozen=True):
    """A message as input items: those of its own, the ids of its calls, and its results by the id of their call."""

    items: tuple[bytes, ...] = ()
    calls: tuple[str, ...] = ()
    results: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.items)) + sum(len(item) for _, item in self.results)


def encode_items(message: Message, origin: str, *, thoughts: bool) -> EncodedMessage:
    """The input items one message becomes: none when nothing of it can be sent. `thoughts` is whether the model takes
    those of other answers."""
    if message.role == "assistant":
        items = _assistant(message, origin, thoughts=thoughts)
        calls = tuple(item["call_id"] for item in items if item["type"] == "function_call")
        return EncodedMessage(tuple(map(_encode, items)), calls)
    if message.role == "tool":
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        return EncodedMessage(results=tuple((_id(part.call_id), _encode(_result(part))) for part in results))
    said = content(message.parts, own=message.provenance == "owner")
    return EncodedMessage((_encode({"type": "message", "role": "user", "content": said}),) if said else ())


def unanswered(call_id: str) -> bytes:
    """The result of a call that was never run: the vendor refuses a call without one."""
    return _encode({"type": "function_call_output", "call_id": call_id, "output": "(this call was not run)"})


def _assistant(message: Message, origin: str, *, thoughts: bool) -> list[Wire]:
    items: list[Wire] = []
    for part in message.parts:
        if isinstance(part, Reasoning):
            items.extend(_thought(part, origin) if thoughts else ())
        elif isinstance(part, Text) and part.text:
            items.append(_text(part, origin))
        elif isinstance(part, ToolCall):
            items.append(_call(part, origin))
    return _without_loose_thoughts(items)


def _without_loose_thoughts(items: Sequence[Wire]) -> list[Wire]:
    """Without thoughts at the end, whose continuation was cut off: the vendor refuses those."""
    last = max((place for place, item in enumerate(items) if item["type"] != "reasoning"), default=-1)
    return list(items[: last + 1])


def _own(meta: dict[str, Any], origin: str) -> Wire:
    """What the vendor at this origin gave with a part; empty where another one did."""
    kept = meta.get(META)
    return kept if isinstance(kept, dict) and kept.get("origin") == origin else {}


def _thought(part: Reasoning, origin: str) -> Iterable[Wire]:
    item = _own(part.meta, origin).get("item")
    return (item,) if isinstance(item, dict) and item.get("type") == "reasoning" else ()


def _text(part: Text, origin: str) -> Wire:
    own = _own(part.meta, origin)
    if not own.get("id"):
        return {"type": "message", "role": "assistant", "content": part.text}
    refusal = own.get("refusal_from", len(part.text))
    said, refused = part.text[:refusal], part.text[refusal:]
    pieces: list[Wire] = [{"type": "output_text", "text": said, "annotations": []}] if said else []
    if refused:
        pieces.append({"type": "refusal", "refusal": refused})
    item = {"type": "message", "id": own["id"], "role": "assistant", "status": "completed", "content": pieces}
    return {**item, "phase": own["phase"]} if own.get("phase") else item


def _call(part: ToolCall, origin: str) -> Wire:
    if part.arguments is None:
        # Broken text would be parsed again on the way back, and make every later request fail.
        text = _encode({"unparsed_arguments": part.raw[:_UNPARSED_SHOWN]}).decode()
    else:
        text = part.raw.strip() or _encode(part.arguments).decode()
        text = "{}" if text == "null" else text
    item = {"type": "function_call", "call_id": _id(part.id), "name": _name(part.name), "arguments": text}
    id = _own(part.meta, origin).get("id")
    return {**item, "id": id} if id and part.arguments is not None else item


def _result(part: ToolResult) -> Wire:
    # A result is the outside world's: a `file:` address in it is not followed.
    said = content(part.content, own=False)
    return {"type": "function_call_output", "call_id": _id(part.call_id), "output": said or "(no output)"}


def _id(id: str) -> str:
    """An id the vendor takes: another one's may be too long."""
    return id if 0 < len(id) <= _LONGEST_ID else f"call_{hashlib.sha256(id.encode()).hexdigest()[:32]}"


def _name(name: str) -> str:
    """A function's name the vendor takes, where a model has made up another."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_LONGEST_NAME] or "unnamed"
