"""Tool calls as editors show them: what kind, where, how far, with what result, each under an id of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hermes_acp.diffs import changes, locations
from hermes_acp.prompt import content_of
from hermes_host.messages import Text, text_of
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermes_host.events import ToolFinished, ToolProgress, ToolStarted
    from hermes_host.messages import ToolCall, ToolResult
    from hermes_host.specs import ToolSpec

__all__ = ["ToolCalls", "kind_of", "title_of"]

SHOWN = 20_000
"""Characters of a result an editor gets; the model has the whole."""
TAIL = 4_000
"""Characters of live output that are shown."""
PAUSE = 0.25
"""Seconds between two showings of live output."""

_LOOKS = ("search", "grep", "find", "glob")


class ToolCalls:
    """The calls of one conversation. Ids are the model's; one that comes again in a later step gets a number."""

    def __init__(self, specs: Callable[[], Mapping[str, ToolSpec]], directory: Callable[[], str]) -> None:
        self._specs = specs
        self._directory = directory
        self._used: dict[str, int] = {}
        self._open: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        self._live: dict[str, tuple[float, str]] = {}

    def announced(self, call: ToolCall, status: str = "pending") -> dict[str, Any]:
        """The model wants a call made."""
        identity = self._new(call.id)
        spec = self._specs().get(call.name)
        arguments = call.arguments or {}
        self._titles[call.id] = title_of(call.name, spec, arguments)
        return {
            "sessionUpdate": "tool_call",
            "toolCallId": identity,
            "title": self._titles[call.id],
            "kind": kind_of(call.name, spec),
            "status": status,
            "locations": locations(arguments, self._directory()),
            "rawInput": call.arguments if call.arguments is not None else {"unreadable": call.raw},
        }

    def identity(self, call_id: str) -> str | None:
        """The id under which an open call is shown."""
        return self._open.get(call_id)

    def started(self, event: ToolStarted) -> dict[str, Any]:
        """A call begins; one that the model did not write itself, such as a nested one, appears with it."""
        identity = self._open.get(event.call_id)
        if identity is None:
            from hermes_host.messages import ToolCall

            call = ToolCall(id=event.call_id, name=event.name, arguments=event.arguments)
            return self.announced(call, "in_progress")
        return {"sessionUpdate": "tool_call_update", "toolCallId": identity, "status": "in_progress"}

    def progress(self, event: ToolProgress) -> dict[str, Any] | None:
        """Live output: the end of it, not more often than an eye can follow."""
        identity = self._open.get(event.call_id)
        if identity is None:
            return None
        shown_at, text = self._live.get(event.call_id, (0.0, ""))
        text = (text + event.text)[-TAIL:]
        now = time.monotonic()
        due = now - shown_at >= PAUSE
        self._live[event.call_id] = (now if due else shown_at, text)
        if not due:
            return None
        return {
            "sessionUpdate": "tool_call_update",
            "toolCallId": identity,
            "content": [_text(_code(text))],
        }

    def finished(self, event: ToolFinished) -> Sequence[dict[str, Any]]:
        """A call ended. One that was refused before it was shown is shown now."""
        updates = []
        if event.call_id not in self._open:
            from hermes_host.messages import ToolCall

            updates.append(self.announced(ToolCall(id=event.call_id, name=event.name, arguments={})))
        title = self._titles.get(event.call_id, event.name)
        update = self._ended(event.call_id, event.result)
        if event.title:
            update["title"] = f"{title} ({one_line(event.title)})"
        if event.diff:
            contents, places = changes(event.diff, self._directory())
            if contents:
                update["content"], update["locations"] = contents, places
        return [*updates, update]

    def settled(self, result: ToolResult) -> dict[str, Any] | None:
        """The result of a call that did not end by itself; None where its end was told already."""
        return self._ended(result.call_id, result) if result.call_id in self._open else None

    def _ended(self, call_id: str, result: ToolResult) -> dict[str, Any]:
        self._live.pop(call_id, None)
        self._titles.pop(call_id, None)
        text = _cut(text_of(result.content))
        others = [{"type": "content", "content": content_of(part)} for part in result.content if type(part) is not Text]
        return {
            "sessionUpdate": "tool_call_update",
            "toolCallId": self._open.pop(call_id),
            "status": "failed" if result.is_error else "completed",
            "content": [*([_text(_code(text))] if text else []), *(each for each in others if each["content"])],
            "rawOutput": {"text": text, "is_error": result.is_error},
        }

    def _new(self, call_id: str) -> str:
        times = self._used.get(call_id, 0) + 1
        self._used[call_id] = times
        identity = call_id if times == 1 else f"{call_id}#{times}"
        self._open[call_id] = identity
        return identity


def kind_of(name: str, spec: ToolSpec | None) -> str:
    """The protocol's word for what a tool does, from its declared effects."""
    effects = spec.effects if spec is not None else frozenset()
    if name == "todo":
        return "think"
    if "process" in effects:
        return "other" if "net" in effects else "execute"  # with both it is some server's tool
    if "write" in effects:
        return "delete" if name.startswith(("delete", "remove")) else "edit"
    if any(word in name for word in _LOOKS) and "net" not in effects:
        return "search"
    if "net" in effects:
        return "fetch"
    return "read" if "read" in effects else "other"


def title_of(name: str, spec: ToolSpec | None, arguments: Mapping[str, Any]) -> str:
    """What a call does, in a line."""
    shown = one_line(str(arguments.get(spec.shows, "")), 120) if spec is not None and spec.shows else ""
    if shown and kind_of(name, spec) == "execute":
        return f"`{shown}`" if "`" not in shown else shown
    label = one_line(name.replace("_", " "), 80).capitalize()
    return f"{label}: {shown}" if shown else label


def _text(text: str) -> dict[str, Any]:
    return {"type": "content", "content": {"type": "text", "text": text}}


def _code(text: str) -> str:
    """Output as a block of Markdown that nothing in it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{visible(text)}\n{fence}"


def _cut(text: str) -> str:
    if len(text) <= SHOWN:
        return text
    return f"{text[: SHOWN // 2]}\n[… {len(text) - SHOWN} characters not shown …]\n{text[-SHOWN // 2 :]}"
