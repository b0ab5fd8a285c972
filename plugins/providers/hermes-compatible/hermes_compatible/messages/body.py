"""Request bodies of the Messages wire, put together from bytes that are encoded once.

A body is ``{"model": …, "tools": […], "system": […], "messages": […]`` + settings + ``}``: the order in which vendors
cache. Each request begins with the bytes of the one before it, up to the cache mark at that one's end.

A cache mark (`cache_control`) says up to where a prompt is to be cached; at most four are allowed. Three are always
set: at the last tool, at the system prompt (neither ever moves), and at the end of the request. What the request before
this one cached is found by looking back up to twenty blocks from the end; so the fourth, at the end of that request, is
set only where a step was longer than that (many calls at once), or where `Quirks.marks_two_ends` wants it each time.
Otherwise no mark stands inside the conversation, and the bytes of earlier messages do not change. See
https://platform.claude.com/docs/en/build-with-claude/prompt-caching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.kept import EncodedMessages, RequestHeads
from hermes_compatible.messages.generation import generation_fields
from hermes_compatible.messages.turns import EncodedMessage, Turn, arrange, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_compatible.preset import Quirks
    from hermes_host.protocols import ModelRequest, ToolDefinition

__all__ = ["BodyBuilder"]

_encode = msgspec.json.encode
_LOOKED_BACK = 20


class BodyBuilder:
    """Builds the bodies of one provider's requests."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._mark = _mark(quirks)
        self._encoded: EncodedMessages[EncodedMessage] = EncodedMessages(lambda message: message.size)
        self._heads = RequestHeads(self._head)

    def build(self, request: ModelRequest, continued: Sequence[dict[str, Any]] = ()) -> bytes:
        """The body of a request; `continued` holds the blocks of an answer that paused and is to go on."""
        quirks, model = self._quirks, request.model
        # Thoughts go back to the model they are of, so that another model has other bytes.
        conversation = (request.session_id, request.purpose, model)
        encoded = self._encoded.of(conversation, request.messages, lambda message: encode(message, model, quirks))
        turns = arrange(encoded)
        fields = generation_fields(request, quirks, amid_calls=_amid_calls(turns))
        tail = _encode({**fields, "stream": request.stream})[1:]
        sent = self._marked_turns(turns)
        if continued:
            sent.append(_encode({"role": "assistant", "content": list(continued)}))
        return b"".join((self._heads.of(request), b",".join(sent), b"],", tail))

    def _head(self, request: ModelRequest) -> bytes:
        """Everything up to the first message."""
        head = b'{"model":' + _encode(request.model)
        if request.tools:
            *others, last = (_encode(_tool(tool)) for tool in request.tools)
            head += b',"tools":[' + b",".join([*others, self._marked(last)]) + b"]"
        if request.system.strip():
            head += b',"system":[' + self._marked(_encode({"type": "text", "text": request.system})) + b"]"
        return head + b',"messages":['

    def _marked_turns(self, turns: Sequence[Turn]) -> list[bytes]:
        marked = [turns[-1]]
        if len(turns) > 2 and (self._quirks.marks_two_ends or _blocks(turns[-2:]) >= _LOOKED_BACK):
            marked.append(turns[-3])
        for turn in marked:
            turn.blocks[-1] = self._marked(turn.blocks[-1])
        return [b'{"role":"%b","content":[%b]}' % (turn.role.encode(), b",".join(turn.blocks)) for turn in turns]

    def _marked(self, block: bytes) -> bytes:
        return block[:-1] + self._mark if self._mark else block


def _mark(quirks: Quirks) -> bytes:
    """What the end of a block becomes to make it a cache mark; empty where there are none."""
    if not quirks.cache_marks:
        return b""
    lifetime = {"ttl": quirks.cache_lifetime} if quirks.cache_lifetime != "5m" else {}
    return b',"cache_control":%b}' % _encode({"type": "ephemeral", **lifetime})


def _blocks(turns: Sequence[Turn]) -> int:
    return sum(len(turn.blocks) for turn in turns)


def _amid_calls(turns: Sequence[Turn]) -> bool:
    """Whether the calls being answered were made without a thought before them."""
    answer = turns[-2] if len(turns) > 1 else None
    return answer is not None and answer.has_calls and not answer.thinks_first


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.summary, "input_schema": {"type": "object", **tool.parameters}}
