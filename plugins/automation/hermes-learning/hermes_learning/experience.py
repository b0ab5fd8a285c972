"""What of a conversation no review has seen yet, worked out from its log alone.

Nothing is counted apart from the log. So a process that is killed, a conversation that is resumed, and `/undo` change
nothing: the same log gives the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from hermes_host.messages import ToolResult
from hermes_learning.signals import MEMORY_TOOL, SKILL_TOOL, Trouble, skills_used, troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermes_host.messages import Message, Provenance
    from hermes_host.records import SessionRecord
    from hermes_learning.settings import MemoryIntervals, SkillIntervals

__all__ = ["REVIEWED", "Counts", "Entry", "Experience", "Kind", "Reviewed", "count", "decoded", "origin"]

Kind = Literal["memory", "skills"]

REVIEWED = "learning.reviewed"
"""The state record that says up to which record of the log a conversation was reviewed."""

_REMOVED = "host.removed"
_HARD_WORK = 5
"""Steps with tools that make work worth a look for skills when its messages are about to be lost."""


class Reviewed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The id of the last record that a review for memory, and one for skills, has seen; empty for none."""

    memory: str = ""
    skills: str = ""
    review: str = ""
    """The id of the review's own conversation."""


class Entry(NamedTuple):
    """A message with the id of its record."""

    id: str
    message: Message


class Counts(msgspec.Struct):
    """What has happened since the last reviews. Grows with each message."""

    turns: int = 0
    """The user's messages that no review for memory has seen."""
    turns_since_memory: int = 0
    """Likewise, since the memory tool was used."""
    steps: int = 0
    """Steps with tools that no review for skills has seen."""
    steps_since_skill: int = 0
    """Likewise, since a skill was written."""
    skills_in_use: bool = False
    """Whether a skill was opened in what no review for skills has seen."""

    def add(self, message: Message, *, memory: bool = True, skills: bool = True) -> None:
        """Count a message that is new to the reviews for memory, for skills, or both."""
        names = {call.name for call in message.tool_calls}
        if memory:
            self.turns += message.role == "user"
            self.turns_since_memory = 0 if MEMORY_TOOL in names else self.turns_since_memory + (message.role == "user")
        if skills:
            self.skills_in_use = self.skills_in_use or any(True for _ in skills_used(message))
            self.steps += bool(names)
            self.steps_since_skill = 0 if SKILL_TOOL in names else self.steps_since_skill + bool(names)


class Experience:
    """One conversation, as its log has it."""

    def __init__(self, records: Sequence[SessionRecord], also: Sequence[Reviewed] = ()) -> None:
        """`also` are marks that count besides the log's own, the further one of each kind."""
        removed = _removed(records)
        recorded = decoded(next((r.data for r in reversed(records) if r.kind == "state" and r.name == REVIEWED), {}))
        marks = [recorded, *also]
        self._seen: dict[Kind, int] = {"memory": 0, "skills": 0}
        self._marks: dict[Kind, str] = {"memory": "", "skills": ""}
        self.entries: list[Entry] = []
        for record in records:
            if record.kind != "message" or record.message is None:
                continue
            if record.id not in removed:
                self.entries.append(Entry(record.id, record.message))
            for kind in self._seen:
                if any(getattr(mark, kind) == record.id for mark in marks):
                    self._seen[kind] = len(self.entries)
                    self._marks[kind] = record.id

    def since(self, kind: Kind) -> Sequence[Entry]:
        """The messages that no review of this kind has seen."""
        return self.entries[self._seen[kind] :]

    def unseen(self, kinds: Iterable[Kind]) -> Sequence[Entry]:
        """The messages from the first on that a review of one of these kinds has not seen."""
        return self.entries[min((self._seen[kind] for kind in kinds), default=len(self.entries)) :]

    def counts(self) -> Counts:
        """What has happened since the last reviews."""
        found = Counts()
        for place, entry in enumerate(self.entries):
            found.add(entry.message, memory=place >= self._seen["memory"], skills=place >= self._seen["skills"])
        return found

    def troubles(self) -> Sequence[Trouble]:
        """The skills in use when something went wrong, in what no review for skills has seen."""
        return troubles(entry.message for entry in self.since("skills"))

    def owed(self, kinds: Iterable[Kind], base: Reviewed) -> frozenset[Kind]:
        """Those of `kinds` that were not reviewed since the marks were `base`."""
        return frozenset(kind for kind in kinds if self._marks[kind] == getattr(base, kind))

    @property
    def marks(self) -> Reviewed:
        """What was reviewed."""
        return Reviewed(memory=self._marks["memory"], skills=self._marks["skills"])

    def after(self, kinds: Iterable[Kind], through: str, review: str) -> Reviewed:
        """The marks when the messages up to the record `through` were reviewed for `kinds`."""
        marks = {**self._marks, **dict.fromkeys(kinds, through)}
        return Reviewed(memory=marks["memory"], skills=marks["skills"], review=review)


def count(
    counts: Counts, troubled: bool, memory: MemoryIntervals, skills: SkillIntervals, *, losing: bool
) -> frozenset[Kind]:
    """What is due: by the intervals, or when the model is about to lose sight of everything."""
    due: set[Kind] = set()
    nudged = memory.nudge_interval and counts.turns_since_memory >= memory.nudge_interval
    if nudged or (losing and memory.flush_min_turns and counts.turns):
        due.add("memory")
    interval = skills.creation_nudge_interval
    if interval and (troubled or counts.steps_since_skill >= (min(interval, _HARD_WORK) if losing else interval)):
        due.add("skills")
    return frozenset(due)


def origin(entries: Iterable[Entry], reaches_network: Callable[[str], bool]) -> Provenance:
    """Whose words stand behind messages: `external` when one was begun or fed by the outside world, else `owner`.

    `reaches_network` says of a tool's name whether what it gives may come from the network.
    """
    for entry in entries:
        message = entry.message
        if message.role == "user" and (message.provenance != "owner" or _fetched(message)):
            return "external"
        for part in message.parts:
            if isinstance(part, ToolResult) and part.provenance == "external" and reaches_network(part.name):
                return "external"
    return "owner"


def _fetched(message: Message) -> bool:
    """Whether something from an address on the network was attached to a message."""
    details = [value for part in message.parts for value in part.meta.values() if isinstance(value, dict)]
    return any(each.get("provenance") == "external" and "://" in str(each.get("source", "")) for each in details)


def decoded(data: dict[str, Any]) -> Reviewed:
    """Marks as they were recorded; none where they cannot be read."""
    try:
        return msgspec.convert(data, Reviewed)
    except msgspec.ValidationError:
        return Reviewed()


def _removed(records: Iterable[SessionRecord]) -> frozenset[str]:
    return frozenset(
        str(identity)
        for record in records
        if record.kind == "state" and record.name == _REMOVED
        for identity in record.data.get("records", ())
    )
