"""Which skills a conversation has: the one place that decides, for prompt, tools and slash commands alike."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from hermes_host.services import Conversations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.specs import ToolSpec
    from hermes_skills.library import Skill
    from hermes_skills.settings import SkillsSettings

__all__ = ["Surroundings", "hidden_because", "offered", "surroundings", "surroundings_of"]

_SYSTEMS = {"macos": "darwin", "windows": "win32", "linux": "linux"}


class Surroundings(NamedTuple):
    """Where skills are to be used. Without `tools`, conditions on tools are not looked at."""

    platform: str = "cli"
    tools: frozenset[str] | None = None
    toolsets: frozenset[str] = frozenset()


def surroundings(context: PluginContext, session: Session) -> Surroundings:
    """Those of a live session."""
    return _of(context, session.context.source, session.tools())


async def surroundings_of(context: PluginContext, session: SessionContext) -> Surroundings:
    """Those of a session known by its context."""
    live = (await context.services.get(Conversations)).session(session.id)
    return Surroundings(session.source) if live is None else _of(context, session.source, live.tools())


def _of(context: PluginContext, platform: str, tools: Iterable[ToolSpec]) -> Surroundings:
    specs = list(tools)
    names = frozenset(spec.name for spec in specs)
    registry = context.registry("tools")
    toolsets = {spec.toolset or (registry.get(spec.name).plugin if spec.name in registry else "") for spec in specs}
    for item in context.registry("toolsets"):
        if item.spec.tools and names.issuperset(item.spec.tools):
            toolsets.add(item.name)
    return Surroundings(platform, names, frozenset(toolsets - {""}))


def offered(skills: Iterable[Skill], settings: SkillsSettings, where: Surroundings) -> Sequence[Skill]:
    """The skills that are there for a conversation."""
    return [skill for skill in skills if not hidden_because(skill, settings, where)]


def hidden_because(skill: Skill, settings: SkillsSettings, where: Surroundings) -> str:
    """Why a skill is not offered; empty when it is."""
    facts = skill.facts
    disabled = settings.platform_disabled.get(where.platform, settings.disabled)
    if skill.name in disabled:
        return f"It is disabled. `hermes skills enable {skill.name}` changes that."
    if not _runs_here(facts.platforms):
        return f"It is for {', '.join(facts.platforms)} only."
    if where.tools is None:
        return ""
    missing = [f"the tool {name}" for name in facts.requires_tools if name not in where.tools]
    missing += [f"the toolset {name}" for name in facts.requires_toolsets if name not in where.toolsets]
    if missing:
        return f"It needs {' and '.join(missing)}."
    better = [name for name in facts.fallback_for_tools if name in where.tools]
    better += [name for name in facts.fallback_for_toolsets if name in where.toolsets]
    return f"It is only for conversations without {better[0]}." if better else ""


def _runs_here(platforms: Sequence[str]) -> bool:
    return not platforms or any(sys.platform.startswith(_SYSTEMS.get(name, name)) for name in platforms)
