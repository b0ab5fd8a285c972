"""What is reported of a period. Times are seconds since the epoch, days those of this machine's time zone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["Activity", "Amounts", "Group", "Notable", "Report", "ToolUse"]


class Amounts(msgspec.Struct):
    """Calls of models, added up. `cost` is in US dollars, without the `unpriced` calls."""

    calls: int = 0
    failed: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: float = 0.0
    unpriced: int = 0
    seconds: float = 0.0
    """How long models were answering."""

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input + self.output

    def add(self, other: Amounts) -> None:
        """Count another's in."""
        self.calls += other.calls
        self.failed += other.failed
        self.input += other.input
        self.output += other.output
        self.cached += other.cached
        self.cache_write += other.cache_write
        self.reasoning += other.reasoning
        self.cost += other.cost
        self.unpriced += other.unpriced
        self.seconds += other.seconds


class Group(msgspec.Struct, kw_only=True):
    """Calls that have something in common, and how many conversations they were in."""

    name: str
    amounts: Amounts
    sessions: int = 0
    messages: int = 0


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """How often a tool was called; `share` of all calls, from 0 to 1."""

    name: str
    calls: int
    share: float


class Activity(msgspec.Struct, kw_only=True):
    """What happened in one day, weekday or hour. `name` is `2026-03-29`, `Monday` or `07`."""

    name: str
    prompts: int = 0
    """Messages of people."""
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0


class Notable(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that stands out. `what` is `longest`, `messages`, `tokens`, `tool_calls` or `cost`."""

    what: str
    session: str
    title: str
    value: float
    """Seconds, a number, or US dollars."""
    started: float


class Report(msgspec.Struct, kw_only=True):
    """Everything that is reported."""

    days: int
    source: str
    since: float
    until: float
    time_zone: str
    accounts: bool
    """Whether there was a ledger to read; without one there are no models and no cost."""
    sessions: int = 0
    background_sessions: int = 0
    """Work behind conversations, such as subagents; counted into the conversations it was done for."""
    messages: int = 0
    user_messages: int = 0
    assistant_messages: int = 0
    tool_messages: int = 0
    tool_calls: int = 0
    active_seconds: float = 0.0
    """Time in conversations, pauses of more than five minutes left out."""
    amounts: Amounts = msgspec.field(default_factory=Amounts)
    models: Sequence[Group] = ()
    purposes: Sequence[Group] = ()
    """`turn`, and the auxiliary work: titles, summaries …"""
    sources: Sequence[Group] = ()
    tools: Sequence[ToolUse] = ()
    by_day: Sequence[Activity] = ()
    """Only days on which something happened."""
    by_weekday: Sequence[Activity] = ()
    by_hour: Sequence[Activity] = ()
    active_days: int = 0
    longest_streak: int = 0
    current_streak: int = 0
    """Days in a row up to today or yesterday."""
    notable: Sequence[Notable] = ()
    notes: Sequence[str] = ()
    """What is not known, in sentences."""

    @property
    def empty(self) -> bool:
        """Whether nothing happened."""
        return not self.sessions and not self.amounts.calls and not self.background_sessions
