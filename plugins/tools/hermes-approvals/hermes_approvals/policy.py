"""The service `ApprovalPolicy`: rules, then in mode smart a model; and the audit log."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_approvals.audit import AuditLog, Busy
from hermes_approvals.judging import Finding, Judging
from hermes_approvals.rulefile import RuleFile
from hermes_approvals.settings import Settings
from hermes_approvals.surroundings import Surroundings, of_session
from hermes_host.errors import HermesError
from hermes_host.protocols import ApprovalCase, Assessment, Decision
from hermes_host.services import Auxiliary
from hermes_host.visible import exact

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.specs import ServiceSpec

__all__ = ["QUESTION", "Policy", "connect"]

log = logging.getLogger(__name__)

QUESTION = "approvals.question"
"""Where a session's memory holds the last case that somebody was asked about."""
_OWNERS = "cli"
_SAID = "approvals.said"
_CONSENTED = "approvals.consented"
_SHOWN = 4_000
_MOST_OPEN = 1_000


def connect(context: PluginContext, spec: ServiceSpec) -> Policy:
    """The policy of this process."""
    return Policy(context)


class Policy:
    """The user's rules about tool calls."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self.file = RuleFile(context.home)
        self.log = AuditLog(context.home, limit=context.section(Settings).log_bytes)
        self._open: OrderedDict[tuple[str, str], Finding] = OrderedDict()
        self.rehearsals: dict[str, Surroundings] = {}
        """Sessions in which calls are only judged: nothing is logged for them, and no model is asked."""

    # ------------------------------------------------------------------------------------------------- rules

    async def rule(self, case: ApprovalCase) -> Assessment | None:
        """See `hermes_host.services.ApprovalPolicy`."""
        finding = await self._judge(case)
        self._open[case.session_id, case.call.id] = finding
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        return finding.assessment

    async def _judge(self, case: ApprovalCase) -> Finding:
        settings = self._context.section(Settings)
        around = await self._around(case.session_id, settings.mode)
        if around is None:
            raise HermesError(f"There is no live session {case.session_id!r}.")
        rules = self.file.rules()
        if rules.problems:
            self._say(around.session, rules.problems)
        finding = await Judging(case, around, rules, self._context.home).finding()
        verdict = _combined(case.assessment.verdict, finding.assessment)
        if verdict != "ask":
            return finding
        if around.nobody_asked:
            return self._without_asking(case, finding)
        if not case.attended and (around.surface != _OWNERS or case.origin != "owner"):
            finding = _each_time(finding)
        if settings.mode == "smart" and case.session_id not in self.rehearsals:
            return await self._looked_at(case, around, finding, settings.smart_timeout)
        return finding

    async def _around(self, session_id: str, mode: str) -> Surroundings | None:
        return self.rehearsals.get(session_id) or await of_session(self._context, session_id, mode=mode)

    def _say(self, session: SessionContext, problems: tuple[str, ...]) -> None:
        if session.memory.get(_SAID) == problems:
            return
        session.memory[_SAID] = problems
        text = f"{self.file.file} is broken, so nothing is allowed by it: {problems[0]}"
        log.warning("%s", text)
        session.announce(text, level="warning", code="approvals.broken")

    @staticmethod
    def _without_asking(case: ApprovalCase, finding: Finding) -> Finding:
        if case.assessment.verdict != "ask" or case.assessment.rememberable or "process" not in case.effects:
            return finding  # a long text for a file is merely too long to be remembered
        reason = f"{case.assessment.reason} A person has to look at this each time, and here nobody is asked."
        return Finding(Assessment(verdict="deny", reason=reason.strip()), (*finding.rules, "host"))

    async def _looked_at(self, case: ApprovalCase, around: Surroundings, finding: Finding, timeout: float) -> Finding:
        shown = _shown(case)
        consented = around.session.memory.get(_CONSENTED, frozenset())
        if (case.call.name, shown) in consented or around.remembered(case.call.name, shown):
            return finding  # a person's word outranks a model's
        from hermes_approvals.second_look import look

        reason = " ".join(
            filter(None, (case.assessment.reason, finding.assessment.reason if finding.assessment else ""))
        )
        answer = await look(
            await self._context.services.get(Auxiliary),
            case,
            surface=around.surface,
            reason=around.redact(reason),
            shown=around.redact(shown),
            timeout=timeout,
        )
        if answer is None:
            return finding
        if answer.verdict == "deny" or finding.assessment is None:
            return Finding(answer, (*finding.rules, "model"))
        words = f"{finding.assessment.reason} {answer.reason}".strip()
        return Finding(msgspec.structs.replace(finding.assessment, reason=words), (*finding.rules, "model"))

    # --------------------------------------------------------------------------------------------- audit log

    async def decided(self, case: ApprovalCase, verdict: Literal["allow", "deny"], decision: Decision) -> None:
        """See `hermes_host.services.ApprovalPolicy`. Raises `OSError` where the log cannot be written."""
        finding = self._open.pop((case.session_id, case.call.id), Finding())
        if case.session_id in self.rehearsals:
            return
        around = await self._around(case.session_id, "")
        record = _record(case, verdict, decision, finding, around)
        try:
            self.log.append(record, wait=False)
        except Busy:
            await asyncio.to_thread(self.log.append, record)
        if around is not None and decision.by not in ("policy", "rule"):
            memory = around.session.memory
            memory[QUESTION] = case
            if decision.choice in ("session", "always"):
                memory[_CONSENTED] = memory.get(_CONSENTED, frozenset()) | {(case.call.name, _shown(case))}


def _each_time(finding: Finding) -> Finding:
    """What a person allowed with `always` was about a surface where they could see it: it does not count elsewhere."""
    asked = finding.assessment or Assessment(verdict="ask")
    return Finding(msgspec.structs.replace(asked, rememberable=False), finding.rules)


def _record(
    case: ApprovalCase, verdict: str, decision: Decision, finding: Finding, around: Surroundings | None
) -> dict[str, Any]:
    reasons = [case.assessment.reason, finding.assessment.reason if finding.assessment else "", decision.note]
    # Without the session its secrets are not known: then better nothing of the call.
    redact = around.redact if around is not None else lambda text: ""
    shown = redact(_shown(case))
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "session": case.session_id,
        "surface": around.surface if around is not None else case.source,
        "source": case.source,
        "tool": case.call.name,
        "call": case.call.id,
        "shown": shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}… and {len(shown) - _SHOWN} more characters",
        "verdict": verdict,
        "by": decision.by,
        "choice": decision.choice,
        "rules": list(finding.rules),
        "reasons": [redact(reason) for reason in dict.fromkeys(filter(None, reasons))],
        "effects": sorted(case.effects),
        "origin": case.origin,
        "attended": case.attended,
        "terminal": case.terminal,
        "directory": redact(case.directory),
    }


def _combined(judged: str, ruling: Assessment | None) -> str:
    if ruling is None or judged == "deny":
        return judged
    return "deny" if ruling.verdict == "deny" else ruling.verdict if judged == "ask" else max(judged, ruling.verdict)


def _shown(case: ApprovalCase) -> str:
    """The action in full, as the gate shows it to a person."""
    call = case.call
    return exact(case.assessment.shown or call.raw or msgspec.json.encode(call.arguments).decode())
