"""Consent and questions, put to the person at the client by a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.protocols import Decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.protocols import ApprovalChoice, ApprovalRequest, Question
    from hermes_mcp_server.caller import Caller

__all__ = ["ClientApprover", "ClientQuestioner"]

_WORDS = {"once": "Allow this once", "session": "Allow this for the rest of the session", "deny": "Deny"}
"""What a client may decide. What holds for good is decided at the host itself."""


class ClientApprover:
    """Asks for consent through whoever made the call."""

    def __init__(self, find: Callable[[str], Caller | None], *, lasting: bool = True) -> None:
        """`find` gives the caller behind a tool call's id; without `lasting` there is no session to allow it for."""
        self._find = find
        self._words = [word for word in _WORDS if lasting or word != "session"]

    async def decide(self, request: ApprovalRequest) -> Decision:
        """The person's answer; no where nobody can be asked, or no answer is to be had."""
        caller = self._find(request.call.id)
        choices: list[ApprovalChoice] = [choice for choice in request.choices if choice in self._words]
        if caller is None or not caller.can_elicit:
            return Decision(choice="deny", by="nobody")
        options = [{"const": choice, "title": _WORDS[choice]} for choice in choices]
        answer = await caller.elicit(_text(request), _form("decision", "Decision", {"oneOf": options}))
        if answer is None:
            return Decision(choice="deny", by="nobody")
        chosen = (answer.content or {}).get("decision") if answer.action == "accept" else "deny"
        return Decision(choice=next((known for known in choices if known == chosen), "deny"))


class ClientQuestioner:
    """Puts a tool's question to the person at the client."""

    def __init__(self, find: Callable[[str], Caller | None]) -> None:
        self._find = find

    async def ask(self, question: Question) -> str | None:
        """The answer, or None. A secret is not asked for: a form cannot hide what is typed."""
        caller = self._find(question.id)
        if caller is None or question.secret:
            return None
        field: dict[str, Any] = {}
        if question.choices:
            field["description"] = f"One of: {', '.join(question.choices)}; or something else."
        answer = await caller.elicit(question.text, _form("answer", "Answer", field))
        if answer is None or answer.action != "accept":
            return None
        given = (answer.content or {}).get("answer")
        return given if isinstance(given, str) else None


def _text(request: ApprovalRequest) -> str:
    lines = [f"Allow the tool {request.call.name!r} to act?", "", request.shown]
    if request.reason:
        lines += ["", request.reason]
    if request.terminal:
        lines += ["", f"Where: {request.terminal}, in {request.directory}"]
    return "\n".join(lines)


def _form(name: str, title: str, field: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string", "title": title, **field}}, "required": [name]}
