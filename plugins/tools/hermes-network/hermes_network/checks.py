"""What `hermes doctor` looks at: lists that cannot be used, and exceptions that are too wide. No request is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_network.connections import certificates
from hermes_network.resolver import lookup_of
from hermes_network.service import guard_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_network.guard import Guard

__all__ = ["guard"]

_NAME = "network guard"


async def guard(context: PluginContext) -> list[CheckResult]:
    """One finding for each thing that is wrong, else one that says what is in force."""
    try:
        found = guard_of(context)
        found.blocklist.lists()
        lookup_of(found.settings.nameservers)
        certificates(found.settings.ca_bundle)
    except HermesError as error:
        return [CheckResult(name=_NAME, status="error", detail=error.message, remedy=error.remedy)]
    wide = ", ".join(map(str, found.private.widest()))
    if wide:
        return [
            CheckResult(
                name=_NAME,
                status="warning",
                detail=f"network.allow_private excepts every address ({wide}): pages can reach your own network",
                remedy="Name only the hosts that you need, such as localhost:8080.",
            )
        ]
    return [CheckResult(name=_NAME, status="ok", detail=_in_force(found))]


def _in_force(found: Guard) -> str:
    allow = found.settings.allow
    parts = ["public sites only" if allow is None else f"only sites of network.allow ({len(allow)})"]
    if found.block or any(found.blocklist.lists()):
        parts.append("with a block list")
    if found.private:
        parts.append("with exceptions for your own network")
    if found.settings.proxy:
        parts.append("through a proxy")
    if not found.settings.log:
        parts.append("no log")
    return ", ".join(parts)
