"""What would happen to a call that is not run: the tool's own judgement, other plugins', rules, remembered consents.

The order is that of the host's gate; a test holds the two to the same verdicts.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_approvals.policy import Policy
from hermes_approvals.rules import RuleVerdict
from hermes_approvals.surroundings import Surroundings, terminals_of
from hermes_host.context import SessionContext, ToolContext
from hermes_host.errors import NotFound, ToolError
from hermes_host.messages import Provenance, ToolCall
from hermes_host.protocols import ApprovalCase, Assessment
from hermes_host.services import ApprovalPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ToolSpec

__all__ = ["UNATTENDED", "Outcome", "rehearse"]

UNATTENDED = frozenset({"api", "api_server", "background", "batch", "cron", "webhook"})
"""Surfaces where nobody can be asked."""

_LIMIT = 5.0
_HARMLESS = frozenset({"read", "net", "ask"})
_STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen."""

    verdict: RuleVerdict
    reasons: tuple[str, ...] = ()
    shown: str = ""
    surface: str = ""


async def rehearse(
    host: Host,
    tool: str,
    arguments: dict[str, Any],
    *,
    surface: str = "cli",
    attended: bool = True,
    directory: str = "",
    terminal: str = "",
    origin: Provenance = "owner",
) -> Outcome:
    """Judge a call as the gate would. Raises `NotFound` for an unknown tool and `ToolError` for wrong arguments."""
    contribution = host.tools.get(tool)
    if terminal:
        host.terminal_backends.get(terminal)
    session = SessionContext(
        f"rehearsal-{secrets.token_hex(6)}",
        directory=host.start_directory(directory),
        source=surface,
        terminal=terminal,
    )
    off = host.config.section("approvals").mode == "off"
    around = Surroundings(session, surface, terminals_of(host), host.secrets.redact, nobody_asked=off)
    policy = await host.services.get(ApprovalPolicy)
    if not isinstance(policy, Policy):
        raise NotFound("Another plugin keeps the approval rules.", remedy="See `hermes plugins list`.")
    policy.rehearsals[session.id] = around
    try:
        case = await _case(host, contribution, arguments, around, attended, origin)
        return _outcome(host, case, await policy.rule(case), off)
    finally:
        del policy.rehearsals[session.id]
        if around.terminals is not None:
            await around.terminals.close(session.id)


async def _case(
    host: Host,
    tool: Contribution[ToolSpec],
    arguments: dict[str, Any],
    around: Surroundings,
    attended: bool,
    origin: Provenance,
) -> ApprovalCase:
    parameters = host.parameters(tool)
    if parameters is None:
        raise ToolError(f"The tool {tool.name!r} is broken.", remedy="See `hermes plugins list`.")
    checked = parameters.check(arguments)
    call = ToolCall(id="rehearsal", name=tool.name, arguments=arguments)
    context = ToolContext(
        host.context(tool.plugin),
        around.session,
        call_id=call.id,
        tool=tool.name,
        terminals=around.terminals,
        effects=tool.spec.effects,
        origin=lambda: origin,
    )
    assessments = [await _own(host, tool, checked, context), *await _others(host, call, around, tool)]
    return ApprovalCase(
        session_id=around.session.id,
        source=around.surface,
        call=call,
        effects=tool.spec.effects,
        assessment=max(assessments, key=lambda each: (_STRICTNESS[each.verdict], not each.rememberable)),
        origin=origin,
        terminal=around.terminal if "process" in tool.spec.effects else "",
        directory=around.session.directory,
        attended=attended,
    )


async def _own(host: Host, tool: Contribution[ToolSpec], checked: Any, context: ToolContext) -> Assessment:
    if not tool.spec.assess:
        effects = ", ".join(sorted(tool.spec.effects - _HARMLESS))
        if not effects:
            return Assessment(verdict="allow")
        return Assessment(verdict="ask", reason=f"The tool {tool.name!r} can have effects: {effects}.")
    try:
        assessment = await host.target(tool, tool.spec.assess)(checked, context)
    except Exception as error:  # noqa: BLE001 - as at the gate: what cannot be judged is asked about
        return Assessment(verdict="ask", reason=f"The tool {tool.name!r} could not judge this call ({error}).")
    if isinstance(assessment, Assessment):
        return assessment
    return Assessment(verdict="ask", reason=f"The tool {tool.name!r} gave no usable judgement of this call.")


async def _others(
    host: Host, call: ToolCall, around: Surroundings, tool: Contribution[ToolSpec]
) -> Sequence[Assessment]:
    found = []
    values = {"call": call, "session": around.session, "effects": tool.spec.effects}
    for hook in host.plugins.implementations("hermes_assess_tool_call"):
        try:
            async with asyncio.timeout(_LIMIT):
                judged = hook.call(values)
                judged = await judged if inspect.isawaitable(judged) else judged
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            judged = Assessment(
                verdict="ask", reason=f"Plugin {hook.record.name!r} could not judge this call ({error})."
            )
        if isinstance(judged, Assessment):
            found.append(judged)
    return found


def _outcome(host: Host, case: ApprovalCase, ruling: Assessment | None, off: bool) -> Outcome:
    judged = case.assessment
    verdict: RuleVerdict = judged.verdict
    reasons = [judged.reason]
    if ruling is not None and judged.verdict != "deny":
        answered = judged.verdict == "ask" and judged.rememberable and ruling.verdict == "allow"
        if answered:
            verdict, reasons = "allow", [ruling.reason]
        elif _STRICTNESS[ruling.verdict] >= _STRICTNESS[judged.verdict]:
            verdict = ruling.verdict
            reasons = [ruling.reason, judged.reason]
    if verdict == "ask":
        rememberable = judged.rememberable and (ruling is None or ruling.rememberable)
        if rememberable and _key(case) in host.rules:
            verdict, reasons = "allow", ["It was allowed with `always`."]
        elif off:
            verdict, reasons = "allow", ["`approvals.mode` is off: nobody is asked."]
        elif not case.attended:
            verdict = "deny"
            reasons.append(f"Nobody can be asked on {case.source}; a rule for that surface could allow it.")
    shown = judged.shown or msgspec.json.encode(case.call.arguments).decode()
    return Outcome(
        verdict=verdict, reasons=tuple(dict.fromkeys(filter(None, reasons))), shown=shown, surface=case.source
    )


def _key(case: ApprovalCase) -> str:
    """How the host fingerprints an action that was allowed with `always`."""
    identity: Any = [case.call.name, case.call.arguments, case.terminal]
    return hashlib.sha256(msgspec.json.encode(identity, order="deterministic")).hexdigest()
