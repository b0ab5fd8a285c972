"""A question to the user, in the middle of a turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from hermes_host.context import ToolContext

__all__ = ["ClarifyArguments", "ClarifySettings", "clarify"]

_DECIDE = "Decide yourself, go on, and say in your answer what you assumed."


class ClarifySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the section `clarify`."""

    timeout: Annotated[float, Meta(gt=0, description="Seconds until the agent goes on without an answer.")] = 120.0


class ClarifyArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `clarify`."""

    question: Annotated[str, Meta(min_length=1, max_length=2000)]
    choices: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(max_length=4, description="Possible answers, best first."),
    ] = ()


async def clarify(arguments: ClarifyArguments, call: ToolContext) -> ToolOutput:
    """Ask, and give the answer. Raises `ToolError` where nobody can be asked and when nobody answers in time."""
    question = arguments.question.strip()
    choices = tuple(dict.fromkeys(choice for text in arguments.choices if (choice := text.strip())))
    if not question:
        raise ToolError("The question is empty.", remedy="Ask something, or go on without asking.")
    if not call.can_ask:
        raise ToolError("Nobody can be asked here.", remedy=_DECIDE)
    timeout = call.plugin.section(ClarifySettings, "clarify").timeout
    if call.remaining is not None:
        timeout = min(timeout, call.remaining)
    answer = await call.ask(question, choices, timeout=timeout)
    if answer is None or not answer.strip():
        raise ToolError(f"No answer came within {timeout:.0f} seconds.", remedy=_DECIDE)
    return ToolOutput(content=f"The user answered: {answer.strip()}", title="answered", provenance="owner")
