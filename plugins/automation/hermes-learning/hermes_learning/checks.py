"""The check of `hermes doctor`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_host.cli.listing import count
from hermes_host.protocols import CheckResult
from hermes_learning.debts import Debts
from hermes_learning.settings import Learning
from hermes_learning.signals import MEMORY_TOOL, SKILL_TOOL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["reviews"]

_OLD = 7 * 86_400.0


async def reviews(context: PluginContext) -> Iterable[CheckResult]:
    """Whether there is something to write with, and whether reviews are overdue or failing."""
    if not context.section(Learning).enabled:
        return [CheckResult(name="learning", status="ok", detail="switched off (learning.enabled)")]
    return [_tools(context), _owed(context)]


def _tools(context: PluginContext) -> CheckResult:
    names = {each.name for each in context.registry("tools")}
    missing = [tool for tool in (MEMORY_TOOL, SKILL_TOOL) if tool not in names]
    if not missing:
        return CheckResult(name="learning", status="ok", detail="memory and skills can be written")
    return CheckResult(
        name="learning",
        status="warning",
        detail=f"No plugin brings the tool {' or '.join(map(repr, missing))}, so nothing is learnt for it.",
        remedy="`pip install hermes-memory hermes-skills`",
    )


def _owed(context: PluginContext) -> CheckResult:
    folder = context.home / "plugins" / context.plugin / "debts"
    debts = Debts(folder)
    owed = [debt for debt in map(debts.get, debts.ids()) if debt is not None and debt.kinds]
    failed = [debt for debt in owed if debt.error]
    if failed:
        return CheckResult(
            name="learning.reviews",
            status="warning",
            detail=f"{count(len(failed), 'review')} failed, the last one of: {failed[0].error}",
            remedy="See `hermes learning status`; another model can be set in `auxiliary.review`.",
        )
    old = [debt for debt in owed if time.time() - debt.since > _OLD]
    if old:
        return CheckResult(
            name="learning.reviews",
            status="warning",
            detail=f"{count(len(old), 'conversation has', 'conversations have')} waited for more than a week.",
            remedy="`hermes learning review SESSION` makes one now.",
        )
    waiting = count(len(owed), "conversation waits", "conversations wait")
    detail = f"{waiting} for a review" if owed else "nothing is overdue"
    return CheckResult(name="learning.reviews", status="ok", detail=detail)
