"""The tool `skill_manage`: what it is asked for, whether a person must agree, and doing it.

A conversation of the learning plugin may create and improve skills by itself, never delete anything. Where content from
outside had a part in the turn, a person is asked; where nobody can be asked, the change becomes a proposal.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_host.errors import NotFound, ToolError
from hermes_host.protocols import Assessment, ToolOutput
from hermes_skills import pending
from hermes_skills.changes import Change, local_parts, put_skill, read_skill, remove_skill
from hermes_skills.format import author_problems
from hermes_skills.history import Author, difference, digest
from hermes_skills.library import Library
from hermes_skills.names import check_category, check_file_path, check_new_name
from hermes_skills.tree import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hermes_host.context import ToolContext

__all__ = ["SkillManageArguments", "assess", "skill_manage"]

_LARGEST = 256 * 1024
_PREVIEW = 500


class SkillManageArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `skill_manage`."""

    action: Literal["create", "edit", "patch", "delete", "write_file", "remove_file"]
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    content: Annotated[str, Meta(max_length=_LARGEST, description="create, edit: the whole SKILL.md.")] = ""
    old_string: Annotated[str, Meta(max_length=_LARGEST, description="patch: exact text, occurring once.")] = ""
    new_string: Annotated[str, Meta(max_length=_LARGEST)] = ""
    replace_all: bool = False
    category: Annotated[str, Meta(max_length=200, description="create: such as 'devops'.")] = ""
    file_path: Annotated[
        str,
        Meta(
            max_length=500,
            description="write_file, remove_file, patch: below references/, templates/, scripts/, assets/.",
        ),
    ] = ""
    file_content: Annotated[str, Meta(max_length=_LARGEST)] = ""


async def assess(arguments: SkillManageArguments, call: ToolContext) -> Assessment:
    """Whether a person must agree."""
    learning = call.session.source == "learning"
    removes = arguments.action in ("delete", "remove_file")
    if learning and removes:
        return Assessment(verdict="deny", reason="Background work deletes nothing.")
    if call.origin != "owner":
        if not call.can_approve and not removes:
            return Assessment(verdict="allow")  # it becomes a proposal, which has no effect
        reason = "Content from outside the conversation may stand behind this change of a skill."
        return Assessment(verdict="ask", reason=reason, shown=await _shown(arguments, call))
    if arguments.action in ("create", "delete") and not learning:
        doing = (
            "Makes a skill that later conversations will follow."
            if arguments.action == "create"
            else "Deletes a skill."
        )
        return Assessment(verdict="ask", reason=doing, shown=await _shown(arguments, call))
    return Assessment(verdict="allow")


async def _shown(arguments: SkillManageArguments, call: ToolContext) -> str:
    title = f"{arguments.action} the skill {arguments.name!r}"
    if arguments.action == "create":
        return f"{title} in the category {arguments.category or 'none'!r}:\n\n{arguments.content}"
    if arguments.action == "delete":
        return title
    home = call.plugin.home
    try:
        current, wanted = await asyncio.to_thread(_planned, home, arguments, False)
    except (ToolError, NotFound):
        return f"{title}, which cannot be done"
    return f"{title}:\n\n{difference(current, wanted)}"


async def skill_manage(arguments: SkillManageArguments, call: ToolContext) -> ToolOutput:
    """Do what was asked. Raises `ToolError`, `Denied`; nothing is then changed."""
    await _check_place(arguments, call)
    home = call.plugin.home
    author = Author("learning" if call.session.source == "learning" else "tool", call.session.id)
    if arguments.action == "delete":
        gone = await asyncio.to_thread(remove_skill, home, arguments.name, author=author)
        return _output(gone, f"It can be brought back with `hermes skills revert {arguments.name}`.")
    waits = call.origin != "owner" and not call.can_approve
    current, wanted = await asyncio.to_thread(_planned, home, arguments, waits)
    _check(arguments, current, wanted)
    if waits:
        return await _propose(home, arguments, wanted, author)
    change = await asyncio.to_thread(
        put_skill,
        home,
        arguments.name,
        wanted,
        category=arguments.category if arguments.action == "create" else "",
        author=author,
        action=_described(arguments),
        expect="new" if arguments.action == "create" else "present",
    )
    hint = "Add files with write_file." if arguments.action == "create" else ""
    return _output(change, hint)


async def _check_place(arguments: SkillManageArguments, call: ToolContext) -> None:
    """Raise `ToolError` where the skill is not the user's own, or is there already."""
    library = await call.plugin.services.get(Library)
    collection = await library.load()
    if arguments.action == "create":
        check_new_name(arguments.name)
        check_category(arguments.category)
        from hermes_skills.names import skeleton

        for skill in collection.skills:
            if skeleton(skill.name) == skeleton(arguments.name):
                raise ToolError(f"There is a skill {skill.name!r} already.", remedy="Patch it, or use another name.")
        return
    if local_parts(call.plugin.home, arguments.name) is not None or pending.proposal(call.plugin.home, arguments.name):
        return
    skill = collection.find(arguments.name)
    if skill.is_local:
        raise ToolError(
            f"The skill {skill.name!r} is a single file.", remedy=f"Change {skill.folder / skill.file} itself."
        )
    raise ToolError(
        f"The skill {skill.name!r} comes from {skill.source} and is read-only.",
        remedy="Create one of your own under another name, or tell the user.",
    )


def _planned(
    home: Path, arguments: SkillManageArguments, waits: bool
) -> tuple[Mapping[str, Entry], Mapping[str, Entry]]:
    """The skill's files now, and as they are to be. What `waits` goes on from what is waiting already."""
    current = read_skill(home, arguments.name) if local_parts(home, arguments.name) is not None else {}
    waiting = pending.proposal(home, arguments.name) if waits else None
    if waiting is not None and waiting.base == (digest(current) if current else ""):
        current = waiting.entries
    wanted = dict(current)
    if arguments.action == "create":
        return {}, {"SKILL.md": Entry(arguments.content.encode("utf-8", "surrogatepass"))}
    if not current:
        raise NotFound(f"There is no skill {arguments.name!r} of the user's.")
    if arguments.action == "edit":
        wanted["SKILL.md"] = Entry(arguments.content.encode("utf-8", "surrogatepass"))
        return current, wanted
    path = "SKILL.md"
    if arguments.file_path and arguments.file_path != "SKILL.md":
        path = "/".join(check_file_path(arguments.file_path))
    if arguments.action == "patch":
        wanted[path] = _patched(arguments, path, current)
    elif path == "SKILL.md":
        raise ToolError(f"{arguments.action} needs a file_path.", remedy="Use edit or patch for SKILL.md.")
    elif arguments.action == "write_file":
        script = path.startswith("scripts/") and arguments.file_content.startswith("#!")
        wanted[path] = Entry(arguments.file_content.encode("utf-8", "surrogatepass"), script)
    elif wanted.pop(path, None) is None:
        raise ToolError(f"The skill {arguments.name!r} has no file {path!r}.", remedy=_files(current))
    return current, wanted


def _patched(arguments: SkillManageArguments, path: str, current: Mapping[str, Entry]) -> Entry:
    entry = current.get(path)
    if entry is None or entry.link:
        raise ToolError(f"The skill {arguments.name!r} has no file {path!r}.", remedy=_files(current))
    try:
        text = entry.data.decode("utf-8")
    except UnicodeDecodeError:
        raise ToolError(f"{path!r} is no text and cannot be patched.") from None
    times = text.count(arguments.old_string) if arguments.old_string else 0
    if times == 0:
        raise ToolError(
            f"old_string does not occur in {path}. Nothing was changed. It begins:\n{text[:_PREVIEW]}",
            remedy="Read it with skill_view and copy the text exactly.",
        )
    if times > 1 and not arguments.replace_all:
        raise ToolError(f"old_string occurs {times} times in {path}.", remedy="Give more of it, or set replace_all.")
    return Entry(
        text.replace(arguments.old_string, arguments.new_string).encode("utf-8", "surrogatepass"), entry.executable
    )


def _files(current: Mapping[str, Entry]) -> str:
    return f"There are: {', '.join(current)}."


def _check(arguments: SkillManageArguments, current: Mapping[str, Entry], wanted: Mapping[str, Entry]) -> None:
    """Raise `ToolError` for a SKILL.md with faults that were not there before."""
    if current.get("SKILL.md") == wanted.get("SKILL.md"):
        return

    def faults(entries: Mapping[str, Entry]) -> list[str]:
        text = entries["SKILL.md"].data.decode("utf-8", "replace")
        return author_problems(text, arguments.name, arguments.name)

    before = faults(current) if "SKILL.md" in current else []
    fresh = [fault for fault in faults(wanted) if fault not in before]
    if fresh:
        raise ToolError(
            f"That is no valid SKILL.md, and nothing was changed: {' '.join(fresh)}",
            remedy="Begin with ---, name, description and ---, then write the instructions.",
        )


async def _propose(
    home: Path, arguments: SkillManageArguments, wanted: Mapping[str, Entry], author: Author
) -> ToolOutput:
    from hermes_skills.changes import check_entries

    check_entries(arguments.name, wanted, True)
    await asyncio.to_thread(
        pending.propose,
        home,
        arguments.name,
        wanted,
        category=arguments.category,
        author=author,
        action=_described(arguments),
        reason="Content from outside the conversation may stand behind it, and nobody could be asked.",
    )
    return ToolOutput(
        content=f"Not done: it waits for the owner's consent, because content from outside had a part in this turn and "
        f"nobody can be asked here. They see it with `hermes skills pending` and decide with "
        f"`hermes skills accept {arguments.name}`. Until then the skill cannot be used as changed.",
        title="waits for consent",
    )


def _described(arguments: SkillManageArguments) -> str:
    return f"{arguments.action} {arguments.file_path}".strip()


def _output(change: Change, hint: str) -> ToolOutput:
    words = {"safe": "", "caution": f" The scanner asks for caution: {change.report.summary}", "dangerous": ""}
    said = "Nothing had to be changed." if change.version is None else f"Done: {change.action} of {change.path}."
    content = f"{said}{words[change.report.verdict]} {hint}".strip()
    return ToolOutput(content=content, title=f"{change.action}: {change.name}", diff=change.diff, provenance="owner")
