"""What a session store keeps: a conversation's description, the lines of its log, and what a search finds."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hermes_host.messages import Message
from hermes_host.stream import Usage

__all__ = ["BACKGROUND_SOURCES", "SearchHit", "SessionInfo", "SessionRecord"]

BACKGROUND_SOURCES = frozenset({"batch", "learning", "subagent", "tool"})
"""Surfaces whose conversations are work behind another one: kept and shown by name, left out of lists and searches."""


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation. Times are seconds since the epoch."""

    id: str
    """`YYYYMMDD_HHMMSS_<6 hex digits>`."""
    started: float
    updated: float
    title: str = ""
    source: str = "cli"
    """The surface it began on."""
    model: str = ""
    """`provider:model`, last used."""
    parent: str = ""
    """The session it was forked from or continues."""
    directory: str = ""
    ended: str = ""
    """Why it ended; empty while it can go on."""
    messages: int = 0
    preview: str = ""
    """The beginning of the first user message."""
    usage: Usage = Usage()


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a conversation's log.

    Kinds:

    - `message`, with `message`;
    - `tool_started`, with `call_id`: written before a call acts, so that after a crash a call is known to have begun;
    - `tool_finished`, with `call_id` and, in `message`, its result: written when a step has several calls, before the
      message with all results;
    - `turn_finished`, with `outcome` and `usage`;
    - `state`, with `name` and `data`: what must survive a restart, such as the model or the frozen system prompt; the
      last one of each name counts.
    """

    kind: Literal["message", "tool_started", "tool_finished", "turn_finished", "state"]
    id: str
    time: float
    turn_id: str = ""
    message: Message | None = None
    call_id: str = ""
    outcome: str = ""
    usage: Usage | None = None
    name: str = ""
    data: dict[str, Any] = {}


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a past conversation."""

    session_id: str
    record_id: str
    role: str
    excerpt: str
    score: float = 0.0
    time: float = 0.0
    """When it was said, in seconds since the epoch; 0 where unknown."""
