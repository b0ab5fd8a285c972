"""The user's own approval rules, as a plugin offers them: milder only where a person would be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hermes_host.errors import SessionError
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.protocols import ApprovalCase, Assessment, Decision
from hermes_host.services import ApprovalPolicy
from hermes_host.testing import ScriptedApprover, StandInHost, events_of, finished


class Policy:
    def __init__(self, answer: Assessment | Exception | None, *, full_disk: bool = False) -> None:
        self.answer, self.full_disk = answer, full_disk
        self.cases: list[ApprovalCase] = []
        self.log: list[tuple[str, str, str]] = []

    async def rule(self, case: ApprovalCase) -> Assessment | None:
        self.cases.append(case)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def decided(self, case: ApprovalCase, verdict: str, decision: Decision) -> None:
        if self.full_disk:
            raise OSError("no space left")
        self.log.append((case.call.name, verdict, decision.by))


@pytest.fixture
def done(host: StandInHost) -> list[str]:
    found: list[str] = []

    @host.tool(effects=("read",))
    async def look() -> str:
        """Look."""
        found.append("look")
        return "seen"

    @host.tool(effects=("write",))
    async def act() -> str:
        """Act."""
        found.append("act")
        return "acted"

    return found


async def use(host: StandInHost, policy: Policy, tool: str, *answers: Any, **options: Any) -> ScriptedApprover:
    host.services.provide(ApprovalPolicy, policy)
    host.script(assistant_message(ToolCall(id="1", name=tool, arguments={})), "ok")
    approver = ScriptedApprover(*answers)
    session = await host.start(approver=approver if answers else None, **options)
    assert finished(await events_of(session.run("go"))).outcome == "completed"
    return approver


async def test_a_rule_answers_in_a_persons_place(host: StandInHost, done: list[str]) -> None:
    policy = Policy(Assessment(verdict="allow", reason="writing is fine here"))
    await use(host, policy, "act", source="cron")
    assert done == ["act"]
    assert policy.log == [("act", "allow", "rule")]
    (case,) = policy.cases
    assert (case.source, case.attended, case.effects, case.origin) == ("cron", False, frozenset({"write"}), "owner")


async def test_a_rule_makes_a_harmless_call_wait(host: StandInHost, done: list[str]) -> None:
    policy = Policy(Assessment(verdict="ask", reason="somebody is looking"))
    approver = await use(host, policy, "look", "once")
    assert [request.reason for request in approver.requests] == ["somebody is looking"]
    assert done == ["look"]


async def test_a_denying_rule_wins_over_yolo(host: StandInHost, done: list[str]) -> None:
    policy = Policy(Assessment(verdict="deny", reason="closed"))
    await use(host, policy, "act", yolo=True)
    assert done == []
    assert policy.log == [("act", "deny", "rule")]


async def test_a_rule_lifts_no_denial_and_no_question_that_must_be_put(host: StandInHost, done: list[str]) -> None:
    verdicts = iter(
        [
            Assessment(verdict="deny", reason="never"),
            Assessment(verdict="ask", reason="each time", rememberable=False),
        ]
    )

    class Judge:
        from hermes_host import hookimpl

        @hookimpl
        def hermes_assess_tool_call(self) -> Assessment:
            return next(verdicts)

    host.add_plugin("judge", Judge())
    policy = Policy(Assessment(verdict="allow"))
    host.services.provide(ApprovalPolicy, policy)
    call = assistant_message(ToolCall(id="1", name="act", arguments={}))
    host.script(call, "ok", call, "ok")
    session = await host.start()
    await events_of(session.run("go"))
    await events_of(session.run("go"))
    assert done == []
    assert policy.log == [("act", "deny", "policy"), ("act", "deny", "nobody")]


async def test_rules_that_cannot_be_read_ask_a_person(host: StandInHost, done: list[str]) -> None:
    approver = await use(host, Policy(ValueError("broken")), "look", "once")
    assert "could not be read" in approver.requests[0].reason


async def test_what_tool_and_rules_lack_alike_is_said_once(
    host: StandInHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "judge_without_terminal.py").write_text(
        "from hermes_host.errors import SessionError\n"
        "async def judge(arguments, context):\n"
        "    raise SessionError(\"Commands start in 'nowhere'.\", remedy='Set `terminal.cwd`.')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)

    @host.tool(effects=("process",), assess="judge_without_terminal:judge")
    async def run() -> str:
        """Run."""
        return "ran"

    broken = SessionError("Commands start in 'nowhere'.", remedy="Set `terminal.cwd`.")
    approver = await use(host, Policy(broken), "run", "deny")
    assert approver.requests[0].reason == (
        "The tool 'run' could not judge this call: Commands start in 'nowhere'. Set `terminal.cwd`."
    )


async def test_rules_that_cannot_be_applied_say_why(host: StandInHost, done: list[str]) -> None:
    approver = await use(host, Policy(SessionError("There is no terminal.")), "look", "once")
    assert approver.requests[0].reason == "The approval rules could not be applied: There is no terminal."
    assert done == ["look"]


async def test_nothing_runs_that_cannot_be_written_to_the_audit_log(host: StandInHost, done: list[str]) -> None:
    await use(host, Policy(None, full_disk=True), "look")
    assert done == []
