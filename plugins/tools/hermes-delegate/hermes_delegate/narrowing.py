"""Which tools a subagent has: never more than the conversation it works for, and none that speak for that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.errors import NotFound, ToolError
from hermes_host.toolsets import members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.agent.session import Session

__all__ = ["WITHHELD", "depth_of", "narrowed"]

WITHHELD = frozenset({"memory", "skill_manage", "cronjob", "session_search", "todo", "subagents"})
"""Tools that belong to the conversation itself: what outlives it, and its own list of steps."""

HANDING_ON = "delegate_task"

_WITHHELD_EFFECTS = frozenset({"ask", "send"})
"""A subagent neither asks the user questions nor writes to people: the conversation in front does."""


def depth_of(session: Session) -> int:
    """How many conversations stand in front of this one."""
    depth, leader = 0, session.leader
    while leader is not None:
        depth, leader = depth + 1, leader.leader
    return depth


def narrowed(session: Session, wanted: Sequence[str], *, max_depth: int) -> list[str]:
    """The names of the tools a subagent of `session` gets; `wanted` names toolsets and tools, empty means all.

    Raises `ToolError` for a name that does not exist, and when nothing is left.
    """
    allowed = {
        tool.name
        for tool in session.tools()
        if tool.name not in WITHHELD and not tool.effects & _WITHHELD_EFFECTS and tool.name != HANDING_ON
    }
    own = {tool.name for tool in session.tools()}
    if HANDING_ON in own and depth_of(session) + 1 < max_depth:
        allowed.add(HANDING_ON)
    try:
        named = {tool for name in wanted for tool in members(session.host, name)} if wanted else allowed
    except NotFound as error:
        raise ToolError(error.message, remedy=error.remedy) from error
    if not named & allowed:
        what = f"None of the tools of {', '.join(wanted)} can be given" if wanted else "There are no tools to give"
        raise ToolError(
            f"{what} to a subagent of this conversation. Nothing was started.",
            remedy=f"It can have: {', '.join(sorted(allowed)) or 'none'}.",
        )
    return sorted(named & allowed)
