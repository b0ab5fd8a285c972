"""The tool `memory`."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from hermes_host.errors import ToolError
from hermes_host.protocols import Assessment, ToolOutput
from hermes_memory.access import settings_of, store_for
from hermes_memory.entries import FILES, TARGETS, Target
from hermes_memory.records import Action, Stamp
from hermes_memory.store import Refusal

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, ToolContext
    from hermes_memory.store import Outcome, Store

__all__ = ["MemoryArguments", "assess", "available", "memory"]

_CONSENTED = "memory.consented"
"""Where a session keeps the calls that a person was asked about."""


class MemoryArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `memory`."""

    action: Action
    target: Target = "memory"
    content: Annotated[str, Meta(max_length=20_000, description="The entry, for add and replace")] = ""
    old_text: Annotated[str, Meta(max_length=20_000, description="A unique part, for replace and remove")] = ""


def available(context: PluginContext) -> str:
    """Empty unless both files are switched off."""
    settings = settings_of(context)
    if any(settings.enabled(target) for target in TARGETS):
        return ""
    return "memory.memory_enabled and memory.user_profile_enabled are off"


async def assess(arguments: MemoryArguments, call: ToolContext) -> Assessment:
    """The owner's own turns may write. Anything else is asked, or put aside where nobody can be asked."""
    if call.origin == "owner" or not call.can_approve:
        return Assessment(verdict="allow")
    # The handler looks whether this very call was asked about: its origin may change in between.
    call.session.memory.setdefault(_CONSENTED, {})[call.call_id] = arguments
    whose = "someone else" if call.origin == "member" else "text from outside (a page, a file, a message)"
    shown = f"{arguments.action} in {FILES[arguments.target]}"
    if arguments.old_text:
        shown += f"\nentry: {arguments.old_text}"
    if arguments.content:
        shown += f"\ntext: {arguments.content}"
    return Assessment(
        verdict="ask",
        reason=f"It changes what is remembered in every later conversation, and {whose} may stand behind it.",
        shown=shown,
        rememberable=False,
    )


async def memory(arguments: MemoryArguments, call: ToolContext) -> ToolOutput:
    """Make the change, or put it aside for the owner's consent. A refusal says what the model needs to do better."""
    asked = call.session.memory.get(_CONSENTED, {}).pop(call.call_id, None) == arguments
    store = await store_for(call.plugin, call.session.id)
    stamp = Stamp(origin=call.origin, time=time.time(), session=call.session.id, consent=asked)
    try:
        if stamp.origin != "owner" and not asked:
            return await _put_aside(store, arguments, stamp, call)
        outcome = await asyncio.to_thread(
            store.write,
            arguments.action,
            arguments.target,
            content=arguments.content,
            old_text=arguments.old_text,
            stamp=stamp,
        )
    except ToolError as error:
        details = error.details if isinstance(error, Refusal) else {}
        refused = {"success": False, "error": str(error), **details}
        return ToolOutput(content=_json(refused), is_error=True, title="refused", provenance="owner")
    return ToolOutput(content=_json(_answer(outcome)), title=outcome.message, provenance="owner")


async def _put_aside(store: Store, arguments: MemoryArguments, stamp: Stamp, call: ToolContext) -> ToolOutput:
    item = await asyncio.to_thread(
        store.ask_for,
        arguments.action,
        arguments.target,
        content=arguments.content,
        old_text=arguments.old_text,
        stamp=stamp,
    )
    call.session.announce(
        f"A change of the memory waits for your consent: `hermes memory accept {item.number}`.", code="memory.pending"
    )
    message = (
        "This turn was begun by, or has read, text from outside, and nobody can be asked here. The change waits for "
        "the owner's consent and has no effect until then. Do not repeat it."
    )
    content = _json({"success": True, "pending": item.number, "target": item.target, "message": message})
    return ToolOutput(content=content, title="waits for consent", provenance="owner")


def _answer(outcome: Outcome) -> dict[str, Any]:
    content = outcome.content
    answer: dict[str, Any] = {
        "success": True,
        "target": content.target,
        "message": outcome.message,
        "entries": content.clean,
        "usage": content.usage,
        "entry_count": len(content.entries),
    }
    if content.withheld:
        answer["withheld"] = f"{content.withheld} unsafe entries are not shown; the user can see them."
    return answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
