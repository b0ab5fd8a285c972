"""The last answer of a turn: what each step gave, or where it stopped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermes_offline.answers import FileText, listed, quoted, shown, told
from hermes_offline.conversation import text_of_result
from hermes_offline.forms import FORMS
from hermes_offline.plan import Plan, PlannedStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.messages import ToolResult
    from hermes_host.protocols import ToolDefinition

__all__ = ["WHAT_I_AM", "help_text", "report", "stopped"]

WHAT_I_AM = "I am the built-in offline provider, not a language model: I turn a few plain commands into tool calls."


def report(plan: Plan, results: Sequence[ToolResult | None], tools: Sequence[ToolDefinition], advice: str) -> str:
    """What all steps gave, in order. A file read only to answer a question about it is not shown."""
    asked_about = {step.source for step in plan.steps}
    parts = [
        _step(step, results[step.source if step.source >= 0 else index], tools, advice)
        for index, step in enumerate(plan.steps)
        if index not in asked_about
    ]
    return "\n\n".join(parts)


def stopped(plan: Plan, results: Sequence[ToolResult | None], tools: Sequence[ToolDefinition]) -> str:
    """What the steps before a failure gave, the failure, and what was left undone."""
    index = len(results) - 1
    failed, result = plan.steps[index], results[index]
    done = Plan(plan.steps[:index])
    parts = [report(done, results, tools, "")] if done.steps else []
    assert failed.call is not None and result is not None
    parts.append(f"`{failed.call.tool}` failed:\n\n{quoted(text_of_result(result), otherwise='It did not say why.')}")
    left = [step.step.text for step in plan.steps[index + 1 :] if step.step.text != failed.step.text]
    if left:
        parts.append("I stopped there. Not done: " + "; ".join(f"“{text}”" for text in dict.fromkeys(left)) + ".")
    return "\n\n".join(parts)


def help_text(advice: str) -> str:
    """Every kind of sentence with an example."""
    examples = [f"- {_as_code(form.example)}" for form in FORMS if form.action not in ("greet", "thank", "help", "who")]
    parts = [WHAT_I_AM, "I understand sentences like these:", "\n".join(examples)]
    parts.append("Join several with `then`, `and`, `;` or new lines; “it” is the file last spoken of.")
    return "\n\n".join([*parts, advice]).rstrip()


def _step(
    planned: PlannedStep,
    result: ToolResult | None,
    tools: Sequence[ToolDefinition],
    advice: str,
) -> str:
    step = planned.step
    if planned.call is None and planned.source < 0:
        return _talk(step.action, tools, advice)
    output = text_of_result(result) if result is not None else ""
    path = step.values.get("path", "")
    match step.action:
        case "list":
            return listed(path, output)
        case "find":
            return _found(f"files named `{step.values['pattern']}`", path, output)
        case "search":
            return _found(f"“{step.values['pattern']}”", path, output)
        case "read":
            return shown(path, FileText.of(output))
        case "tell":
            return told(step.values["what"], path, FileText.of(output), step.values.get("topic", ""))
        case "summarise":
            return told("summary", path, FileText.of(output))
        case "write":
            return f"I wrote `{path}`."
        case "append":
            return f"I added a line to `{path}`."
        case "replace":
            return f"I replaced “{step.values['old']}” with “{step.values['new']}” in `{path}`."
        case "remember":
            return "I noted that."
        case "run":
            return f"`{step.values['command']}`:\n\n{quoted(output)}"
        case _:
            assert planned.call is not None
            return f"`{planned.call.tool}` gave:\n\n{quoted(output)}"


def _found(what: str, path: str, output: str) -> str:
    where = "here" if path in ("", ".") else f"in `{path}`"
    if not output.strip() or re.match(r"\[?(?:no|0) (?:match|file|result)", output.strip(), re.IGNORECASE):
        return f"I found no {what} {where}."
    return f"Found {where}, looking for {what}:\n\n{quoted(output)}"


def _talk(action: str, tools: Sequence[ToolDefinition], advice: str) -> str:
    if action == "tools":
        if not tools:
            return "This conversation has no tools. `hermes tools list` shows what is installed."
        return "My tools:\n\n" + "\n".join(f"- `{tool.name}`: {_first_sentence(tool.summary)}" for tool in tools)
    if action == "greet":
        return f"Hello. {WHAT_I_AM} Say `help` to see them."
    if action == "thank":
        return "You are welcome."
    return help_text(advice)


def _as_code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _first_sentence(text: str) -> str:
    return text.split("\n")[0].split(". ")[0].rstrip(".") + "."
