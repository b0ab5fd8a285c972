"""What `hermes doctor` says about folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_bridges.bridges import Bridges, waiting_folders
from hermes_host.cli.listing import count
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["folders"]


async def folders(context: PluginContext) -> Iterable[CheckResult]:
    """Which are off and why, what their code complains about, and what waits."""
    bridges = await context.services.get(Bridges)
    try:
        known = bridges.all()
    except HermesError as error:
        return [CheckResult(name="bridges", status="error", detail=error.message, remedy=error.remedy)]
    await bridges.load()
    on = [bridge for bridge in known if bridge.state == "on"]
    found = [CheckResult(name="bridges", status="ok", detail=f"{len(on)} of {count(len(known), 'folder')} used")]
    found += [
        CheckResult(
            name="bridges",
            status="error" if bridge.consent.guards else "warning",
            detail=f"{bridge.name} is off: {bridge.reason}",
            remedy=f"hermes bridges {'remove' if bridge.state == 'missing' else 'accept'} {bridge.name}",
        )
        for bridge in known
        if bridge.state != "on"
    ]
    found += [
        CheckResult(name="bridges", status="warning", detail=f"{plugin.name}: {problem}")
        for plugin in bridges.python()
        for problem in plugin.problems
    ]
    waiting = waiting_folders(context.home, bridges.settings, [bridge.consent for bridge in known])
    found += [
        CheckResult(
            name="bridges",
            status="warning",
            detail=f"{path} ({where}) is not used: nobody accepted it",
            remedy=f"hermes bridges add {path}",
        )
        for path, _, where in waiting
    ]
    return found
