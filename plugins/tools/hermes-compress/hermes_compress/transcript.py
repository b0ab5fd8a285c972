"""A conversation written out for the model that summarises it, with whose words each piece is.

Marks bear a word made up for this one transcript, so that no text within it can end its own mark and pose as the user.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from hermes_compress.measure import weigh_text
from hermes_host.messages import Media, Message, Text, ToolCall, ToolResult, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Transcript", "transcribe"]

_CAPS = (3_000, 1_500, 700, 300, 120)
"""Characters of one message, the first one that makes the transcript fit."""

_ARGUMENTS = 8
"""Arguments of a call get this fraction of a message's cap."""


class Transcript(msgspec.Struct, frozen=True):
    """The text, and the made-up word that its marks bear."""

    text: str
    mark: str


def transcribe(messages: Sequence[Message], *, first: int, room: float) -> Transcript:
    """The messages, numbered from `first`, in at most `room` units of weight as far as their number allows.

    Where even short extracts are too much, some from the middle are left out, and a line says so.
    """
    mark = secrets.token_hex(4)
    lines: list[str] = []
    for cap in _CAPS:
        lines = ["\n".join(_pieces(message, first + index, cap, mark)) for index, message in enumerate(messages)]
        weights = [weigh_text(line) + 1 for line in lines]
        if sum(weights) <= room:
            return Transcript("\n".join(lines), mark)
    return Transcript("\n".join(_ends(lines, weights, room)), mark)


def _ends(lines: Sequence[str], weights: Sequence[float], room: float) -> Iterator[str]:
    start, stop = 0, len(lines)
    while start < stop:
        # One from the beginning for every three from the end: what is newer matters more.
        place = start if (start + len(lines) - stop) % 4 == 0 else stop - 1
        room -= weights[place]
        if room < 0:
            break
        start, stop = (start + 1, stop) if place == start else (start, stop - 1)
    yield from lines[:start]
    if start < stop:
        yield f"[{stop - start} messages are left out here]"
    yield from lines[stop:]


def _pieces(message: Message, number: int, cap: int, mark: str) -> Iterator[str]:
    if message.role == "tool":
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield _result(part, number, cap, mark)
        return
    if message.role == "assistant":
        source = "assistant"
    else:
        source = {"owner": "user", "member": "another person"}.get(message.provenance, "outside")
    body = _shorten(_said(message), cap)
    name = "said" if source in ("user", "assistant") else "data"
    calls = "".join(f"\ncalls {call.name} {_arguments(call, cap // _ARGUMENTS)}" for call in message.tool_calls)
    yield f'<{name}-{mark} n="{number}" from="{source}">\n{body}{calls}\n</{name}-{mark}>'


def _said(message: Message) -> str:
    pieces = [part.text if isinstance(part, Text) else f"[{part.kind} {part.name}]" for part in _visible(message)]
    return "".join(pieces)


def _visible(message: Message) -> Iterator[Text | Media]:
    return (part for part in message.parts if isinstance(part, Text | Media))


def _result(result: ToolResult, number: int, cap: int, mark: str) -> str:
    body = _shorten(text_of(result.content), cap)
    failed = ' failed="yes"' if result.is_error else ""
    if result.provenance == "owner":
        return f'<said-{mark} n="{number}" from="user or host, through {result.name}"{failed}>\n{body}\n</said-{mark}>'
    return f'<data-{mark} n="{number}" from="tool {result.name}"{failed}>\n{body}\n</data-{mark}>'


def _arguments(call: ToolCall, cap: int) -> str:
    return _shorten(call.raw or msgspec.json.encode(call.arguments).decode(), cap)


def _shorten(text: str, cap: int) -> str:
    if len(text) <= cap:
        return text
    end = cap // 4
    return f"{text[: cap - end]}\n[… {len(text) - cap:,} characters …]\n{text[-end:]}"
