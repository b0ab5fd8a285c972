"""Checks for `hermes doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_memory.access import settings_of
from hermes_memory.entries import FILES, TARGETS, Target
from hermes_memory.scan import Redact, unredacted
from hermes_memory.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["files"]


async def files(context: PluginContext) -> Iterable[CheckResult]:
    """Read both files as a new conversation would, and see what waits for consent."""
    return await asyncio.to_thread(_look, context, unredacted)


def _look(context: PluginContext, redact: Redact) -> list[CheckResult]:
    settings = settings_of(context)
    store = Store(context.home, context.home / "plugins" / context.plugin, settings, redact)
    results = [_file(store, target) for target in TARGETS if settings.enabled(target)]
    waiting = len(store.pending())
    if waiting:
        detail = "1 change waits for consent" if waiting == 1 else f"{waiting} changes wait for consent"
        results.append(CheckResult(name="memory", status="ok", detail=detail, remedy="hermes memory pending"))
    return results


def _file(store: Store, target: Target) -> CheckResult:
    name = FILES[target]
    try:
        content = store.content(target)
    except HermesError as error:
        return CheckResult(name=name, status="error", detail=error.message, remedy=error.remedy)
    problems = []
    for place, entry in enumerate(content.entries, 1):
        if entry.finding is not None:
            problems.append(
                f"entry {place} is kept from the model, because {entry.finding.reason} ({entry.finding.id})"
            )
    if content.used > content.limit:
        problems.append(f"it has {content.used:,} characters of {content.limit:,}, so not all of it is in the prompt")
    if content.oversized:
        problems.append("it is too large to be written to")
    if problems:
        return CheckResult(
            name=name, status="warning", detail="; ".join(problems), remedy=f"hermes memory edit {target}"
        )
    entries = count(len(content.entries), "entry", "entries")
    return CheckResult(name=name, status="ok", detail=f"{entries}, {content.usage}")
