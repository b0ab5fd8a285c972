"""The tools' own judgement of a call, before a person is asked and before anything happens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermes_files import policy
from hermes_files.access import Access, Located, open_access
from hermes_host.errors import ToolError
from hermes_host.protocols import Assessment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_files.arguments import Patch, ReadFile, SearchFiles, WriteFile
    from hermes_host.context import ToolContext

__all__ = ["assess_patch", "assess_read", "assess_search", "assess_write", "judge_foreign_paths"]

_SHOWN_LIMIT = 20_000
"""Characters of content a person is shown. A longer action may be allowed once, but not for good."""


async def assess_read(arguments: ReadFile, call: ToolContext) -> Assessment:
    """Reading is allowed but for keys and credentials."""
    access = await open_access(call)
    return _assessment(access, [await access.locate(arguments.path, "read")], "read")


async def assess_search(arguments: SearchFiles, call: ToolContext) -> Assessment:
    """As reading; protected files below the searched directory are left out of the results."""
    access = await open_access(call)
    return _assessment(access, [await access.locate(arguments.path, "read")], "search")


async def assess_write(arguments: WriteFile, call: ToolContext) -> Assessment:
    """Writing is allowed in the session's directory, asks outside it, and is denied for protected files."""
    access = await open_access(call)
    return _assessment(access, [await access.locate(arguments.path, "write")], "write", arguments.content)


async def assess_patch(arguments: Patch, call: ToolContext) -> Assessment:
    """As writing, for every file the patch names. A call the tool will refuse anyway is let through to its error."""
    from hermes_files.patch import paths_of

    try:
        paths = paths_of(arguments)
    except ToolError:
        return Assessment(verdict="allow")
    access = await open_access(call)
    located = [await access.locate(path, "write") for path in paths]
    if arguments.mode == "patch":
        return _assessment(access, located, "patch", str(arguments.patch))
    action = f"replace:\n{arguments.old_string}\nby:\n{arguments.new_string}"
    return _assessment(access, located, "patch", action)


def judge_foreign_paths(paths: Sequence[str], directory: str) -> Assessment | None:
    """Deny protected names among another tool's `paths`; None where there are none."""
    home = str(Path.home())
    places = policy.Places(home, directory, (f"{home}/.hermes",))
    for path in paths:
        named = policy.normalise(path.removeprefix("file://"), places)
        judged = policy.judge_write(named, places)
        if judged.verdict == "deny":
            return Assessment(verdict="deny", reason=f"{path} {judged.reason}; policy forbids writing it.")
    return None


def _assessment(access: Access, located: Sequence[Located], verb: str, content: str = "") -> Assessment:
    access.remember(located)
    strictest = policy.strictest(each.judgement for each in located)
    shown = f"{verb} " + ", ".join(each.path for each in located)
    if content:
        shown += "\n" + content[:_SHOWN_LIMIT]
    if len(content) > _SHOWN_LIMIT:
        shown += f"\n… and {len(content) - _SHOWN_LIMIT} more characters"
    reasons = [
        f"{each.path} {each.judgement.reason}."
        for each in located
        if each.judgement.verdict == strictest.verdict != "allow"
    ]
    return Assessment(
        verdict=strictest.verdict,
        reason=" ".join(reasons),
        shown=shown,
        rememberable=len(content) <= _SHOWN_LIMIT,
    )
