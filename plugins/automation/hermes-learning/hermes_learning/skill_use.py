"""The use of skills: told to the plugin that keeps them, turn by turn, and read back from there."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal, NamedTuple

from hermes_learning.signals import FAILURES, corrects, failures, skills_used

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from hermes_skills.usage import Total

    from hermes_host.context import SessionContext
    from hermes_host.protocols import Exchange

__all__ = ["Outcome", "outcomes", "report", "totals"]

log = logging.getLogger(__name__)

_USED = "learning.skills"


class Outcome(NamedTuple):
    """What a turn says about a skill besides its own outcome, which the plugin of the skills notes itself."""

    skill: str
    note: Literal["corrected", "calls_failed"]


def outcomes(exchange: Exchange, before: Iterable[str]) -> tuple[Sequence[Outcome], Sequence[str]]:
    """What a turn says about skills, and which were used in it; `before` are those of the turn before."""
    found: list[Outcome] = []
    if any(message.role == "user" and corrects(message) for message in exchange.messages):
        found += [Outcome(skill, "corrected") for skill in before]
    failed: dict[str, int] = {}
    for message in exchange.messages:
        failed.update({skill: failed.get(skill, 0) for skill in skills_used(message)})
        for skill in failed:
            failed[skill] += failures(message)
    found += [Outcome(skill, "calls_failed") for skill, count in failed.items() if count >= FAILURES]
    return found, list(failed)


async def report(home: Path, exchange: Exchange, session: SessionContext) -> None:
    """Tell of a turn. Never raises: what is counted about skills is worth less than the conversation."""
    found, session.memory[_USED] = outcomes(exchange, session.memory.get(_USED, ()))
    if not found:
        return
    try:
        from hermes_skills import usage

        for outcome in found:
            await asyncio.to_thread(usage.record, home, outcome.skill, "outcome", session=session.id, note=outcome.note)
    except Exception as error:
        log.warning("how skills did could not be noted: %s", error, exc_info=error)


def totals(home: Path, *, since: float = 0.0) -> Mapping[str, Total]:
    """What is known of the use of each skill. Raises `HermesError`."""
    from hermes_skills import usage

    return usage.totals(home, since=since)
