"""What the gate's case does not say: the session behind it, its surface, its terminal, and whether anybody is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hermes_host.services import Conversations

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.host import Host
    from hermes_host.terminals import Terminals

__all__ = ["Surroundings", "of_session"]


@dataclass(frozen=True)
class Surroundings:
    """Where a call comes from."""

    session: SessionContext
    surface: str
    """The surface a person would see it on: that of the session the calling one works for, where it does."""
    terminals: Terminals | None
    redact: Callable[[str], str]
    nobody_asked: bool = False
    """Whether consent is given beforehand for everything: `--yolo`, or mode off."""
    remembered: Callable[[str, str], bool] = lambda tool, shown: False
    """Whether a person chose `always` for what was shown so."""

    @property
    def surfaces(self) -> frozenset[str]:
        """All names it may be called by in rules that ask or deny."""
        return frozenset({self.surface, self.session.source})

    @property
    def terminal(self) -> str:
        """The name of the terminal backend; empty where none is installed."""
        return self.terminals.backend(self.session) if self.terminals is not None else ""


async def of_session(context: PluginContext, session_id: str, *, mode: str) -> Surroundings | None:
    """Those of a live session."""
    conversations = await context.services.get(Conversations)
    session = conversations.session(session_id)
    if session is None:
        return None
    host = session.host
    return Surroundings(
        session.context,
        _top(session).context.source,
        terminals_of(host),
        host.secrets.redact,
        session.yolo or mode == "off",
        lambda tool, shown: any(rule.tool == tool and rule.shown == shown for rule in host.rules.list()),
    )


def terminals_of(host: Host) -> Terminals | None:
    """The host's terminals, where a backend is installed."""
    return host.terminals if len(host.terminal_backends) else None


def _top(session: Session) -> Session:
    while session.leader is not None:
        session = session.leader
    return session
