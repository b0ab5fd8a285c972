"""All skills, and where each of them is from: what the library of hermes-skills sees, with what hubs installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hermes_skills.conditions import Surroundings, hidden_because
from hermes_skills.library import Library, Problem

from hermes_host.config.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_skillhub.hub import Hub

__all__ = ["Inventory", "Kept", "inventory"]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One skill."""

    name: str
    category: str
    source: str
    """`hub`, `builtin` for what came with a package, `local`, else the further folder or the plugin it comes from."""
    description: str = ""
    hidden: str = ""
    """Why it is not offered; empty when it is."""
    origin: str = ""
    """Which hub has it, by what identifier."""
    trust: str = ""
    verdict: str = ""
    revision: str = ""
    path: str = ""


class Inventory(msgspec.Struct, frozen=True):
    """All of them, and what is wrong with those that cannot be used."""

    skills: tuple[Kept, ...]
    problems: tuple[Problem, ...]


async def inventory(hub: Hub, source: str = "all", platform: str = "cli") -> Inventory:
    """The skills by category and name, of one source or all."""
    library = await hub.context.services.get(Library)
    found = await library.load()
    installed = {entry.install_path: entry for entry in hub.storage.installed().values()}
    bundled = _bundled(hub.storage.skills)
    where = Surroundings(platform)
    kept = []
    for skill in found.skills:
        path = f"{skill.category}/{skill.folder.name}".lstrip("/")
        entry = installed.get(path) if skill.is_local else None
        is_bundled = skill.is_local and {skill.name, skill.folder.name} & bundled
        item = Kept(
            name=skill.name,
            category=skill.category,
            source="hub" if entry else "builtin" if is_bundled else skill.source,
            description=skill.facts.description,
            hidden=hidden_because(skill, library.settings, where),
            origin=f"{entry.source}:{entry.identifier}" if entry else "",
            trust=entry.trust_level if entry else "",
            verdict=entry.scan_verdict if entry else "",
            revision=entry.revision if entry else "",
            path=str(skill.folder),
        )
        if source in ("all", item.source):
            kept.append(item)
    return Inventory(tuple(kept), tuple(found.problems))


def _bundled(skills: Path) -> set[str]:
    """The names in the manifest of skills that came with a package."""
    text = read_text(skills / ".bundled_manifest") or ""
    return {line.partition(":")[0].strip() for line in text.splitlines() if line.strip()}
