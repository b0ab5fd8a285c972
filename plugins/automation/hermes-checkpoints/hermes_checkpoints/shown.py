"""Snapshots in words: one wording for the command line and for `/rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.cli.listing import ago, count
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_checkpoints.store import Listed, Restored

__all__ = ["changes", "listed_object", "outcome", "row"]


def changes(changed: int, paths: tuple[str, ...]) -> str:
    """`3 files: a.py, b.py, c.py`."""
    if not changed:
        return "nothing"
    more = ", …" if changed > len(paths) else ""
    return f"{count(changed, 'file')}: {', '.join(one_line(path, 60) for path in paths)}{more}"


def row(listed: Listed, now: float) -> tuple[str, str, str, str]:
    """Number, age, why it was taken, and what was changed after it."""
    snapshot = listed.snapshot
    return (
        str(snapshot.number),
        ago(snapshot.time, now),
        one_line(snapshot.reason, 60),
        changes(listed.changed, listed.paths),
    )


def outcome(restored: Restored, path: str = "") -> str:
    """What a restore did, and how to take it back."""
    what = f"{path} is" if path else "The workspace is"
    if not restored.changed:
        return f"{what} as it was at {restored.number} already; nothing was changed."
    return (
        f"{what} back at {restored.number} ({changes(restored.changed, restored.paths)}). The state from before is "
        f"{restored.before}."
    )


def listed_object(listed: Listed) -> dict[str, Any]:
    """A snapshot for scripts."""
    snapshot = listed.snapshot
    return {
        "number": snapshot.number,
        "time": snapshot.time,
        "reason": snapshot.reason,
        "session": snapshot.session,
        "files": snapshot.files,
        "changed_after": listed.changed,
        "paths": list(listed.paths),
    }
