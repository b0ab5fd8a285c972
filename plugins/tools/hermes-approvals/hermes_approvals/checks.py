"""Checks for `hermes doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_approvals.audit import AuditLog
from hermes_approvals.rulefile import RuleFile
from hermes_host.cli.listing import count
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["sound"]


async def sound(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the rules can be read, and the audit log is as it was written."""
    rules = RuleFile(context.home).rules()
    found = [
        CheckResult(
            name="approval-rules",
            status="error",
            detail=f"approvals.yaml is broken, so nothing is allowed by it: {problem}",
            remedy=f"Correct {context.home / 'approvals.yaml'}.",
        )
        for problem in rules.problems
    ]
    if not found:
        found = [CheckResult(name="approval-rules", status="ok", detail=f"{count(len(rules.rules), 'rule')}.")]
    decisions, faults = AuditLog(context.home).verify()
    if faults:
        detail = f"{faults[0].file}, line {faults[0].line}: {faults[0].what}."
        remedy = "`hermes approvals log --verify` shows everything."
        return [*found, CheckResult(name="approval-log", status="error", detail=detail, remedy=remedy)]
    detail = f"{count(decisions, 'decision')}, none changed."
    return [*found, CheckResult(name="approval-log", status="ok", detail=detail)]
