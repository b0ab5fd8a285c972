"""What a review changed, read from its own log: the calls that took effect, in words for people."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hermes_host.messages import ToolCall, ToolResult, text_of
from hermes_host.visible import one_line
from hermes_learning.signals import MEMORY_TOOL, SKILL_TOOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hermes_host.messages import Message
    from hermes_host.records import SessionRecord

__all__ = ["announcement", "calls_made", "changes", "said_by_review"]

_SAME = re.compile(r"\b(?:already|unchanged|nothing had to be changed)\b", re.IGNORECASE)
"""A call that found everything as it should be changed nothing."""

_SAID = 200
"""Characters of a plain answer in which that, and that a change waits for consent, would stand."""

_VERBS = {"create": "created", "delete": "deleted"}


def said_by_review(records: Iterable[SessionRecord]) -> Iterator[Message]:
    """The messages of the review itself, without the conversation it was shown."""
    for record in records:
        if record.kind == "message" and record.turn_id and record.message is not None:
            yield record.message


def changes(messages: Iterable[Message]) -> list[str]:
    """What was changed, each once: `memory updated`, `skill created: NAME` …"""
    found: dict[str, None] = {}
    for call, result in _effective(messages):
        if text := _phrase(call):
            waits = " (waits for your consent)" if _pending(result) else ""
            found[f"{text}{waits}"] = None
    return list(found)


def calls_made(messages: Iterable[Message]) -> list[str]:
    """The calls that took effect, each with its arguments on one line, for a review that goes on after a cut."""
    return [
        f"{call.name} {one_line(json.dumps(call.arguments, ensure_ascii=False), 300)}"
        for call, _ in _effective(messages)
        if call.name in (MEMORY_TOOL, SKILL_TOOL)
    ]


def announcement(changed: Sequence[str]) -> str:
    """The one line that tells of a review."""
    return "💾 " + " · ".join(text[:1].upper() + text[1:] for text in changed)


def _phrase(call: ToolCall) -> str:
    arguments = call.arguments or {}
    if call.name == MEMORY_TOOL:
        return "user profile updated" if arguments.get("target") == "user" else "memory updated"
    if call.name == SKILL_TOOL:
        verb = _VERBS.get(str(arguments.get("action")), "patched")
        return f"skill {verb}: {one_line(str(arguments.get('name', '')), 64)}"
    return ""


def _effective(messages: Iterable[Message]) -> Iterator[tuple[ToolCall, ToolResult]]:
    calls: dict[str, ToolCall] = {}
    for message in messages:
        calls.update((call.id, call) for call in message.tool_calls)
        for part in message.parts:
            if isinstance(part, ToolResult) and part.call_id in calls and _worked(part):
                yield calls[part.call_id], part


def _worked(result: ToolResult) -> bool:
    answer = _answer(result)
    said = str(answer.get("message", "")) if answer else text_of(result.content)[:_SAID]
    return not result.is_error and answer.get("success") is not False and not _SAME.search(said)


def _pending(result: ToolResult) -> bool:
    return bool(_answer(result).get("pending")) or "waits for" in text_of(result.content)[:_SAID]


def _answer(result: ToolResult) -> dict[str, Any]:
    try:
        value = json.loads(text_of(result.content))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
