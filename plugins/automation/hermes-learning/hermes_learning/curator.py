"""Proposals for tidying up what was learnt. They are only proposals: a person applies them, one by one."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hermes_learning.shelf import MemoryFile, Skill

__all__ = ["Proposal", "Proposals", "propose"]

_FULL = 0.9
"""Of a memory's limit."""

_SAME_ENTRY, _SAME_SKILL, _SAME_WORDS = 88.0, 80.0, 92.0
"""Likeness in percent from which two entries, or two descriptions of skills, count as saying the same: of all words in
any order, and of the words that both have."""

_FEWEST_WORDS = 4
"""In a description, for its words to say anything about likeness."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that could be tidied up."""

    number: int
    action: Literal["retire", "merge", "drop", "condense"]
    """Delete a skill; merge the second skill into the first; drop an entry of a memory; shorten a memory."""
    subjects: tuple[str, ...]
    """The skills' names; or the memory's target and, for `drop`, the entry that goes and the one that stays."""
    reason: str
    digest: str
    """Of what it rests on: a proposal whose ground has changed is not applied."""


def propose(
    skills: Sequence[Skill],
    memories: Sequence[MemoryFile],
    last_used: Mapping[str, float],
    *,
    unused_days: int,
    now: float,
) -> Sequence[Proposal]:
    """What could be tidied up, numbered from 1. `last_used` is by skill, in seconds since the epoch."""
    found = [
        *_stale(skills, last_used, unused_days, now),
        *_alike(skills),
        *(proposal for memory in memories for proposal in _repeated(memory)),
        *(proposal for memory in memories for proposal in _overfull(memory)),
    ]
    return [msgspec.structs.replace(each, number=number) for number, each in enumerate(found, start=1)]


def _stale(skills: Sequence[Skill], last_used: Mapping[str, float], days: int, now: float) -> Iterator[Proposal]:
    for skill in skills:
        used = last_used.get(skill.name, 0.0)
        idle = int((now - max(used, skill.changed)) / 86_400)
        if idle >= days:
            since = f"was last used {idle} days ago" if used >= skill.changed else f"was not used for {idle} days"
            yield _proposal("retire", (skill.name,), f"The skill {skill.name!r} {since}.", repr((skill, used)))


def _alike(skills: Sequence[Skill]) -> Iterator[Proposal]:
    from rapidfuzz import fuzz, utils

    texts = {skill.name: utils.default_process(skill.description) for skill in skills}
    telling = [skill for skill in skills if len(texts[skill.name].split()) >= _FEWEST_WORDS]
    for first, second in itertools.combinations(telling, 2):
        one, two = texts[first.name], texts[second.name]
        if fuzz.token_sort_ratio(one, two) < _SAME_SKILL and fuzz.token_set_ratio(one, two) < _SAME_WORDS:
            continue
        keep, other = sorted((first, second), key=lambda skill: (-skill.changed, skill.name))
        reason = f"The skills {keep.name!r} and {other.name!r} describe nearly the same."
        yield _proposal("merge", (keep.name, other.name), reason, repr((keep, other)))


def _repeated(memory: MemoryFile) -> Iterator[Proposal]:
    from rapidfuzz import fuzz, utils

    gone: set[str] = set()
    for earlier, later in itertools.combinations(memory.entries, 2):
        if earlier in gone or later in gone:
            continue
        if fuzz.token_sort_ratio(earlier, later, processor=utils.default_process) >= _SAME_ENTRY:
            keep, drop = (earlier, later) if len(earlier) > len(later) else (later, earlier)
            gone.add(drop)
            reason = f"Two entries of {memory.target!r} say nearly the same: {drop!r} and {keep!r}."
            yield _proposal("drop", (memory.target, drop, keep), reason, repr((drop, keep)))


def _overfull(memory: MemoryFile) -> Iterator[Proposal]:
    if memory.used >= _FULL * memory.limit:
        reason = f"The memory {memory.target!r} has {memory.used:,} of {memory.limit:,} characters."
        yield _proposal("condense", (memory.target,), reason, repr(memory))


def _proposal(
    action: Literal["retire", "merge", "drop", "condense"], subjects: tuple[str, ...], reason: str, ground: str
) -> Proposal:
    digest = hashlib.sha256(ground.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Proposal(number=0, action=action, subjects=subjects, reason=reason, digest=digest)


class Proposals:
    """The proposals as they were last shown, so that a number means what the person saw."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def show(self, proposals: Sequence[Proposal]) -> None:
        """Keep what is being shown."""
        temporary = self._file.with_name(f".{secrets.token_hex(6)}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode({"time": time.time(), "proposals": proposals}))
        temporary.replace(self._file)

    def pick(self, number: int, current: Sequence[Proposal]) -> Proposal:
        """The proposal that was shown under a number, if it still holds. Raises `NotFound`."""
        try:
            data = msgspec.json.decode(self._file.read_bytes())
            shown = msgspec.convert(data["proposals"], list[Proposal])
        except (OSError, KeyError, msgspec.MsgspecError):
            shown = []
        chosen = next((each for each in shown if each.number == number), None)
        if chosen is None:
            raise NotFound(f"There is no proposal {number}.", remedy="`hermes learning curate` lists them.")
        if all((each.action, each.digest) != (chosen.action, chosen.digest) for each in current):
            raise NotFound(
                f"Proposal {number} no longer holds: what it is about has changed. Nothing was done.",
                remedy="`hermes learning curate` lists them anew.",
            )
        return chosen
