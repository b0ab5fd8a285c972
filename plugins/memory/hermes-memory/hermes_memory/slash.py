"""`/memory` in a conversation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.cli.listing import moment
from hermes_memory.access import store_of
from hermes_memory.entries import FILES, TARGETS
from hermes_memory.shown import edit_line, entry_text, pending_text, provenance

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall
    from hermes_memory.store import Store

__all__ = ["memory"]

_USAGE = (
    "Usage: `/memory`, `/memory pending`, `/memory accept N`, `/memory reject N`, `/memory history`, "
    "`/memory undo [N]`."
)
_NEXT = "The prompt of this conversation keeps what it began with."


async def memory(call: SlashCall) -> str:
    """`/memory [pending | accept N | reject N | history | undo [N]]`."""
    return await asyncio.to_thread(_answer, store_of(call.host), call.arguments.split())


def _answer(store: Store, words: list[str]) -> str:
    number = int(words[1]) if len(words) == 2 and words[1].isdecimal() else 0
    match words:
        case [] | ["show"]:
            return _shown(store)
        case ["pending"]:
            return _pending(store)
        case ["history"]:
            return _history(store)
        case ["accept", _] if number:
            outcome = store.accept(number)
            return f"{outcome.message} {FILES[outcome.content.target]}: {outcome.content.usage}. {_NEXT}"
        case ["reject", _] if number:
            return f"Rejected {store.reject(number).number}."
        case ["undo"] | ["undo", _] if number or len(words) == 1:
            taken, outcome = store.undo(number)
            return f"{outcome.message} {FILES[taken.target]}: {outcome.content.usage}. {_NEXT}"
        case _:
            return _USAGE


def _shown(store: Store) -> str:
    lines = []
    for target in TARGETS:
        content = store.content(target)
        lines += [f"**{FILES[target]}** {content.usage}", ""]
        for place, entry in enumerate(content.entries, 1):
            note = f" — kept from the model: {entry.finding.reason}" if entry.finding else ""
            lines.append(f"{place}. {_quoted(entry_text(entry))} *({provenance(entry.stamp)})*{note}")
        lines.append("" if content.entries else "(empty)\n")
    if waiting := store.pending():
        lines.append(f"{len(waiting)} waiting for your consent: `/memory pending`.")
    return "\n".join(lines).strip()


def _pending(store: Store) -> str:
    items = store.pending()
    if not items:
        return "Nothing waits for consent."
    lines = [f"- **{item.number}** {_quoted(pending_text(item))} *({provenance(item.stamp)})*" for item in items]
    return "\n".join([*lines, "", "`/memory accept N` or `/memory reject N`."])


def _history(store: Store) -> str:
    edits = store.history()[:-11:-1]
    if not edits:
        return "No edits are known."
    return "\n".join(
        f"- **{edit.number}** {moment(edit.stamp.time)} {edit.action} in {edit.target}: {_quoted(edit_line(edit))}"
        for edit in edits
    )


def _quoted(text: str) -> str:
    """Text as code within a Markdown line, whatever is in it."""
    line = " ⏎ ".join(text.split("\n"))
    fence = "`" * (max((len(run) for run in line.split() if set(run) == {"`"}), default=0) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"
