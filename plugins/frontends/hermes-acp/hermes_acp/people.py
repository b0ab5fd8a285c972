"""The person at the editor: asked for consent, and asked questions. Each conversation has its own; none can cross."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hermes_acp.diffs import locations, preview
from hermes_acp.editor import EditorGone
from hermes_acp.modes import BYPASS
from hermes_acp.toolcalls import kind_of, title_of
from hermes_host.protocols import Decision
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_acp.conversation import Conversation
    from hermes_host.protocols import ApprovalRequest, Question

__all__ = ["Person"]

_OPTIONS = {
    "once": ("Allow once", "allow_once"),
    "session": ("Allow for this conversation", "allow_always"),
    "always": ("Always allow", "allow_always"),
    "deny": ("Deny", "reject_once"),
}

_ANSWERS = 20
"""Choices a question may have where they become buttons."""


class Person:
    """Implements `Approver` and `Questioner` for one conversation. Silence, a lost connection and nonsense mean no."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def decide(self, request: ApprovalRequest) -> Decision:
        """What the person says. The host ends the wait after `request.timeout`; a later answer finds nobody."""
        conversation = self._conversation
        if conversation.mode == BYPASS:
            return Decision(choice="once", by="mode")
        own = conversation.session is not None and request.session_id == conversation.session.id
        if own:
            await conversation.reached(request.id)
        call = self._described(request, own)
        if not own:
            # The call of a subagent: the editor has not heard of it, and never hears of its end otherwise.
            await conversation.update({"sessionUpdate": "tool_call", **call})
        decision = Decision(choice="deny", by="nobody")
        try:
            decision = await self._asked(request, call)
        finally:
            if not own:
                status = "failed" if decision.choice == "deny" else "completed"
                ended = {"sessionUpdate": "tool_call_update", "toolCallId": call["toolCallId"], "status": status}
                conversation.spawn(conversation.update(ended))
        return decision

    async def _asked(self, request: ApprovalRequest, call: dict[str, Any]) -> Decision:
        options = [
            {"optionId": choice, "name": _OPTIONS[choice][0], "kind": _OPTIONS[choice][1]} for choice in request.choices
        ]
        chosen = await self._choose(call, options)
        found = next((choice for choice in request.choices if choice == chosen), None)
        return Decision(choice=found, by="person") if found else Decision(choice="deny", by="nobody")

    async def _choose(self, call: dict[str, Any], options: Sequence[dict[str, str]]) -> str | None:
        """The id of the option that was chosen; None where nobody chose."""
        conversation = self._conversation
        params = {"sessionId": conversation.id, "toolCall": call, "options": options}
        try:
            answer = await conversation.editor.request("session/request_permission", params)
        except EditorGone:
            return None
        outcome = answer.get("outcome")
        if not isinstance(outcome, dict) or outcome.get("outcome") != "selected":
            return None
        return str(outcome.get("optionId"))

    def _described(self, request: ApprovalRequest, own: bool) -> dict[str, Any]:
        conversation = self._conversation
        call = request.call
        spec = conversation.specs().get(call.name)
        arguments = call.arguments or {}
        identity = conversation.calls.identity(call.id) if own else None
        where = f"\n\nOn {request.terminal!r}" if request.terminal else ""
        where += f", in {request.directory}" if request.terminal and request.directory else ""
        text = f"{_block(request.shown)}\n\n{request.reason}{where}".strip()
        kind = kind_of(call.name, spec)
        shown = list(preview(arguments, request.directory)) if kind == "edit" else []
        return {
            "toolCallId": identity or f"{request.session_id}.{call.id}",
            "title": title_of(call.name, spec, arguments),
            "kind": kind,
            "status": "pending",
            "rawInput": arguments,
            "locations": locations(arguments, request.directory),
            "content": [*shown, {"type": "content", "content": {"type": "text", "text": text}}],
        }

    # ----------------------------------------------------------------------------------------------- questions

    async def ask(self, question: Question) -> str | None:
        """The person's answer: in a form where the editor has them, else one of the choices as a button.

        A secret is never asked for: the protocol forbids it. Without a form and without choices there is no answer.
        """
        conversation = self._conversation
        if question.secret:
            return None
        try:
            async with asyncio.timeout(question.timeout):
                if conversation.editor.forms:
                    return await self._form(question)
                return await self._buttons(question) if question.choices else None
        except (TimeoutError, EditorGone):
            return None

    async def _form(self, question: Question) -> str | None:
        field: dict[str, Any] = {"type": "string", "title": "Answer"}
        if question.choices:
            field["description"] = "Pick one below, or write something else: " + " · ".join(question.choices)
        fields: dict[str, Any] = {"answer": field}
        if question.choices:
            fields = {"choice": {"type": "string", "title": "Choice", "enum": list(question.choices)}, **fields}
        schema = {"type": "object", "properties": fields, "required": [] if question.choices else ["answer"]}
        params = {
            "mode": "form",
            "sessionId": self._conversation.id,
            "message": question.text,
            "requestedSchema": schema,
        }
        answer = await self._conversation.editor.request("elicitation/create", params)
        content = answer.get("content")
        if answer.get("action") != "accept" or not isinstance(content, dict):
            return None
        given = (content.get(name) for name in ("answer", "choice"))
        return next((text for text in given if isinstance(text, str) and text.strip()), None)

    async def _buttons(self, question: Question) -> str | None:
        choices = question.choices[:_ANSWERS]
        options = [
            {"optionId": f"choice-{place}", "name": one_line(choice, 200), "kind": "allow_once"}
            for place, choice in enumerate(choices)
        ]
        options.append({"optionId": "none", "name": "No answer", "kind": "reject_once"})
        conversation = self._conversation
        known = conversation.calls.identity(question.id)
        call: dict[str, Any] = {
            "toolCallId": known or f"{question.session_id}.{question.id}",
            "title": one_line(question.text, 300),
            "kind": "other",
            "status": "pending",
            "content": [{"type": "content", "content": {"type": "text", "text": question.text}}],
        }
        chosen = await self._choose(call, options)
        return next((choice for place, choice in enumerate(choices) if chosen == f"choice-{place}"), None)


def _block(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
