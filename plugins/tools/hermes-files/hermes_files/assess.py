"""The tools' own judgement of a call, before a person is asked and before anything happens."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Literal

from hermes_files import policy
from hermes_files.access import open_access
from hermes_host.errors import ToolError
from hermes_host.protocols import Assessment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_files.arguments import Patch, ReadFile, SearchFiles, WriteFile
    from hermes_host.context import ToolContext

__all__ = ["assess_patch", "assess_read", "assess_search", "assess_write", "judge_foreign_paths"]

_SECRET_MARK = re.compile(r"\[secret [A-Za-z0-9_.-]+\]")
_SHOWN_LIMIT = 20_000
"""Characters of content a person is shown. A longer action may be allowed once, but not for good."""


async def assess_read(arguments: ReadFile, call: ToolContext) -> Assessment:
    """Reading is allowed but for keys and credentials."""
    return await _assess(call, [arguments.path], "read")


async def assess_search(arguments: SearchFiles, call: ToolContext) -> Assessment:
    """As reading; protected files below the searched directory are left out of the results."""
    return await _assess(call, [arguments.path], "read", verb="search")


async def assess_write(arguments: WriteFile, call: ToolContext) -> Assessment:
    """Writing is allowed in the session's directory, asks outside it, and is denied for protected files."""
    return await _assess(call, [arguments.path], "write", content=arguments.content, added=arguments.content)


async def assess_patch(arguments: Patch, call: ToolContext) -> Assessment:
    """As writing, for every file the patch names. A call the tool will refuse anyway is let through to its error."""
    from hermes_files.patch import paths_of

    try:
        paths = paths_of(arguments)
    except ToolError:
        return Assessment(verdict="allow")
    if arguments.mode == "patch":
        text = str(arguments.patch)
        rows = text.split("\n")
        added = "\n".join(row for row in rows if row.startswith("+"))
        known = "\n".join(row for row in rows if not row.startswith("+"))
    else:
        added, known = str(arguments.new_string), str(arguments.old_string)
        text = f"replace:\n{known}\nby:\n{added}"
    return await _assess(call, paths, "write", verb="patch", content=text, added=added, known=known)


def judge_foreign_paths(paths: Sequence[str], directory: str) -> Assessment | None:
    """Deny protected names among another tool's `paths`; None for none. Directories above are let through."""
    home = posixpath.expanduser("~")
    places = policy.Places(home, directory, (f"{home}/.hermes",))
    for path in paths:
        named = policy.normalise(path.removeprefix("file://"), places)
        judged = policy.judge_write(named, places, parents=False)
        if judged.verdict == "deny":
            return Assessment(verdict="deny", reason=f"{path} {judged.reason}; policy forbids writing it.")
    return None


async def _assess(
    call: ToolContext,
    paths: Sequence[str],
    purpose: Literal["read", "write"],
    *,
    verb: str = "",
    content: str = "",
    added: str = "",
    known: str = "",
) -> Assessment:
    access = await open_access(call)
    try:
        located = [await access.locate(path, purpose) for path in paths]
    except ToolError:
        # The call will meet the same error; should it not, it finds that nothing was assessed.
        access.remember([])
        return Assessment(verdict="allow")
    access.remember(located)
    strictest = policy.strictest(each.judgement for each in located)
    reasons = [f"{each.path} {each.judgement.reason}." for each in located if each.judgement.reason]
    verdict = strictest.verdict
    if verdict == "allow" and (marker := _marker(added, known)):
        verdict = "ask"
        reasons = [f"It writes {marker!r}, the mark of a secret hidden from the model, perhaps over the secret itself."]
    if verdict == "deny":
        reasons = [f"{each.path} {each.judgement.reason}." for each in located if each.judgement.verdict == "deny"]
    shown = f"{verb or purpose} {', '.join(each.path for each in located)}"
    if content:
        shown += f"\n{content[:_SHOWN_LIMIT]}"
    if len(content) > _SHOWN_LIMIT:
        shown += f"\n… and {len(content) - _SHOWN_LIMIT} more characters"
    return Assessment(verdict=verdict, reason=" ".join(reasons), shown=shown, rememberable=len(content) <= _SHOWN_LIMIT)


def _marker(added: str, known: str) -> str:
    """A secret's mark among the new text that is not in the old: the model may be about to write it over the secret."""
    return next((match[0] for match in _SECRET_MARK.finditer(added) if match[0] not in known), "")
