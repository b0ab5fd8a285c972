"""What `hermes doctor` says about installed plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import __version__
from hermes_host.protocols import CheckResult
from hermes_installer.lockfile import read_lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """One result for each plugin that is not as it was agreed to; one for all where every one is."""
    plugins = read_lock(context.home).plugins
    found = []
    for name, entry in plugins.items():
        changes = entry.changes
        if entry.revoked:
            remedy = f"hermes plugins remove {name}"
            found.append(CheckResult(name=name, status="error", detail=f"revoked: {entry.revoked}", remedy=remedy))
        elif changes:
            detail = f"changed since it was installed: {', '.join(changes[:3])}"
            remedy = f"hermes plugins update {name}, or hermes plugins accept {name}"
            found.append(CheckResult(name=name, status="error", detail=detail, remedy=remedy))
        elif entry.isolated and entry.host != __version__:
            detail = f"its environment has hermes-host {entry.host}, this is {__version__}"
            remedy = f"hermes plugins update {name}"
            found.append(CheckResult(name=name, status="warning", detail=detail, remedy=remedy))
    if plugins and not found:
        found.append(CheckResult(name="plugins.lock", status="ok", detail=f"{len(plugins)} as agreed"))
    return found
