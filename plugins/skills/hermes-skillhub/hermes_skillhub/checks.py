"""What `hermes doctor` looks at: are installed skills what was installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_skillhub.storage import Storage

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_skillhub.lockfile import Installed

__all__ = ["installed"]


async def installed(context: PluginContext) -> list[CheckResult]:
    """No network: only the lock file and the folders."""
    storage = Storage(context.home / "skills")
    if not storage.hub.is_dir():
        return [CheckResult(name="skills from hubs", status="ok", detail="none")]
    try:
        found = await asyncio.to_thread(storage.installed)
        edited = await asyncio.to_thread(_edited, storage, list(found.values()))
    except HermesError as error:
        return [CheckResult(name="skills from hubs", status="error", detail=error.message, remedy=error.remedy)]
    if edited:
        detail = f"{len(found)}; not as they were installed: {', '.join(edited)}"
        return [CheckResult(name="skills from hubs", status="warning", detail=detail, remedy="hermes skills audit")]
    return [CheckResult(name="skills from hubs", status="ok", detail=str(len(found)))]


def _edited(storage: Storage, entries: list[Installed]) -> list[str]:
    return [entry.name for entry in entries if not storage.local_state(entry).clean]
