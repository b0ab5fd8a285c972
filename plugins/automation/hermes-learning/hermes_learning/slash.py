"""`/learning`. What it gives back is Markdown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_host.cli.listing import ago, count
from hermes_host.visible import one_line
from hermes_learning.past import past_reviews
from hermes_learning.status import learner_of, status
from hermes_learning.tidying import apply, proposals

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["learning"]

_SHOWN = 10


async def learning(call: SlashCall) -> str:
    """`/learning [status|review|curate [apply N]|history]`."""
    words = call.arguments.split()
    match words:
        case [] | ["status"]:
            return await _status(call)
        case ["review"]:
            return await _review(call)
        case ["curate"]:
            return await _curate(call)
        case ["curate", "apply" | "--apply", number] if number.isdecimal():
            return await apply(call.host, int(number))
        case ["history"]:
            return await _history(call)
    return "Use `/learning`, `/learning review`, `/learning curate`, `/learning curate apply N` or `/learning history`."


async def _status(call: SlashCall) -> str:
    learner = await learner_of(call.host)
    if not learner.settings.enabled:
        return "Learning is switched off (`learning.enabled`)."
    found = await status(call.host)
    counts = learner.book.experience(call.session.id).counts()
    lines = [
        f"- **Memory:** {counts.turns_since_memory} of {found.memory_interval or 'no'} messages until the next review",
        f"- **Skills:** {counts.steps_since_skill} of {found.skill_interval or 'no'} steps until the next review",
        f"- **Last 30 days:** {count(found.reviews, 'review')}, {count(found.changes, 'change')}, "
        f"{found.tokens:,} tokens" + (f", ${found.cost:.4f}" if found.cost else ""),
    ]
    if found.owed:
        lines.append(f"- **Due:** {count(len(found.owed), 'conversation')}")
    lines += [f"- **Failed:** `{each.session}`: {one_line(each.error, 200)}" for each in found.owed if each.error]
    return "\n".join(lines)


async def _review(call: SlashCall) -> str:
    learner = await learner_of(call.host)
    kinds = learner.allowed(call.session.context)
    if not kinds:
        return "This conversation has no tool for memory or skills."
    learner.begin(call.session.context, kinds, "asked")
    return "The review runs in the background; a line tells when it has changed something."


async def _curate(call: SlashCall) -> str:
    found = await proposals(call.host, keep=True)
    if not found:
        return "There is nothing to tidy up."
    lines = [f"{each.number}. **{each.action}**: {one_line(each.reason, 300)}" for each in found]
    return "\n".join([*lines, "", "`/learning curate apply N` does it."])


async def _history(call: SlashCall) -> str:
    found = await past_reviews(call.host, _SHOWN)
    if not found:
        return "There was no review yet."
    now = time.time()
    return "\n".join(
        f"- {ago(each.time, now)} ({each.reason}): {one_line(', '.join(each.changed) or 'nothing changed', 200)}"
        for each in found
    )
