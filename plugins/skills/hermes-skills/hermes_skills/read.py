"""The tools `skills_list` and `skill_view`."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import ToolOutput
from hermes_skills import usage
from hermes_skills.conditions import hidden_because, offered, surroundings_of
from hermes_skills.library import Library
from hermes_skills.linked import linked_files, read_linked
from hermes_skills.loading import checked_text
from hermes_skills.placing import place_of
from hermes_skills.readiness import make_ready
from hermes_skills.scan import is_binary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext, SessionContext, ToolContext
    from hermes_skills.library import Skill
    from hermes_skills.readiness import Readiness

__all__ = ["SkillViewArguments", "SkillsListArguments", "note_use", "skill_view", "skills_list"]

log = logging.getLogger(__name__)

_LARGEST_FILE = 1_000_000
USED = "skills.used"
"""The key of a session's memory with the skills used in the running turn."""


class SkillsListArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `skills_list`."""

    category: Annotated[str, Meta(max_length=200, description="Only this category and those below it.")] = ""


class SkillViewArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `skill_view`."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    file_path: Annotated[str, Meta(max_length=500, description="A linked file, such as references/api.md.")] = ""


async def skills_list(arguments: SkillsListArguments, call: ToolContext) -> ToolOutput:
    """List names, descriptions and categories of the skills this conversation has."""
    skills = await skills_of(call.plugin, call.session)
    wanted = arguments.category.strip("/")
    found = [
        skill for skill in skills if not wanted or skill.category == wanted or skill.category.startswith(f"{wanted}/")
    ]
    categories = sorted({skill.category for skill in skills if skill.category})
    if wanted and not found:
        raise ToolError(f"There is no category {wanted!r} with skills.", remedy=f"There are: {', '.join(categories)}.")
    answer = {
        "skills": [_summary(skill) for skill in found],
        "categories": categories,
        "count": len(found),
        "hint": "Read one with skill_view(name)." if found else "There are no skills yet.",
    }
    return _json(answer, title=count(len(found), "skill"))


def _summary(skill: Skill) -> dict[str, str]:
    description = "" if skill.facts.suspicious else skill.facts.description
    return {"name": skill.name, "description": description, "category": skill.category}


async def skill_view(arguments: SkillViewArguments, call: ToolContext) -> ToolOutput:
    """Give a skill in full, or one of its files."""
    library = await call.plugin.services.get(Library)
    skill = (await library.load()).find(arguments.name)
    where = await surroundings_of(call.plugin, call.session)
    reason = hidden_because(skill, library.settings, where)
    if reason:
        raise ToolError(f"The skill {skill.name!r} is not available here. {reason}")
    if arguments.file_path and arguments.file_path != skill.file:
        return await _file(skill, arguments.file_path, call)

    async def ask(text: str, choices: tuple[str, ...]) -> str | None:
        return await call.ask(text, choices)

    text = await checked_text(call.plugin, skill, skill.text(), ask=ask if call.can_ask else None)
    ready = await make_ready(skill, call, call.plugin, call.session, library.settings, where)
    await note_use(call.plugin, call.session, skill, "view")
    place, problem = await place_of(skill, call)
    facts = {**facts_for_model(skill, ready), "path": f"{place}/{skill.file}"}
    if not place:
        del facts["path"]
    if problem:
        facts["setup_note"] = f"{facts.get('setup_note', '')} {problem}".strip()
    content = f"{msgspec.json.encode(facts).decode()}\n\n{text}"
    return ToolOutput(content=content, title=f"skill {skill.name}", provenance="owner")


def facts_for_model(skill: Skill, ready: Readiness) -> dict[str, Any]:
    """What the model is told about a skill besides its text. No value of a variable is among it."""
    facts = skill.facts
    linked = linked_files(skill.folder) if skill.file == "SKILL.md" else {}
    told: dict[str, Any] = {
        "success": True,
        "name": skill.name,
        "category": skill.category,
        "path": str(skill.folder / skill.file),
        "tags": facts.tags,
        "related_skills": facts.related,
        "compatibility": facts.compatibility,
        "linked_files": linked,
        "usage_hint": f"Open a linked file with skill_view(name={skill.name!r}, file_path=...)." if linked else "",
        "readiness_status": ready.status,
        "required_environment_variables": [need.name for need in facts.variables],
        "missing_required_environment_variables": ready.missing_variables,
        "missing_credential_files": ready.missing_files,
        "missing_required_commands": ready.missing_commands,
        "setup_skipped": ready.skipped,
        "setup_help": facts.setup_help if ready.status != "available" else "",
        "setup_note": " ".join(ready.notes),
        "read_only": not skill.is_local,
    }
    return {key: value for key, value in told.items() if value}


async def _file(skill: Skill, path: str, call: ToolContext) -> ToolOutput:
    try:
        data = await asyncio.to_thread(read_linked, skill.folder, path, limit=_LARGEST_FILE)
    except OSError:
        there = [name for names in linked_files(skill.folder).values() for name in names]
        listed = f"There are: {', '.join(there)}." if there else "It has no linked files."
        raise ToolError(f"The skill {skill.name!r} has no file {path[:200]!r}.", remedy=listed) from None
    except HermesError as error:
        raise ToolError(error.message, remedy=error.remedy) from error
    if is_binary(data):
        return _json({"success": True, "file": path, "is_binary": True, "size": len(data)}, title=path)

    async def ask(text: str, choices: tuple[str, ...]) -> str | None:
        return await call.ask(text, choices)

    text = data.decode("utf-8", "replace")
    await checked_text(call.plugin, skill, text, path, ask if call.can_ask else None)
    return ToolOutput(content=text, title=path, provenance="owner")


async def skills_of(context: PluginContext, session: SessionContext) -> Sequence[Skill]:
    """The skills a conversation has."""
    library = await context.services.get(Library)
    collection = await library.load()
    return offered(collection.skills, library.settings, await surroundings_of(context, session))


async def note_use(context: PluginContext, session: SessionContext, skill: Skill, kind: usage.Kind) -> None:
    """Keep that a skill was used. A record that cannot be written costs nothing but itself."""
    session.memory["skills.home"] = context.home
    session.memory.setdefault(USED, set()).add(skill.name)
    try:
        await asyncio.to_thread(usage.record, context.home, skill.name, kind, session=session.id)
    except HermesError as error:
        log.warning("%s", error)


def _json(answer: dict[str, Any], *, title: str) -> ToolOutput:
    return ToolOutput(content=msgspec.json.encode(answer).decode(), title=title, provenance="owner")
