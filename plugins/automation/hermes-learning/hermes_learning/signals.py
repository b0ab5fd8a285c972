"""Cheap signs of experience in messages: skills in use, failures after them, corrections by the user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import ATTACHED, Text, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.messages import Message

__all__ = ["FAILURES", "MEMORY_TOOL", "SKILL_TOOL", "Trouble", "corrects", "failures", "skills_used", "troubles"]

MEMORY_TOOL = "memory"
SKILL_TOOL = "skill_manage"
_VIEW_TOOL = "skill_view"
_SKILL_TOOLS = frozenset({SKILL_TOOL, _VIEW_TOOL, "skills_list"})

_INVOKED = re.compile(r"invoked the skill '([^'\n]{1,64})'")
"""How a message begins to which a skill was attached because the user called it."""

FAILURES = 2
"""Failed calls after a skill was opened that are worth a look at the skill."""

_LOOKED_AT = 240
"""Characters of a message in which a correction would stand."""

_CORRECTION = re.compile(
    r"""
    ^\W*(?:no|nope|wrong|incorrect|nein|falsch|stimmt\ nicht|non|faux)\b(?!\ (?:problem|worries|need|rush))
  | \b(?:that|this|it|which)(?:\ is|'s|’s|\ was)\ (?:not|wrong|incorrect|still\ (?:wrong|broken|failing))\b
  | \b(?:isn't|isn’t|wasn't)\ (?:right|correct|what\ i)
  | \bnot\ what\ i\ (?:want|wanted|asked|meant|said)\b
  | \bi\ (?:told|asked|said)\ (?:you|already|before|to)\b
  | \bas\ i\ (?:said|told)\b
  | \byou\ (?:should(?:n't|\ not)?\ have|forgot|missed|ignored|didn't|did\ not|must\ not|keep)\b
  | \b(?:do\ not|don't|don’t|never|stop)\ (?:use|do|run|doing|using|add|adding|write|call|ever|that|this)\b
  | \b(?:does|did|do)(?:n't|n’t|\ not)\ work\b | \bstill\ (?:fails|failing|broken|wrong|does\ not)\b
  | ^\W*(?:actually|instead|rather)\b | \binstead\ of\b | \b(?:next|every)\ time\b | \bfrom\ now\ on\b
  | \bdas\ ist\ (?:nicht|falsch)\b | \bnicht\ so\b | \bdu\ (?:sollst|solltest|hast\ vergessen)\b | \bstattdessen\b
  | \bestá\ mal\b | \bno\ es\ (?:eso|así|correcto)\b | \bce\ n'est\ pas\b | \bpas\ comme\ ça\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Trouble(msgspec.Struct, frozen=True):
    """A skill that was in use when something went wrong, and what did."""

    skill: str
    failures: int
    correction: str
    """The beginning of the message in which the user corrected the agent, empty where nobody did."""


def corrects(message: Message) -> bool:
    """Whether a message of the user looks like a correction. Errs on the side of yes: a model decides later."""
    return bool(_CORRECTION.search(message.said.strip()[:_LOOKED_AT]))


def skills_used(message: Message) -> Iterable[str]:
    """The skills that a message opens or brings along."""
    for call in message.tool_calls:
        if call.name == _VIEW_TOOL and call.arguments and isinstance(call.arguments.get("name"), str):
            yield call.arguments["name"].rsplit("/", 1)[-1]
    if message.role == "user":
        for part in message.parts:
            if isinstance(part, Text) and part.meta.get(ATTACHED) == "skill":
                yield from _INVOKED.findall(part.text[:_LOOKED_AT])


def failures(message: Message) -> int:
    """The calls of one step that failed, those about skills apart."""
    return sum(
        part.is_error and part.name not in _SKILL_TOOLS for part in message.parts if isinstance(part, ToolResult)
    )


def troubles(messages: Iterable[Message]) -> list[Trouble]:
    """The skills that were opened before calls failed again and again, or before the user corrected the agent.

    A skill counts until the answer to the user's next message: what is corrected later is rarely its fault. A message
    that goes on with a turn that was cut off, or that steers one, belongs to that turn. A skill that was changed after
    it was opened is left out.
    """
    open_since: dict[str, int] = {}
    found: dict[str, Trouble] = {}
    turn = 0
    answered = True
    for message in messages:
        if message.role == "user":
            turn += answered
            open_since = {skill: since for skill, since in open_since.items() if turn - since <= 1}
            if corrects(message):
                for skill in open_since:
                    was = found.get(skill, Trouble(skill, 0, ""))
                    found[skill] = Trouble(skill, was.failures, was.correction or message.said.strip()[:_LOOKED_AT])
        answered = message.role == "assistant" and not message.tool_calls and not message.incomplete
        for call in message.tool_calls:
            if call.name == SKILL_TOOL and call.arguments:
                found.pop(str(call.arguments.get("name", "")), None)
                open_since.pop(str(call.arguments.get("name", "")), None)
        for skill in skills_used(message):
            open_since[skill] = turn
        if failed := failures(message):
            for skill in open_since:
                was = found.get(skill, Trouble(skill, 0, ""))
                found[skill] = Trouble(skill, was.failures + failed, was.correction)
    return [each for each in found.values() if each.correction or each.failures >= FAILURES]
