"""What `hermes doctor` says about skills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.protocols import CheckResult
from hermes_skills import pending
from hermes_skills.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["skills"]


async def skills(context: PluginContext) -> Iterable[CheckResult]:
    """How many there are, which are broken, and what waits."""
    collection = await (await context.services.get(Library)).load()
    found = [CheckResult(name="skills", status="ok", detail=count(len(collection.skills), "skill"))]
    found += [
        CheckResult(name="skills", status="warning", detail=f"{problem.path}: {problem.message}", remedy=problem.remedy)
        for problem in collection.problems[:20]
    ]
    waiting = pending.proposals(context.home)
    if waiting:
        names = ", ".join(item.name for item in waiting)
        found.append(
            CheckResult(
                name="skills", status="warning", detail=f"Proposals wait: {names}", remedy="hermes skills pending"
            )
        )
    return found
