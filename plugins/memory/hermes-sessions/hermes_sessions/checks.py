"""The check for `hermes doctor`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from hermes_host.cli.listing import ago
from hermes_host.errors import SessionError
from hermes_host.protocols import CheckResult
from hermes_sessions.backups import backups, fault_of
from hermes_sessions.database import refuse_unusable
from hermes_sessions.settings import SessionSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hermes_host.context import PluginContext

__all__ = ["database"]

_REPAIR = "Run `hermes sessions repair`."
_OLD = 14 * 86400


async def database(context: PluginContext) -> Iterable[CheckResult]:
    """Read the database through, and see whether there is a good backup of it."""
    path = context.home / "sessions.db"
    if not path.exists():
        return [CheckResult(name="sessions.database", status="ok", detail="no conversations yet")]
    results = [await asyncio.to_thread(_state, path)]
    if context.section(SessionSettings, "sessions").backups:
        results.append(_backup(context.home, path))
    return results


def _state(path: Path) -> CheckResult:
    try:
        refuse_unusable(path)
    except SessionError as error:
        return CheckResult(name="sessions.database", status="error", detail=error.message, remedy=error.remedy)
    if fault := fault_of(path):
        return CheckResult(
            name="sessions.database", status="error", detail=f"{path} is damaged: {fault}", remedy=_REPAIR
        )
    return CheckResult(name="sessions.database", status="ok", detail=f"{path.stat().st_size / 1e6:,.1f} MB in {path}")


def _backup(home: Path, path: Path) -> CheckResult:
    newest = next(iter(backups(home)), None)
    if newest is None:
        return CheckResult(name="sessions.backup", status="ok", detail="none yet; the first is made after a turn")
    made = newest.stat().st_mtime
    if path.stat().st_mtime - made > _OLD:
        return CheckResult(
            name="sessions.backup",
            status="warning",
            detail=f"the newest backup is old ({ago(made, time.time())}): {newest}",
            remedy="The file logs/hermes.log says what keeps it from being made.",
        )
    return CheckResult(name="sessions.backup", status="ok", detail=f"{ago(made, time.time())}: {newest}")
