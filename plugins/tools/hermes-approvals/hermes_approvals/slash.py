"""`/approvals`: rules from within a conversation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from hermes_approvals.commands import add_exact, described
from hermes_approvals.patterns import quoted
from hermes_approvals.policy import QUESTION
from hermes_approvals.programs import plain_calls
from hermes_approvals.rulefile import RuleFile
from hermes_host.visible import exact

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall
    from hermes_host.protocols import ApprovalCase

__all__ = ["approvals"]

_USAGE = "Use `/approvals`, `/approvals add [NAME]` or `/approvals remove NAME`."


async def approvals(call: SlashCall) -> str:
    """`/approvals [list | add [NAME] | remove NAME]`."""
    file = RuleFile(call.host.home)
    words = call.arguments.split()
    match words:
        case [] | ["list"]:
            return _listed(file, call)
        case ["add"] | ["add", _]:
            return _added(file, call, words[1] if len(words) > 1 else "")
        case ["remove", name]:
            file.remove(name)
            return f"Removed the rule `{name}`."
        case _:
            return _USAGE


def _listed(file: RuleFile, call: SlashCall) -> str:
    rules = file.rules()
    lines = [f"**approvals.yaml is broken, so nothing is allowed by it:** {problem}" for problem in rules.problems]
    now = datetime.now().astimezone()
    for rule in rules.rules:
        pattern, only = described(rule, now)
        lines.append(f"- `{rule.name}`: {rule.verdict} {rule.tool} `{exact(pattern)}` {exact(only)}".rstrip())
    remembered = len(call.host.rules.list())
    if remembered:
        lines.append(f"\n{remembered} actions are allowed with `always`; `hermes approvals list` shows them.")
    return "\n".join(lines) or "There are no rules: every action that needs consent is asked about."


def _added(file: RuleFile, call: SlashCall, name: str) -> str:
    case: ApprovalCase | None = call.session.context.memory.get(QUESTION)
    if case is None:
        return "Nothing has been asked about in this conversation yet."
    command = (case.call.arguments or {}).get("command")
    calls = plain_calls(command) if case.call.name == "terminal" and isinstance(command, str) else []
    if not calls or not case.assessment.rememberable:
        return (
            "The last question was not about plain commands, so no rule is made of it. Answer `always` where that is "
            "offered, or write a rule with `hermes approvals add`."
        )
    rule = add_exact(
        file,
        patterns=list(dict.fromkeys(quoted(words) for words in calls)),
        surface=case.source,
        terminal=case.terminal,
        name=name,
    )
    commands = ", ".join(f"`{exact(text)}`" for text in rule.command)
    return (
        f"Added the rule `{rule.name}`: allow {commands} on {case.source}. `/approvals remove {rule.name}` undoes it."
    )
