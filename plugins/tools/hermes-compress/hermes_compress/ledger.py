"""What must not depend on a summary's memory: taken from the conversation by rule and kept word for word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hermes_compress.trimming import described_call
from hermes_host.messages import ToolCall, ToolResult, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from hermes_host.context import SessionContext
    from hermes_host.messages import Message

__all__ = ["ledger", "open_items"]

_LONGEST_SAYING = 400
_ALL_SAYINGS = 6_000
"""Characters, in small contexts `_SHARE` of their number of tokens; of more the newest are kept."""

_SHARE = 0.2

_MOST_FILES = 40
_MOST_CALLS = 10

_NO_WISH = re.compile(
    r"(ok(ay)?|yes|yep|no|sure|go( on| ahead)?|continue|proceed|next|thanks?( you)?|great|good|perfect|hi|hello)\W*",
    re.IGNORECASE,
)
_PATH_ARGUMENTS = ("path", "file_path", "filename", "output_path", "destination")
_PATCHED = re.compile(r"^\*\*\* (?:Update File|Add File|Delete File|Move to): (.+)$", re.MULTILINE)


def open_items(session: SessionContext) -> Sequence[tuple[str, str]]:
    """The todo items that are not finished, as status and content."""
    items: Any = session.recorded("planning.todo").get("todos", ())
    return [
        (str(item["status"]), str(item["content"]))
        for item in items
        if isinstance(item, dict) and item.get("content") and item.get("status") in ("pending", "in_progress")
    ]


def ledger(
    messages: Sequence[Message],
    *,
    items: Sequence[tuple[str, str]],
    writers: Collection[str],
    shown: Collection[int],
    context: float,
) -> str:
    """The ledger of `messages` for a model with a `context` of so many tokens.

    Messages whose index is in `shown` stand elsewhere in full. `items` are the open todo items,
    `writers` the names of the tools that write files.
    """
    sections = (
        (
            "What the user said earlier, word for word (for wishes that still hold; the tasks among it are done or "
            "described above)",
            _newest(_sayings(messages, shown), min(_ALL_SAYINGS, context * _SHARE)),
        ),
        ("Open items of the todo list", [f"[{status}] {content}" for status, content in items]),
        ("Files written", _files(messages, writers)[-_MOST_FILES:]),
        ("Calls that were cut off: check before repeating them", list(_cut_off(messages))[-_MOST_CALLS:]),
    )
    found = [f"### {title}\n{_bullets(lines)}" for title, lines in sections if lines]
    return "\n\n".join(["## Ledger (kept by rule, not summarised)", *found]) if found else ""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join("- " + line.replace("\n", "\n  ") for line in lines)


def _sayings(messages: Sequence[Message], shown: Collection[int]) -> Iterator[str]:
    for index, message in enumerate(messages):
        if message.role == "user" and message.provenance == "owner" and index not in shown:
            text = message.text.strip()
            if 0 < len(text) <= _LONGEST_SAYING and not _NO_WISH.fullmatch(text):
                yield text
        elif message.role == "tool":
            texts = map(_text, _own_results(message, failed=False))
            yield from (text for text in texts if 0 < len(text) <= _LONGEST_SAYING)


def _newest(lines: Iterable[str], room: float) -> list[str]:
    kept: list[str] = []
    size = 0
    for line in reversed(list(dict.fromkeys(lines))):
        size += len(line)
        if size > room:
            break
        kept.append(line)
    return kept[::-1]


def _files(messages: Iterable[Message], writers: Collection[str]) -> list[str]:
    """Paths in the order in which they were last written, by calls that did not fail."""
    found: dict[str, None] = {}
    calls: tuple[ToolCall, ...] = ()
    for message in messages:
        if message.role == "assistant":
            calls = tuple(call for call in message.tool_calls if call.name in writers)
        elif message.role == "tool" and calls:
            failed = {part.call_id for part in message.parts if isinstance(part, ToolResult) and part.is_error}
            for path in (path for call in calls if call.id not in failed for path in _paths(call)):
                found.pop(path, None)
                found[path] = None
    return list(found)


def _paths(call: ToolCall) -> Iterator[str]:
    arguments = call.arguments or {}
    yield from (value for name in _PATH_ARGUMENTS if isinstance(value := arguments.get(name), str) and value)
    for value in arguments.values():
        if isinstance(value, str) and value.startswith("*** Begin Patch"):
            yield from (path.strip() for path in _PATCHED.findall(value))


def _cut_off(messages: Iterable[Message]) -> Iterator[str]:
    """Calls that the host says were interrupted: it answers for them itself."""
    calls: dict[str, ToolCall] = {}
    for message in messages:
        if message.role == "assistant":
            calls = {call.id: call for call in message.tool_calls}
        elif message.role == "tool":
            for result in _own_results(message, failed=True):
                call = calls.get(result.call_id)
                if call is not None:
                    yield f"{described_call(call)}: {_text(result)[:_LONGEST_SAYING]}"


def _own_results(message: Message, *, failed: bool) -> Iterator[ToolResult]:
    for part in message.parts:
        if isinstance(part, ToolResult) and part.provenance == "owner" and part.is_error == failed:
            yield part


def _text(result: ToolResult) -> str:
    return text_of(result.content).strip()
