"""The modes an editor can choose, each with an effect on the approval gate.

`default` leaves everything to the user's rules. `ask` and `read_only` make the gate stricter through a decision hook,
so they hold for nested calls and subagents too. `bypass` answers what would be asked; denials stay.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

from hermes_host.protocols import Assessment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_host.agent import Session
    from hermes_host.context import SessionContext

__all__ = ["BYPASS", "MODES", "Mode", "assess", "choose", "mode_of", "offered"]

KEY = "acp.mode"
"""Where a conversation's mode is kept, in its memory and in its log."""

BYPASS = "bypass"

_ACTS = frozenset({"write", "process", "send"})


class Mode(NamedTuple):
    """What an editor shows of a mode."""

    id: str
    name: str
    description: str


MODES: Sequence[Mode] = (
    Mode("default", "Default", "Work in the folder; ask before what your approval rules want asked."),
    Mode("ask", "Ask every time", "Ask before every edit, command and message to others."),
    Mode("read_only", "Read only", "Look and explain; edits, commands and messages to others are refused."),
    Mode(BYPASS, "Bypass approvals", "Never ask. Only what policy forbids is refused."),
)

_led: weakref.WeakSet[Session] = weakref.WeakSet()
"""Live conversations of editors: the way from a subagent's call to the mode it works under."""


def offered(allow_bypass: bool) -> Sequence[Mode]:
    """The modes that can be chosen."""
    return [mode for mode in MODES if mode.id != BYPASS or allow_bypass]


def choose(session: Session, mode: str) -> None:
    """Put a conversation into a mode, from the next call on."""
    _led.add(session)
    session.context.memory[KEY] = mode
    if mode != BYPASS and session.context.recorded(KEY).get("mode", "default") != mode:
        session.context.record(KEY, {"mode": mode})  # bypassing is never brought back by loading a conversation


def mode_of(session: SessionContext) -> str:
    """The mode a conversation, or the one it works for, is in."""
    mode = session.memory.get(KEY)
    if mode is None:
        leaders = (leader for leader in _led if any(child.context is session for child in _below(leader)))
        mode = next((leader.context.memory.get(KEY) for leader in leaders), None)
    return str(mode or "default")


def assess(session: SessionContext, effects: frozenset[str]) -> Assessment | None:
    """What the mode says about a call with these effects."""
    acts = effects & _ACTS
    if not acts:
        return None
    mode = mode_of(session)
    if mode == "read_only":
        return Assessment(
            verdict="deny",
            reason="The user's editor is in read-only mode. Say what you would do instead of doing it.",
        )
    if mode == "ask":
        return Assessment(verdict="ask", reason="The editor's mode is to ask every time.", rememberable=False)
    return None


def _below(session: Session) -> Iterator[Session]:
    for child in session.children:
        yield child
        yield from _below(child)
