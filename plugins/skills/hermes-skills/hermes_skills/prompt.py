"""What the system prompt says about skills: the list of them, and in full those that are preloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import NotFound
from hermes_host.services import Conversations
from hermes_skills.conditions import hidden_because, offered, surroundings, surroundings_of
from hermes_skills.library import Library
from hermes_skills.loading import checked_text
from hermes_skills.read import facts_for_model, note_use
from hermes_skills.readiness import make_ready

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message
    from hermes_skills.library import Collection, Skill
    from hermes_skills.settings import SkillsSettings

__all__ = ["PreloadGuard", "guard", "index", "preloaded", "render"]

_INTRODUCTION = """\
# Skills (mandatory)

Skills are instructions for kinds of work. Before you begin a task, look at this list; if one clearly fits, read it with
skill_view(name) and follow it. If a skill turns out wrong or incomplete, repair it at once with skill_manage patch.
After hard work that went well, offer to save how it is done as a skill."""

_END = "If none fits: go on."
_WIDTHS = (60, 44, 30)
_NAMED = (10_000, 12, 6, 0)
"""How many names of a category are listed where there is no room for descriptions."""
_CHECKED = "skills.preload_checked"


async def index(context: PluginContext, session: Session) -> str:
    """The section with the list; empty when the conversation cannot read skills or there are none."""
    if not any(tool.name == "skill_view" for tool in session.tools()):
        return ""
    library = await context.services.get(Library)
    collection = await library.load()
    skills = offered(collection.skills, library.settings, surroundings(context, session))
    return render(skills, collection.categories, library.settings.index_limit) if skills else ""


def render(skills: Sequence[Skill], categories: Mapping[str, str], limit: int) -> str:
    """The list in at most `limit` bytes: descriptions become shorter, then names alone, then categories alone."""
    groups: dict[str, list[Skill]] = {}
    for skill in sorted(skills, key=lambda skill: (skill.category, skill.name)):
        groups.setdefault(_cut(skill.category or "general", 120), []).append(skill)
    forms = [[line for group in groups.items() for line in _described(group, categories, width)] for width in _WIDTHS]
    forms += [[_named(name, group, most) for name, group in groups.items()] for most in _NAMED]
    text = ""
    for lines in forms:
        text = "\n".join([_INTRODUCTION, "", "<available_skills>", *lines, "</available_skills>", "", _END])
        if len(text.encode("utf-8")) <= limit:
            break
    return text


def _named(category: str, group: list[Skill], most: int) -> str:
    names = ", ".join(_cut(skill.name, 64) for skill in group[:most])
    if len(group) <= most:
        return f"  {category}: {names}"
    return f"  {category}: {names}{', and' if names else ''} {len(group) - most} more in skills_list({category!r})"


def _described(group: tuple[str, list[Skill]], categories: Mapping[str, str], width: int) -> list[str]:
    name, skills = group
    about = categories.get(name, "")
    lines = [f"  {name}: {_cut(about, width)}" if about else f"  {name}:"]
    for skill in skills:
        description = "" if skill.facts.suspicious else _cut(skill.facts.description, width)
        name = _cut(skill.name, 64)
        lines.append(f"    - {name}: {description}" if description else f"    - {name}")
    return lines


def _cut(text: str, width: int) -> str:
    # What stands between the tags must not be able to close them.
    text = text.replace("<", "‹").replace(">", "›")
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


async def preloaded(context: PluginContext, session: Session) -> str:
    """The section with the preloaded skills in full."""
    library = await context.services.get(Library)
    settings = library.settings
    if not settings.preload:
        return ""
    collection = await library.load()
    where = surroundings(context, session)
    parts = []
    for skill in wanted(collection, settings):
        if hidden_because(skill, settings, where):
            continue  # the guard has refused the message already, or will
        text = await checked_text(context, skill, skill.text())
        ready = await make_ready(skill, None, context, session.context, settings, where)
        await note_use(context, session.context, skill, "preload")
        facts = msgspec.json.encode(facts_for_model(skill, ready)).decode()
        parts.append(f"## Skill {skill.name}\n\n{facts}\n\n{text.strip()}")
    note = "The user chose these skills; they are active for the whole session. Follow them wherever they apply."
    return "\n\n".join(["# Active skills", note, *parts]) if parts else ""


def wanted(collection: Collection, settings: SkillsSettings) -> Sequence[Skill]:
    """The skills of `skills.preload`. Raises `NotFound`, naming those that do not exist and near ones."""
    found, problems = [], []
    for name in dict.fromkeys(settings.preload):
        try:
            found.append(collection.find(name))
        except NotFound as error:
            problems.append(str(error))
    if problems:
        raise NotFound(
            f"The skills to preload cannot be loaded. {' '.join(problems)}",
            remedy="Name others with --skills, or see `hermes skills list`.",
        )
    return found


async def guard(context: PluginContext, spec: object) -> PreloadGuard:
    """The service."""
    return PreloadGuard(context)


class PreloadGuard:
    """Refuses messages in a conversation whose preloaded skills cannot be loaded."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def expand(self, message: Message, session: SessionContext) -> Message:
        """The message as it is. Raises `NotFound` or `Denied`."""
        settings = (library := await self._context.services.get(Library)).settings
        if not settings.preload or session.memory.get(_CHECKED) or not await self._is_to_be_loaded(session):
            return message
        where = await surroundings_of(self._context, session)
        for skill in wanted(await library.load(), settings):
            reason = hidden_because(skill, settings, where)
            if reason:
                raise NotFound(f"The skill {skill.name!r} cannot be preloaded. {reason}")
            await checked_text(self._context, skill, skill.text())
        session.memory[_CHECKED] = True
        return message

    async def _is_to_be_loaded(self, session: SessionContext) -> bool:
        """Whether the conversation is about to begin: one that goes on keeps the skills its prompt has."""
        live = (await self._context.services.get(Conversations)).session(session.id)
        return live is not None and not live.messages
