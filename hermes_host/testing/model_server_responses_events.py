"""The single events of a Responses stream, for `model_server_responses.events`.

`item_events` gives all events of an output item in the vendor's order; the builders below it give one event each, for
streams that are put together by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "arguments_delta",
    "arguments_done",
    "item_added",
    "item_done",
    "item_events",
    "refusal_delta",
    "summary_delta",
    "text_delta",
]


def item_added(item: Mapping[str, Any], index: int = 0) -> dict[str, Any]:
    """The beginning of an output item: its head, without what the deltas bring."""
    return {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}


def item_done(item: Mapping[str, Any], index: int = 0) -> dict[str, Any]:
    """The end of an output item, with all of it."""
    return {"type": "response.output_item.done", "output_index": index, "item": dict(item)}


def text_delta(text: str, index: int = 0, *, content_index: int = 0, **more: Any) -> dict[str, Any]:
    """More of a text."""
    return {
        "type": "response.output_text.delta",
        "item_id": f"msg_{index}",
        "output_index": index,
        "content_index": content_index,
        "delta": text,
        "logprobs": [],
        "obfuscation": "x",
        **more,
    }


def refusal_delta(text: str, index: int = 0, *, content_index: int = 0) -> dict[str, Any]:
    """More of a refusal."""
    return {
        "type": "response.refusal.delta",
        "item_id": f"msg_{index}",
        "output_index": index,
        "content_index": content_index,
        "delta": text,
    }


def summary_delta(text: str, index: int = 0, *, summary_index: int = 0) -> dict[str, Any]:
    """More of a part of a reasoning summary."""
    return {
        "type": "response.reasoning_summary_text.delta",
        "item_id": f"rs_{index}",
        "output_index": index,
        "summary_index": summary_index,
        "delta": text,
    }


def arguments_delta(text: str, index: int = 0, **more: Any) -> dict[str, Any]:
    """More of the JSON text of a call's arguments."""
    return {
        "type": "response.function_call_arguments.delta",
        "item_id": f"fc_{index}",
        "output_index": index,
        "delta": text,
        **more,
    }


def arguments_done(text: str, index: int = 0, *, name: str = "") -> dict[str, Any]:
    """The whole JSON text of a call's arguments."""
    return {
        "type": "response.function_call_arguments.done",
        "item_id": f"fc_{index}",
        "output_index": index,
        "name": name,
        "arguments": text,
    }


def item_events(item: Mapping[str, Any], index: int = 0, *, pieces: int = 4) -> Sequence[dict[str, Any]]:
    """All events of an output item, its text in `pieces` deltas."""
    between = {"message": _message, "reasoning": _reasoning, "function_call": _call}[item["type"]]
    return [item_added(item, index), *between(item, index, pieces), item_done(item, index)]


def _begun(item: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "message": {"content": []},
        "reasoning": {"summary": []},
        "function_call": {"arguments": ""},
    }
    status = {"status": "in_progress"} if "status" in item else {}
    return {**item, **empty.get(item["type"], {}), **status}


def _message(item: Mapping[str, Any], index: int, pieces: int) -> Iterable[dict[str, Any]]:
    for number, part in enumerate(item["content"]):
        place = {"item_id": item["id"], "output_index": index, "content_index": number}
        key = "refusal" if part["type"] == "refusal" else "text"
        yield {"type": "response.content_part.added", **place, "part": {**part, key: ""}}
        for text in _cut(part[key], pieces):
            build = refusal_delta if key == "refusal" else text_delta
            yield {**build(text, index, content_index=number), "item_id": item["id"]}
        kind = "refusal" if key == "refusal" else "output_text"
        logprobs: dict[str, Any] = {} if key == "refusal" else {"logprobs": []}
        yield {"type": f"response.{kind}.done", **place, key: part[key], **logprobs}
        yield {"type": "response.content_part.done", **place, "part": dict(part)}


def _reasoning(item: Mapping[str, Any], index: int, pieces: int) -> Iterable[dict[str, Any]]:
    for number, part in enumerate(item["summary"]):
        place = {"item_id": item["id"], "output_index": index, "summary_index": number}
        yield {"type": "response.reasoning_summary_part.added", **place, "part": {"type": "summary_text", "text": ""}}
        for text in _cut(part["text"], pieces):
            yield {**summary_delta(text, index, summary_index=number), "item_id": item["id"]}
        yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **place, "part": dict(part)}


def _call(item: Mapping[str, Any], index: int, pieces: int) -> Iterable[dict[str, Any]]:
    for text in _cut(item["arguments"], pieces):
        yield {**arguments_delta(text, index), "item_id": item["id"]}
    yield {**arguments_done(item["arguments"], index, name=item["name"]), "item_id": item["id"]}


def _cut(text: str, pieces: int) -> list[str]:
    size = max(1, -(-len(text) // pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]
