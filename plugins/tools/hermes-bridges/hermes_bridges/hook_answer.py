"""What a command hook said, and what of it counts: it can make things stricter, never milder.

The words are those of https://code.claude.com/docs/en/hooks: exit code 2 blocks; with exit code 0 a JSON object may say
more. `allow` and `approve` are no opinion here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from hermes_bridges.hook_process import Ended

__all__ = ["Said", "read_answer"]

_MOST_WORDS = 8_000


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one hook said."""

    verdict: Literal["none", "ask", "deny"] = "none"
    reason: str = ""
    context: str = ""
    """What the model is to know."""
    message: str = ""
    """What the user is to know."""
    failure: str = ""
    """Why nothing can be made of it; empty when something can."""
    ignored: str = ""
    """What it wanted and cannot have here."""


def read_answer(event: str, ended: Ended) -> Said:
    """What to make of how a hook ended."""
    if ended.failure:
        return Said(failure=ended.failure)
    if ended.code == 2:
        return Said(verdict="deny", reason=_cut(ended.errors or ended.output or "A hook refused it."))
    if ended.code:
        words = f": {_cut(ended.errors, 200)}" if ended.errors else ""
        return Said(failure=f"it ended with code {ended.code}{words}")
    if not ended.output.startswith("{"):
        adds = event in ("UserPromptSubmit", "SessionStart")
        return Said(context=_cut(ended.output) if adds else "")
    try:
        document = json.loads(ended.output)
    except (ValueError, RecursionError):
        return Said(failure="its answer is broken JSON")
    return _from_json(event, document)


def _from_json(event: str, document: dict[str, Any]) -> Said:
    inner = document.get("hookSpecificOutput")
    specific: dict[str, Any] = inner if isinstance(inner, dict) else {}
    decision = specific.get("permissionDecision") if event == "PreToolUse" else None
    words = specific.get("permissionDecisionReason") if decision is not None else document.get("reason")
    decision = decision if decision is not None else document.get("decision")
    verdict: Literal["none", "ask", "deny"] = "none"
    failure = ""
    if document.get("continue") is False:
        verdict, words = "deny", document.get("stopReason") or words or "A hook stopped the work."
    elif decision in ("deny", "block"):
        verdict = "deny"
    elif decision in ("ask", "defer"):
        verdict = "ask"
    elif decision not in (None, "", "allow", "approve"):
        failure = f"its decision {decision!r} is not known"
    unheard = [key for key in ("updatedInput", "updatedToolOutput", "updatedMCPToolOutput") if key in specific]
    return Said(
        verdict=verdict,
        reason=_cut(words),
        context=_cut(specific.get("additionalContext")),
        message=_cut(document.get("systemMessage"), 500),
        failure=failure,
        ignored=", ".join(unheard),
    )


def _cut(value: Any, limit: int = _MOST_WORDS) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
