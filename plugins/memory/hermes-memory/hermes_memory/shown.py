"""The memory in words for people: one wording for the command line and for slash commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.cli.listing import moment
from hermes_host.visible import visible
from hermes_memory.entries import readable

if TYPE_CHECKING:
    from hermes_memory.records import Edit, Pending, Stamp
    from hermes_memory.store import Content, Entry

__all__ = ["content_object", "edit_line", "edit_object", "entry_text", "pending_object", "pending_text", "provenance"]


def provenance(stamp: Stamp | None) -> str:
    """Who stood behind an entry, in a few words."""
    if stamp is None:
        return "by hand"
    who = {"owner": "you", "member": "a member", "external": "from outside"}[stamp.origin]
    how = "by hand" if stamp.by == "hand" else f"by the agent, for {who}"
    if stamp.origin == "external" and stamp.by == "tool":
        how = "by the agent, from outside"
    consent = ", with your consent" if stamp.consent else ""
    return f"{how}{consent}, {moment(stamp.time)}"


def entry_text(entry: Entry) -> str:
    """An entry as it may be shown on a terminal."""
    return visible(readable(entry.text))


def pending_text(item: Pending) -> str:
    """What would be done."""
    parts = [f"{item.action} in {item.target}"]
    if item.old_text:
        parts.append(f"entry: {visible(readable(item.old_text))}")
    if item.content:
        parts.append(f"text: {visible(readable(item.content))}")
    return "\n".join(parts)


def edit_line(edit: Edit) -> str:
    """What an edit did, with the texts."""
    gone = [f"- {visible(readable(entry))}" for _, entry in edit.removed]
    came = [f"+ {visible(readable(entry))}" for _, entry in edit.added]
    return "\n".join([*gone, *came])


def content_object(content: Content, path: str) -> dict[str, Any]:
    """A file for scripts."""
    return {
        "target": content.target,
        "path": path,
        "used": content.used,
        "limit": content.limit,
        "entries": [
            {
                "number": number,
                "text": readable(entry.text),
                "shown": entry.finding is None,
                "problem": entry.finding.id if entry.finding else "",
                "provenance": _stamp_object(entry.stamp),
            }
            for number, entry in enumerate(content.entries, 1)
        ],
    }


def pending_object(item: Pending) -> dict[str, Any]:
    """A write that waits, for scripts."""
    return {
        "number": item.number,
        "action": item.action,
        "target": item.target,
        "content": readable(item.content),
        "old_text": readable(item.old_text),
        "provenance": _stamp_object(item.stamp),
    }


def edit_object(edit: Edit) -> dict[str, Any]:
    """An edit for scripts."""
    return {
        "number": edit.number,
        "action": edit.action,
        "target": edit.target,
        "removed": [readable(entry) for _, entry in edit.removed],
        "added": [readable(entry) for _, entry in edit.added],
        "undoes": edit.undoes,
        "provenance": _stamp_object(edit.stamp),
    }


def _stamp_object(stamp: Stamp | None) -> dict[str, Any]:
    if stamp is None:
        return {"by": "hand", "origin": "", "session": "", "time": 0.0, "consent": False}
    return {
        "by": stamp.by,
        "origin": stamp.origin,
        "session": stamp.session,
        "time": stamp.time,
        "consent": stamp.consent,
    }
