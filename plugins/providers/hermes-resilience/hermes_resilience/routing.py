"""Trivial messages, told by their form alone, so that it works in any language.

Only the first request of a turn can go to the cheaper model, and only while the conversation is short and has used no
tool. Vendors keep the beginning of a prompt in a cache; with every change of model a long conversation would be read,
and paid for, again from its beginning. And a short message late in a conversation ("yes, do it") is rarely trivial.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from hermes_host.messages import Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.messages import Message
    from hermes_host.protocols import ModelRequest
    from hermes_resilience.settings import SmartModelRouting

__all__ = ["is_trivial"]

_DEMANDING = r"[`{}\[\]<>=\\|;$#@_*/~^]|://|\bwww\.|\w\.\w|\w\(|\d{3}|(?:\d\D*){5}"
"""Code, mark-up, addresses, paths, file names, calls, and more than a few digits."""


def is_trivial(request: ModelRequest, settings: SmartModelRouting) -> bool:
    """Whether the request asks for the first answer to a trivial message of a short conversation."""
    messages = request.messages
    if request.purpose != "turn" or not messages or len(messages) > settings.max_messages:
        return False
    last = messages[-1]
    if last.role != "user" or not all(isinstance(part, Text) for part in last.parts):
        return False
    text = last.text.strip()
    if not text or len(text) > settings.max_simple_chars or text.count("\n") > 1:
        return False
    return not re.search(_DEMANDING, text) and _words(text) <= settings.max_simple_words and not _used_tools(messages)


def _words(text: str) -> int:
    """The words, where two characters of a script without spaces count as one word."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text.split()) + wide // 2


def _used_tools(messages: Iterable[Message]) -> bool:
    return any(isinstance(part, ToolCall | ToolResult) for message in messages for part in message.parts)
