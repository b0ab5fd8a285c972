"""`/skills`, `/plan`, and a slash command for each skill."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import msgspec

from hermes_host.cli.listing import count
from hermes_host.errors import NotFound, Unsupported
from hermes_host.messages import Text, user_message
from hermes_host.specs import SlashCommandSpec
from hermes_host.visible import one_line
from hermes_skills.conditions import surroundings_of
from hermes_skills.library import Library
from hermes_skills.loading import checked_text
from hermes_skills.names import slug
from hermes_skills.read import facts_for_model, note_use, skills_of
from hermes_skills.readiness import make_ready

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.frontends import SlashCall
    from hermes_skills.library import Skill

__all__ = ["SkillCommands", "commands", "plan", "plan_path", "run_skill", "skills"]

_USABLE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


async def commands(context: PluginContext, spec: object) -> SkillCommands:
    """The service."""
    return SkillCommands(context)


class SkillCommands:
    """A slash command for each skill a conversation has."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context

    async def commands(self, session: SessionContext) -> Sequence[SlashCommandSpec]:
        """What can be used now."""
        found: dict[str, SlashCommandSpec] = {}
        for skill in await skills_of(self.context, session):
            name = slug(skill.name)
            if _USABLE.fullmatch(name):
                summary = skill.name if skill.facts.suspicious else one_line(skill.facts.description, 100)
                found.setdefault(
                    name,
                    SlashCommandSpec(
                        name=name, summary=summary, target="hermes_skills.slash:run_skill", usage="[what to do]"
                    ),
                )
        return list(found.values())


async def run_skill(call: SlashCall) -> str:
    """`/<skill> [what to do]`: submit a message that carries the skill."""
    context = call.host.context("skills")
    found = [skill for skill in await skills_of(context, call.session.context) if slug(skill.name) == call.name.lower()]
    if not found:
        raise NotFound(f"There is no skill for /{call.name} here.", remedy="/skills lists them.")
    said = call.arguments or f"Use the skill {found[0].name}."
    await submit_skill(call, context, found[0], said)
    return ""


async def submit_skill(call: SlashCall, context: PluginContext, skill: Skill, said: str, note: str = "") -> None:
    """Submit what the user said, with the skill attached to it."""
    if call.submit is None:
        raise Unsupported("This surface cannot submit messages for a command.")
    library = await context.services.get(Library)
    session = call.session.context
    text = await checked_text(context, skill, skill.text())
    where = await surroundings_of(context, session)
    ready = await make_ready(skill, None, context, session, library.settings, where)
    facts = msgspec.json.encode(facts_for_model(skill, ready)).decode()
    parts = [f"[The user invoked the skill {skill.name!r}: follow it for this message.]", facts, text.strip()]
    attached = "\n\n".join([*parts, *([note] if note else [])])
    await note_use(context, session, skill, "slash")
    message = user_message(Text(text=said), Text(text=f"\n\n{attached}", meta={"hermes.attached": "skill"}))
    call.submit(message)  # type: ignore[arg-type,unused-ignore]


async def skills(call: SlashCall) -> str:
    """`/skills [filter]`."""
    found = await skills_of(call.host.context("skills"), call.session.context)
    words = call.arguments.lower().split()
    chosen = [
        skill
        for skill in found
        if all(word in f"{skill.name} {skill.category} {skill.facts.description}".lower() for word in words)
    ]
    if not chosen:
        return f"No skill matches {one_line(call.arguments)!r}." if words else "There are no skills yet."
    lines: list[str] = []
    for category in dict.fromkeys(skill.category for skill in chosen):
        lines += ["", f"**{category or 'general'}**", ""]
        for skill in chosen:
            if skill.category == category:
                about = "" if skill.facts.suspicious else f" {one_line(skill.facts.description, 90)}"
                lines.append(f"- `/{slug(skill.name)}`{about}")
    return "\n".join([*lines, "", f"{len(chosen)} of {count(len(found), 'skill')}."]).strip()


async def plan(call: SlashCall) -> str:
    """`/plan [what to plan]`: write a plan into a file before anything is done."""
    context = call.host.context("skills")
    library = await context.services.get(Library)
    skill = (await library.load()).find("plan")
    path = plan_path(call.arguments, time.localtime())
    said = call.arguments or "Make a plan for what we are talking about."
    await submit_skill(call, context, skill, said, f"[Save the plan as {path}, in the working directory.]")
    return ""


def plan_path(text: str, now: time.struct_time) -> str:
    """Where a plan is saved: `.hermes/plans/YYYY-MM-DD_HHMMSS-<up to 8 words, 48 characters>.md`."""
    words = re.findall(r"[a-z0-9]+", text.lower())[:8]
    name = "-".join(words)[:48].strip("-") or "plan"
    return f".hermes/plans/{time.strftime('%Y-%m-%d_%H%M%S', now)}-{name}.md"
