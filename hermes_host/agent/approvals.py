"""The approval gate: the one path on which every surface's tool calls are judged, asked about, allowed or refused.

Order: the tool's own assessment (without one, its effects), then every plugin's, the strictest counts; a denial is
final; the user's own policy, where a plugin has one, may make it stricter, or answer an ask; else an ask is answered by
a remembered rule, by `--yolo`, or by a person; where nobody can be asked, and when time runs out, the answer is no. A
remembered rule holds for exactly one tool with exactly the same arguments on the same backend.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import HermesError
from hermes_host.events import ApprovalDecided, ApprovalRequested, Event
from hermes_host.protocols import ApprovalCase, ApprovalChoice, ApprovalRequest, Approver, Assessment, Decision
from hermes_host.visible import exact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from hermes_host.messages import Provenance, ToolCall
    from hermes_host.services import ApprovalPolicy
    from hermes_host.specs import ToolSpec

__all__ = ["ApprovalGate", "Rule", "Rules", "Verdict", "by_effects", "strictest"]

log = logging.getLogger(__name__)

HARMLESS = frozenset({"read", "net", "ask"})
"""Effects that need no consent by themselves."""

SHOWN_LIMIT = 4_000
"""An action longer than this many characters cannot be approved for more than once: nobody reads it whole."""

POLICY_LIMIT = 60.0
"""Seconds the user's policy may take for one call: it may ask a model."""

_STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """An action that is always allowed. `key` stands for tool, arguments and backend."""

    key: str
    tool: str
    shown: str
    added: float


class Rules:
    """The rules a person has chosen to keep, in `approvals.json` of the home directory."""

    def __init__(self, home: Path) -> None:
        self.file = home / "approvals.json"
        self._read_at: int | None = None
        self._rules: dict[str, Rule] = {}

    def list(self) -> Sequence[Rule]:
        """All rules, oldest first."""
        self._refresh()
        return sorted(self._rules.values(), key=lambda rule: rule.added)

    def __contains__(self, key: object) -> bool:
        self._refresh()
        return key in self._rules

    def add(self, rule: Rule) -> None:
        """Keep a rule."""
        self._refresh()
        self._write({**self._rules, rule.key: rule})

    def remove(self, prefix: str) -> Sequence[Rule]:
        """Forget the rules whose key begins with `prefix`; gives those that are gone."""
        self._refresh()
        gone = [rule for rule in self._rules.values() if rule.key.startswith(prefix)]
        if gone:
            self._write({key: rule for key, rule in self._rules.items() if rule not in gone})
        return gone

    def _refresh(self) -> None:
        try:
            changed = self.file.stat().st_mtime_ns
        except FileNotFoundError:
            self._rules, self._read_at = {}, None
            return
        if changed == self._read_at:
            return
        try:
            rules = msgspec.json.decode(self.file.read_bytes(), type=list[Rule])
        except msgspec.MsgspecError:
            rules = []  # an unreadable file allows nothing; it is not overwritten before a person adds a rule
        self._rules, self._read_at = {rule.key: rule for rule in rules}, changed

    def _write(self, rules: dict[str, Rule]) -> None:
        private_directory(self.file.parent)
        temporary = self.file.with_name(f".approvals-{secrets.token_hex(4)}")
        data = msgspec.json.format(msgspec.json.encode(list(rules.values())), indent=1)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        temporary.replace(self.file)
        self._rules, self._read_at = rules, self.file.stat().st_mtime_ns


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate decided. `message` is for the model when it is no."""

    allowed: bool
    message: str = ""


def by_effects(spec: ToolSpec) -> Assessment:
    """The judgement of a tool that does not judge its own calls."""
    if spec.effects <= HARMLESS:
        return Assessment(verdict="allow")
    effects = ", ".join(sorted(spec.effects - HARMLESS))
    return Assessment(verdict="ask", reason=f"The tool {spec.name!r} can have effects: {effects}.")


def strictest(assessments: Sequence[Assessment]) -> Assessment:
    """The one that counts: deny, then ask each time, then ask; the first of equals."""
    return max(assessments, key=lambda item: (_STRICTNESS[item.verdict], not item.rememberable))


class ApprovalGate:
    """Decides about calls of one session."""

    def __init__(
        self,
        *,
        session_id: str,
        rules: Rules,
        approver: Approver | None,
        yolo: bool = False,
        timeout: float = 60.0,
        source: str = "",
        leader: ApprovalGate | None = None,
        policy: Callable[[], Awaitable[ApprovalPolicy | None]] | None = None,
        emit: Callable[[Event], None] = lambda event: None,
    ) -> None:
        """`leader` is the gate of a session this one works for: what is allowed for one holds for both. `policy` finds
        the user's own rules, if a plugin has some."""
        self._source = source
        self._policy = policy
        self._session_id = session_id
        self._rules = rules
        self._approver = approver
        self._yolo = yolo
        self.timeout = timeout
        """Seconds a person has for an answer; a surface where people are asked later than at a screen sets its own."""
        self._session_rules: set[str] = leader._session_rules if leader is not None else set()
        self.emit = emit

    @property
    def attended(self) -> bool:
        """Whether a person can be asked."""
        return self._approver is not None

    async def decide(
        self,
        call: ToolCall,
        assessments: Sequence[Assessment],
        *,
        effects: frozenset[str] = frozenset(),
        origin: Provenance = "owner",
        terminal: str = "",
        directory: str = "",
    ) -> Verdict:
        """Whether `call` may run."""
        case = ApprovalCase(
            session_id=self._session_id,
            source=self._source,
            call=call,
            effects=effects,
            assessment=strictest(assessments),
            origin=origin,
            terminal=terminal,
            directory=directory,
            attended=self.attended,
        )
        policy = await self._policy() if self._policy is not None else None
        ruling = await _rule(policy, case) if policy is not None else None
        assessment = _combined(case.assessment, ruling)
        if assessment.verdict == "ask":
            decision = await self._ask(case, assessment)
        else:
            by = "policy" if assessment is case.assessment else "rule"
            decision = Decision(choice="once" if assessment.verdict == "allow" else "deny", by=by)
        verdict: Literal["allow", "deny"] = "deny" if decision.choice == "deny" else "allow"
        if policy is not None and not await _told(policy, case, verdict, decision):
            return Verdict(allowed=False, message="Denied: the decision could not be written to the audit log.")
        if verdict == "allow":
            return Verdict(allowed=True)
        if assessment.verdict == "deny":
            reason = assessment.reason or "It is not allowed."
            return Verdict(allowed=False, message=f"Denied by policy: {reason} Do not try to get around it.")
        return Verdict(allowed=False, message=_refusal(decision, assessment))

    async def _ask(self, case: ApprovalCase, assessment: Assessment) -> Decision:
        key = call_key(case.call, case.terminal)
        request = self._request(case.call, assessment, case.terminal, case.directory)
        decision = await self._answer(key, request)
        self.emit(ApprovalDecided(request_id=request.id, call_id=case.call.id, verdict=decision.choice, by=decision.by))
        if decision.choice != "deny":
            self._remember(decision.choice, key, request)
        return decision

    def _request(self, call: ToolCall, assessment: Assessment, terminal: str, directory: str) -> ApprovalRequest:
        shown = exact(assessment.shown or call.raw or msgspec.json.encode(call.arguments).decode())
        choices: tuple[ApprovalChoice, ...] = ("once", "session", "always", "deny")
        if not assessment.rememberable or len(shown) > SHOWN_LIMIT:
            choices = ("once", "deny")
        return ApprovalRequest(
            id=secrets.token_hex(8),
            session_id=self._session_id,
            call=call,
            shown=shown,
            reason=exact(assessment.reason),
            choices=choices,
            timeout=self.timeout,
            terminal=terminal,
            directory=exact(directory),
        )

    async def _answer(self, key: str, request: ApprovalRequest) -> Decision:
        if "session" in request.choices and (key in self._session_rules or key in self._rules):
            return Decision(choice="once", by="rule")
        if self._yolo:
            return Decision(choice="once", by="yolo")
        if self._approver is None:
            return Decision(choice="deny", by="nobody")
        self.emit(
            ApprovalRequested(
                request_id=request.id,
                call_id=request.call.id,
                tool=request.call.name,
                shown=request.shown,
                reason=request.reason,
            )
        )
        try:
            async with asyncio.timeout(request.timeout):
                decision = await self._approver.decide(request)
        except TimeoutError:
            return Decision(choice="deny", by="timeout")
        if decision.choice not in request.choices:
            return Decision(choice="deny", by=decision.by, note="That answer was not among the choices.")
        return decision

    def _remember(self, choice: ApprovalChoice, key: str, request: ApprovalRequest) -> None:
        if choice == "session":
            self._session_rules.add(key)
        elif choice == "always":
            self._rules.add(Rule(key=key, tool=request.call.name, shown=request.shown, added=time.time()))


async def _rule(policy: ApprovalPolicy, case: ApprovalCase) -> Assessment | None:
    try:
        async with asyncio.timeout(POLICY_LIMIT):
            return await policy.rule(case)
    except Exception as error:
        log.warning("the approval policy failed", exc_info=error)
        if not isinstance(error, HermesError):
            return Assessment(verdict="ask", reason="The approval rules could not be read.")
        told = str(error) in case.assessment.reason
        return Assessment(verdict="ask", reason="" if told else f"The approval rules could not be applied: {error}")


def _combined(judged: Assessment, ruling: Assessment | None) -> Assessment:
    if ruling is None:
        return judged
    if ruling.verdict == "allow":
        return ruling if judged.verdict == "ask" and judged.rememberable else judged
    if _STRICTNESS[ruling.verdict] > _STRICTNESS[judged.verdict]:
        return msgspec.structs.replace(ruling, shown=ruling.shown or judged.shown)
    if ruling.verdict == judged.verdict == "ask":
        return msgspec.structs.replace(
            judged,
            reason=f"{judged.reason} {ruling.reason}".strip(),
            rememberable=judged.rememberable and ruling.rememberable,
        )
    return judged


async def _told(
    policy: ApprovalPolicy, case: ApprovalCase, verdict: Literal["allow", "deny"], decision: Decision
) -> bool:
    try:
        async with asyncio.timeout(POLICY_LIMIT):
            await policy.decided(case, verdict, decision)
    except Exception as error:
        log.warning("the approval policy could not be told of a decision", exc_info=error)
        return False
    return True


def call_key(call: ToolCall, terminal: str) -> str:
    """A fingerprint of exactly this action."""
    identity: Any = [call.name, call.arguments, terminal]
    return hashlib.sha256(msgspec.json.encode(identity, order="deterministic")).hexdigest()


def _refusal(decision: Decision, assessment: Assessment) -> str:
    why = assessment.reason or "It needs consent."
    if decision.by == "nobody":
        return f"Denied: this needs a person's consent and nobody can be asked here. {why} Find another way or say so."
    if decision.by == "timeout":
        return f"Denied: nobody answered in time. {why}"
    note = f" They say: {decision.note}" if decision.note else ""
    return f"The user denied this call. {why}{note} Do not repeat it."
