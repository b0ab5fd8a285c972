"""What a turn does besides writing text, as events of a stream for clients that ask for them (`X-Hermes-Events: 1`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.events import ApprovalDecided, ApprovalRequested, Notice, ToolFinished, ToolProgress, ToolStarted

if TYPE_CHECKING:
    from hermes_host.events import Event

__all__ = ["extra_event"]


def extra_event(event: Event) -> tuple[str, dict[str, Any]] | None:
    """Name and data of the event, or None for one that is not shown."""
    data: dict[str, Any]
    if isinstance(event, ToolStarted):
        data = {"status": "running", "call_id": event.call_id, "tool": event.name, "label": event.shown}
        return "hermes.tool", data
    if isinstance(event, ToolProgress):
        return "hermes.tool", {"status": "progress", "call_id": event.call_id, "text": event.text}
    if isinstance(event, ToolFinished):
        data = {
            "status": "failed" if event.result.is_error else "completed",
            "call_id": event.call_id,
            "tool": event.name,
            "label": event.title,
            "seconds": round(event.seconds, 3),
        }
        return "hermes.tool", data
    if isinstance(event, ApprovalRequested):
        data = {
            "status": "waiting",
            "id": event.request_id,
            "call_id": event.call_id,
            "tool": event.tool,
            "shown": event.shown,
            "reason": event.reason,
        }
        return "hermes.approval", data
    if isinstance(event, ApprovalDecided):
        data = {"status": "decided", "id": event.request_id, "verdict": event.verdict, "by": event.by}
        return "hermes.approval", data
    if isinstance(event, Notice):
        return "hermes.notice", {"text": event.text, "level": event.level, "code": event.code}
    return None
