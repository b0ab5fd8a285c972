"""What the user's rules and the audit log cost each tool call."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hermes_terminal.judge import judge
from hermes_terminal.places import Place

from bench.measure import Row
from hermes_host.messages import ToolCall
from hermes_host.protocols import ApprovalCase, Assessment, Decision
from hermes_host.services import ApprovalPolicy
from hermes_host.testing import StandInHost

PLUGINS = ("approvals", "files", "local", "terminal")
CALLS = 100
COMMANDS = (
    "git push origin main",
    "git add -A && git commit -m 'a message of some words' && git push",
    "find . -name '*.py' -not -path './.venv/*' | xargs grep -n foo | sort | uniq -c",
    "for f in a b c; do if [ -f $f ]; then unknown $f; fi; done",
    "cd sub && FOO=1 make test 2>&1 | tail -20; unknown --option value",
)


def measure(runs: int) -> list[Row]:
    """Processor time for one call: with 50 rules of all kinds, and for writing the decision down.

    What else runs on the machine can only add: the least of all runs counts.
    """
    return asyncio.run(_measure(max(5, runs)))


async def _measure(runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        home = Path(folder, "home")
        home.mkdir(mode=0o700)
        home.joinpath("approvals.yaml").write_text(_rules(), encoding="utf-8")
        environ = {"PATH": os.environ["PATH"], "HOME": folder}
        async with StandInHost(home, plugins=PLUGINS, environ=environ) as host:
            host.script()
            session = await host.start(directory=folder)
            policy = await host.services.get(ApprovalPolicy)
            place = Place(folder, folder, str(home))
            cases = [_case(session.id, text, folder) for text in COMMANDS]
            judged: list[float] = []
            ruled: list[float] = []
            logged: list[float] = []
            for _ in range(runs):
                gc.collect()
                judged.append(_floor(place))
                ruled.append(await _ruled(policy, cases))
                logged.append(await _logged(policy, cases))
    floor = min(judged)
    return [
        Row("approvals: one command against 50 rules, CPU", min(ruled), "ms", 1.0, floor, "the judge alone", "ms"),
        Row("approvals: one line of the audit log, CPU", min(logged), "ms", 0.5),
    ]


def _rules() -> str:
    allow = [f"  allow-{n}: {{verdict: allow, command: program{n} run *, surfaces: any}}" for n in range(30)]
    deny = [f"  deny-{n}: {{verdict: deny, command: program{n} --force}}" for n in range(18)]
    push = "  push: {verdict: allow, command: git push ..., surfaces: any}"
    mail = "  mail: {verdict: ask, tool: 'send_*', arguments: {to: '*@example.org'}}"
    lines = ["rules:", *allow, *deny, push, mail]
    return "\n".join(lines)


def _case(session_id: str, text: str, directory: str) -> ApprovalCase:
    return ApprovalCase(
        session_id=session_id,
        source="cli",
        call=ToolCall(id="bench", name="terminal", arguments={"command": text}),
        effects=frozenset({"process"}),
        assessment=Assessment(verdict="ask", reason="It is asked about.", shown=text),
        terminal="local",
        directory=directory,
    )


def _floor(place: Place) -> float:
    began = time.process_time()
    for number in range(CALLS):
        judge(COMMANDS[number % len(COMMANDS)], place)
    return (time.process_time() - began) * 1000 / CALLS


async def _ruled(policy: ApprovalPolicy, cases: Sequence[ApprovalCase]) -> float:
    began = time.process_time()
    for number in range(CALLS):
        await policy.rule(cases[number % len(cases)])
    return (time.process_time() - began) * 1000 / CALLS


async def _logged(policy: ApprovalPolicy, cases: Sequence[ApprovalCase]) -> float:
    decision = Decision(choice="once")
    began = time.process_time()
    for number in range(CALLS):
        await policy.decided(cases[number % len(cases)], "allow", decision)
    return (time.process_time() - began) * 1000 / CALLS
