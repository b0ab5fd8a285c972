"""What turns may use: tools and memories, by the role of whoever began them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hermes_host.errors import NotFound
from hermes_host.toolsets import members, select_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_gateway.shared import Shared

__all__ = ["Rights", "rights_of"]

log = logging.getLogger(__name__)

_WITHOUT_ACTING = frozenset({"net", "ask"})
"""Effects of tools that members have unless the settings say otherwise: reading this machine is not among them."""


_KEPT_SECONDS = 2.0
_MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class Rights:
    """What a session may use."""

    tools: tuple[str, ...]
    """Names for `Host.start(toolsets=)`."""
    memory: Any = "full"


def rights_of(shared: Shared, platform: str, role: str, only: Sequence[str] | None) -> Rights:
    """What turns of a role on a platform may use; `only` names the toolsets an update allows.

    What was found counts for two seconds: that is how late a tool that comes or goes is noticed.
    """
    asked = (platform, role, None if only is None else tuple(only))
    found = shared.rights.get(asked)
    now = time.monotonic()
    if found is None or found[0] < now:
        if len(shared.rights) > _MOST_KEPT:
            shared.rights.clear()
        found = shared.rights[asked] = (now + _KEPT_SECONDS, _rights_of(shared, platform, role, only))
    return found[1]


def _rights_of(shared: Shared, platform: str, role: str, only: Sequence[str] | None) -> Rights:
    host, gateway = shared.host, shared.settings.gateway
    whole = {tool.name for tool in select_tools(host, None, platform)}
    if shared.external(platform):
        names = _known(shared, only) if only is not None else _harmless(shared, whole)
        return Rights(tuple(sorted(names)), "none")
    if role == "owner":
        allowed, memory = whole, "full"
    elif role == "member":
        listed = gateway.member_tools
        allowed = _harmless(shared, whole) if listed is None else _known(shared, listed)
        memory = gateway.member_memory
    else:
        allowed, memory = _known(shared, gateway.guest_tools), "none"
    if only is not None:
        allowed &= _known(shared, only)
    return Rights(tuple(sorted(_exact(shared, allowed))), memory)


def _harmless(shared: Shared, names: set[str]) -> set[str]:
    tools = shared.host.tools
    return {name for name in names if tools.get(name).spec.effects <= _WITHOUT_ACTING}


def _known(shared: Shared, names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        try:
            found.update(members(shared.host, name))
        except NotFound as error:
            log.warning("a toolset in the gateway's settings: %s", error)
    return found


def _exact(shared: Shared, allowed: set[str]) -> set[str]:
    """Without names that stand for a toolset as well, of which not everything is allowed."""
    return {name for name in allowed if set(members(shared.host, name)) <= allowed}
