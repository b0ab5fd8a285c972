"""Reviews that a person asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.context import SessionContext
from hermes_host.errors import NotFound
from hermes_host.records import BACKGROUND_SOURCES
from hermes_learning.signals import MEMORY_TOOL, SKILL_TOOL
from hermes_learning.status import learner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.records import SessionInfo
    from hermes_learning.experience import Kind

__all__ = ["installed", "review_now"]


def installed(host: Host) -> frozenset[Kind]:
    """What there are tools for."""
    names = {each.name for each in host.tools}
    found: set[Kind] = set()
    if MEMORY_TOOL in names:
        found.add("memory")
    if SKILL_TOOL in names:
        found.add("skills")
    return frozenset(found)


async def review_now(host: Host, reference: str) -> tuple[str, Sequence[str]]:
    """Review what is unreviewed of a conversation, of the latest one without a name; gives its id and the changes.

    Raises `HermesError` where that fails.
    """
    learner = await learner_of(host)
    info = host.sessions.find(reference) if reference else _latest(host)
    kinds = installed(host)
    if not kinds:
        raise NotFound("There is no tool for memory or skills.", remedy="`pip install hermes-memory hermes-skills`")
    learner.owe(info.id, kinds, "asked")
    told = SessionContext(info.id, directory=info.directory)
    return info.id, await learner.reviews.attempt(info.id, told)


def _latest(host: Host) -> SessionInfo:
    for info in host.sessions.list(limit=50):
        if info.source not in BACKGROUND_SOURCES:
            return info
    raise NotFound("There are no conversations yet.")
