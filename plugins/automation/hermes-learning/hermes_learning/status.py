"""What is due, what failed and what came of it, for people and for scripts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from hermes_learning.past import Past, past_reviews
from hermes_learning.skill_use import totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_learning.learner import Learner

__all__ = ["Owed", "SkillUse", "Status", "learner_of", "status"]

_DAYS = 30
_MOST = 500


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """A review that is due."""

    session: str
    kinds: tuple[str, ...]
    reason: str
    since: float
    attempts: int
    not_before: float
    error: str


class SkillUse(msgspec.Struct, frozen=True, kw_only=True):
    """How a skill has proved itself. The outcomes are turns in which it was in use."""

    skill: str
    used: int
    completed: int
    failed: int
    calls_failed: int
    """Turns in which calls failed again and again after the skill was opened."""
    corrected: int
    """Turns after which the user corrected the agent."""
    last: float
    """Seconds since the epoch."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How learning stands. The sums are of the last 30 days."""

    enabled: bool
    memory_interval: int
    skill_interval: int
    flush_min_turns: int
    model: str
    """What `auxiliary.review` names; empty: the conversation's own."""
    owed: tuple[Owed, ...]
    reviews: int
    changes: int
    tokens: int
    cost: float
    """US dollars, of the reviews with a known price."""
    skills: tuple[SkillUse, ...]
    """Those that were used in the last 30 days, the most used first."""


async def learner_of(host: Host) -> Learner:
    """The learner of a host. Raises `HermesError`."""
    found: Learner = await host.part(host.memories.get("learning"))
    return found


async def status(host: Host) -> Status:
    """Look at everything, change nothing."""
    learner = await learner_of(host)
    since = time.time() - _DAYS * 86_400
    past: Sequence[Past] = [each for each in await past_reviews(host, _MOST) if each.time >= since]
    setting = host.config.section("auxiliary").get("review")
    return Status(
        enabled=learner.settings.enabled,
        memory_interval=learner.memory.nudge_interval,
        skill_interval=learner.skills.creation_nudge_interval,
        flush_min_turns=learner.memory.flush_min_turns,
        model=":".join(filter(None, (setting.provider, setting.model))) if setting else "",
        owed=tuple(_owed(learner)),
        reviews=len(past),
        changes=sum(len(each.changed) for each in past),
        tokens=sum(each.tokens for each in past),
        cost=sum(each.cost or 0.0 for each in past),
        skills=tuple(_skills(host, since)),
    )


def _skills(host: Host, since: float) -> Sequence[SkillUse]:
    found = [
        SkillUse(
            skill=total.skill,
            used=total.views + total.uses,
            completed=total.outcomes.get("completed", 0),
            failed=total.outcomes.get("failed", 0),
            calls_failed=total.outcomes.get("calls_failed", 0),
            corrected=total.outcomes.get("corrected", 0),
            last=total.last,
        )
        for total in totals(host.home, since=since).values()
    ]
    return sorted(found, key=lambda use: (-use.used, use.skill))


def _owed(learner: Learner) -> Sequence[Owed]:
    found = []
    for session_id in learner.debts.ids():
        debt = learner.debts.get(session_id)
        if debt is not None and debt.kinds:
            found.append(
                Owed(
                    session=session_id,
                    kinds=debt.kinds,
                    reason=debt.reason,
                    since=debt.since,
                    attempts=debt.attempts,
                    not_before=debt.not_before,
                    error=debt.error,
                )
            )
    return found
