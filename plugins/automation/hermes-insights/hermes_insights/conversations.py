"""What the session store tells of a period: who said how much, and which tools were called.

Work behind a conversation (subagents, learning) counts into the conversation it was done for: its tool calls and its
tokens, not its messages, which nobody wrote or read. A message that a fork took over from its original counts once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import HermesError
from hermes_host.records import BACKGROUND_SOURCES, SessionInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermes_host.protocols import SessionStore
    from hermes_host.records import SessionRecord
    from hermes_insights.period import Period

__all__ = ["Conversation", "Conversations", "read_conversations"]

PAUSE = 300.0
"""Seconds without a sign of life that still count as time in the conversation."""

_ALL = 10_000_000


class Conversation(msgspec.Struct, kw_only=True):
    """What was counted of one conversation, in the period."""

    info: SessionInfo
    user: int = 0
    assistant: int = 0
    tool: int = 0
    tools: Counter[str] = msgspec.field(default_factory=Counter)
    active: float = 0.0
    input: int = 0
    output: int = 0
    """Tokens of its turns, as its log has them; for where there is no ledger."""
    prompts: list[float] = []
    """When people wrote."""

    @property
    def messages(self) -> int:
        """All messages."""
        return self.user + self.assistant + self.tool


class Conversations(msgspec.Struct, kw_only=True):
    """What was found. `root_of` leads from every known session to the conversation it counts into."""

    found: dict[str, Conversation] = {}
    root_of: dict[str, str] = {}
    sources: dict[str, str] = {}
    """The surface of every known session, background ones included."""
    background: int = 0
    unreadable: int = 0


async def read_conversations(
    store: SessionStore, period: Period, *, source: str = "", progress: Callable[[int, int], None] | None = None
) -> Conversations:
    """Read every session that was used in the period. Lets other work run between two of them."""
    infos = _all_of(store)
    roots = _roots(infos)
    result = Conversations(root_of=roots, sources={each: info.source for each, info in infos.items()})
    wanted = [
        info
        for info in sorted(infos.values(), key=lambda info: (info.started, info.id))
        if info.updated >= period.since
        and info.started < period.until
        and (not source or infos[roots[info.id]].source == source)
    ]
    forked = _forked(infos)
    seen: set[str] = set()
    for place, info in enumerate(wanted):
        if progress is not None:
            progress(place, len(wanted))
        await asyncio.sleep(0)
        try:
            records = store.load(info.id)
        except HermesError:
            # Deleted meanwhile, or damaged: `hermes doctor` speaks of the store.
            result.unreadable += 1
            continue
        if info.id in forked:
            records = [record for record in records if not (record.id in seen or seen.add(record.id))]  # type: ignore[func-returns-value]
        _count(result, infos, info, [record for record in records if period.since <= record.time < period.until])
    return result


def _all_of(store: SessionStore) -> dict[str, SessionInfo]:
    infos = {info.id: info for info in store.list(limit=_ALL)}
    for source in sorted(BACKGROUND_SOURCES):
        infos.update({info.id: info for info in store.list(limit=_ALL, source=source)})
    return infos


def _roots(infos: dict[str, SessionInfo]) -> dict[str, str]:
    """For every session the conversation it was done for: the first above it that is no background work."""
    roots = {}
    for session_id in infos:
        place, passed = session_id, {session_id}
        while infos[place].source in BACKGROUND_SOURCES:
            above = infos[place].parent
            if above not in infos or above in passed:
                break
            passed.add(above)
            place = above
        roots[session_id] = place
    return roots


def _forked(infos: dict[str, SessionInfo]) -> set[str]:
    """Sessions that may share records with another."""
    forks = {info.id for info in infos.values() if info.parent and info.source not in BACKGROUND_SOURCES}
    return forks | {infos[each].parent for each in forks}


def _count(
    result: Conversations, infos: dict[str, SessionInfo], info: SessionInfo, records: Sequence[SessionRecord]
) -> None:
    if not records:
        return
    behind = info.source in BACKGROUND_SOURCES
    result.background += behind
    root = infos[result.root_of[info.id]]
    if root.source in BACKGROUND_SOURCES:
        # Nobody's: its conversation is gone.
        root = info
    conversation = result.found.get(root.id)
    if conversation is None:
        conversation = result.found[root.id] = Conversation(info=root, tools=Counter(), prompts=[])
    for record in records:
        if record.usage is not None and record.kind == "turn_finished":
            conversation.input += record.usage.input
            conversation.output += record.usage.output
        message = record.message
        if record.kind != "message" or message is None:
            continue
        if message.role == "assistant":
            conversation.tools.update(call.name for call in message.tool_calls)
        if behind:
            continue
        if message.role == "user":
            conversation.user += 1
            conversation.prompts.append(record.time)
        elif message.role == "assistant":
            conversation.assistant += 1
        else:
            conversation.tool += 1
    if not behind:
        conversation.active += _active(record.time for record in records)


def _active(times: Iterable[float]) -> float:
    total, before = 0.0, None
    for moment in sorted(times):
        if before is not None and moment - before <= PAUSE:
            total += moment - before
        before = moment
    return total
