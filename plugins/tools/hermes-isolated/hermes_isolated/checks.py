"""What `hermes doctor` says about isolated plugins; none is started for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_isolated import sandbox
from hermes_isolated.offers import enabled
from hermes_isolated.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_host.context import PluginContext
    from hermes_isolated.lock import LockedPlugin

__all__ = ["confined"]


async def confined(context: PluginContext) -> Iterable[CheckResult]:
    """Can they be confined, are their environments there, and does each have its tools for itself?"""
    try:
        found = enabled(context)
    except HermesError as error:
        return [CheckResult(name="isolated", status="error", detail=error.message, remedy=error.remedy)]
    if not found:
        return [CheckResult(name="isolated", status="ok", detail="no isolated plugins")]
    return [await _sandbox(context), *_plugins(context, found)]


async def _sandbox(context: PluginContext) -> CheckResult:
    trouble = await asyncio.to_thread(sandbox.trouble)
    if not trouble:
        return CheckResult(name="isolated sandbox", status="ok", detail="bubblewrap and a filter of system calls")
    if context.section(Settings, "isolated").require_sandbox:
        return CheckResult(
            name="isolated sandbox",
            status="error",
            detail=f"No isolated plugin is started: {trouble}",
            remedy="Install bubblewrap (`apt-get install bubblewrap`).",
        )
    return CheckResult(name="isolated sandbox", status="warning", detail=f"They are not confined: {trouble}")


def _plugins(context: PluginContext, found: Mapping[str, LockedPlugin]) -> Iterable[CheckResult]:
    offered = Counter(tool.name for plugin in found.values() for tool in plugin.description.tools)
    used = {tool.name for tool in context.registry("tools") if tool.plugin != context.plugin}
    for name, plugin in found.items():
        fault, remedy = "", f"hermes plugins update {name}"
        try:
            sandbox.python_folders(Path(plugin.environment))
        except HermesError as error:
            fault, remedy = error.message, error.remedy
        taken = [tool.name for tool in plugin.description.tools if offered[tool.name] > 1 or tool.name in used]
        if taken:
            fault, remedy = f"Other plugins offer {', '.join(taken)} as well.", f"hermes plugins disable {name}"
        status = CheckResult(name=f"isolated {name}", status="ok", detail=f"{plugin.distribution} {plugin.version}")
        yield CheckResult(name=f"isolated {name}", status="warning", detail=fault, remedy=remedy) if fault else status
