"""What of a turn goes to Honcho: what people said and what was answered; no tool traffic, nothing from outside."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from hermes_honcho.access import Entry
from hermes_honcho.names import LOCAL_SOURCES, unmistakable_name
from hermes_host.messages import text_of
from hermes_host.records import BACKGROUND_SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_honcho.names import Names
    from hermes_host.context import SessionContext
    from hermes_host.messages import Message, ToolCall, ToolResult
    from hermes_host.protocols import Exchange

__all__ = ["PIECE", "SILENT_SOURCES", "entries_of"]

SILENT_SOURCES = BACKGROUND_SOURCES | {"cron"}
"""Surfaces where nobody talks: what is said there are no words of the user."""

PIECE = 20_000
"""Characters in one message; Honcho's own limit is 25,000 unless its operator set another."""


def entries_of(exchange: Exchange, session: SessionContext, names: Names) -> Sequence[Entry]:
    """The messages for Honcho. Their names follow from session, turn and place: told twice, they are the same."""
    found = [*_said(exchange, session, names), *_observations(exchange, names)]
    answer = _answer(exchange)
    if answer:
        found.append((names.ai, answer))
    now = time.time()
    pieces = [(peer, piece) for peer, text in found for piece in _pieces(text)]
    turn = exchange.turn_id or hashlib.sha256(repr(pieces).encode()).hexdigest()
    return [
        Entry(
            uid=hashlib.sha256(f"{session.id}\0{turn}\0{number}".encode()).hexdigest()[:32],
            peer=peer,
            content=text,
            # A microsecond apart, so that an order by time is the order in which it was said.
            created=now + number / 1_000_000,
            metadata={"source": session.source, "hermes_session": session.id},
        )
        for number, (peer, text) in enumerate(pieces)
    ]


def _said(exchange: Exchange, session: SessionContext, names: Names) -> Iterator[tuple[str, str]]:
    for message in exchange.messages:
        if message.role != "user" or message.provenance == "external":
            continue
        text = message.said.strip()
        if text:
            yield _speaker(message, session, names), text


def _speaker(message: Message, session: SessionContext, names: Names) -> str:
    if message.provenance == "member" and session.source in LOCAL_SOURCES:
        # Somebody else at the owner's own surface: never the owner's peer.
        return unmistakable_name(f"{session.source}-member-{session.id}")
    return names.user


def _answer(exchange: Exchange) -> str:
    if exchange.outcome not in ("completed", "truncated") or not exchange.messages:
        return ""
    last = exchange.messages[-1]
    return last.text.strip() if last.role == "assistant" and not last.tool_calls else ""


def _observations(exchange: Exchange, names: Names) -> Iterator[tuple[str, str]]:
    """What the tool `memory` was told of the user in this turn and took."""
    calls: dict[str, ToolCall] = {}
    for message in exchange.messages:
        calls |= {call.id: call for call in message.tool_calls}
        for part in message.parts if message.role == "tool" else ():
            call = calls.get(getattr(part, "call_id", ""))
            if call is not None and call.name == "memory" and _taken(part):
                arguments = call.arguments or {}
                content = arguments.get("content")
                if arguments.get("action") == "add" and arguments.get("target") == "user" and isinstance(content, str):
                    yield names.user, f"[observation] {content.strip()}"


def _taken(result: ToolResult | Any) -> bool:
    if result.is_error:
        return False
    try:
        said = json.loads(text_of(result.content))
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("success") is True and "pending" not in said


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]
