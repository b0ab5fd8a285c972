"""Request bodies, put together from bytes that are encoded once.

A body is ``{"model": …, "tools": […], "messages": [`` + messages + ``]`` + settings + ``}``. Every message is encoded
once and its bytes are kept as long as its conversation goes on, so that a request costs the same at its hundredth
message as at its second, and begins with the bytes of the request before it: vendors cache by that prefix.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.parts import wire_messages
from hermes_host.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_compatible.preset import Quirks
    from hermes_host.protocols import ModelRequest, ModelSettings, ToolDefinition

__all__ = ["BodyBuilder"]

_Kept = dict[int, tuple[Message, bytes]]

_encode = msgspec.json.encode
_CONVERSATIONS = 64
_KEPT_BYTES = 64 * 1024 * 1024


class BodyBuilder:
    """Builds the bodies of one provider's requests."""

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self._provider = provider
        self._quirks = quirks
        self._conversations: OrderedDict[str, _Kept] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._heads: OrderedDict[str, tuple[tuple[Any, ...], tuple[bytes, bytes]]] = OrderedDict()

    def build(self, request: ModelRequest, *, stream: bool = True) -> bytes:
        """The body of a request."""
        head, system = self._head(request)
        messages = self._messages(request.session_id, request.messages)
        if system:
            messages.insert(0, system)
        return b"".join((head, b",".join(messages), b"]", self._tail(request, stream=stream)))

    def _head(self, request: ModelRequest) -> tuple[bytes, bytes]:
        """Everything up to the first message, and the system message. Kept while what they are made of stays."""
        made_of = (request.model, request.system, request.tools)
        kept = self._heads.get(request.session_id)
        if kept is not None and kept[0][0] == made_of[0] and kept[0][1] == made_of[1] and kept[0][2] is made_of[2]:
            return kept[1]
        head = b'{"model":' + _encode(request.model)
        if request.tools:
            head += b',"tools":' + _encode([_tool(tool) for tool in request.tools])
        system = _encode({"role": "system", "content": request.system}) if request.system else b""
        encoded = (head + b',"messages":[', system)
        self._heads[request.session_id] = (made_of, encoded)
        if len(self._heads) > _CONVERSATIONS:
            self._heads.popitem(last=False)
        return encoded

    def _messages(self, session_id: str, messages: Sequence[Message]) -> list[bytes]:
        before = self._conversations.get(session_id, {})
        now: _Kept = {}
        encoded: list[bytes] = []
        for message in messages:
            kept = before.get(id(message))
            if kept is None or kept[0] is not message:
                kept = (message, self._encoded(message))
            now[id(message)] = kept
            if kept[1]:
                encoded.append(kept[1])
        self._keep(session_id, now, sum(map(len, encoded)))
        return encoded

    def _encoded(self, message: Message) -> bytes:
        return b",".join(_encode(wire) for wire in wire_messages(message, self._quirks, self._provider))

    def _keep(self, session_id: str, kept: _Kept, size: int) -> None:
        """Keep the bytes of the conversations used last, within bounds; the others are encoded anew when they go on."""
        self._conversations[session_id] = kept
        self._conversations.move_to_end(session_id)
        self._sizes[session_id] = size
        while len(self._conversations) > 1 and (
            len(self._conversations) > _CONVERSATIONS or sum(self._sizes.values()) > _KEPT_BYTES
        ):
            oldest, _ = self._conversations.popitem(last=False)
            del self._sizes[oldest]

    def _tail(self, request: ModelRequest, *, stream: bool) -> bytes:
        """What stands after the messages, so that a changed setting does not change the prefix."""
        rest: dict[str, Any] = {"stream": stream}
        if stream and self._quirks.stream_usage:
            rest["stream_options"] = {"include_usage": True}
        rest.update(_settings(request.settings, self._quirks, tools=bool(request.tools)))
        if self._quirks.cache_key and request.session_id:
            rest["prompt_cache_key"] = request.session_id
        return b"," + _encode(rest)[1:]


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.summary, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _settings(settings: ModelSettings, quirks: Quirks, *, tools: bool) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if settings.max_output_tokens is not None:
        wire[quirks.max_tokens] = settings.max_output_tokens
    if settings.temperature is not None:
        wire["temperature"] = settings.temperature
    if tools and settings.tool_choice != "auto":
        wire["tool_choice"] = settings.tool_choice
    if settings.reasoning and quirks.reasoning:
        wire.update(_reasoning(settings.reasoning, quirks))
    return wire


_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh")


def _reasoning(effort: str, quirks: Quirks) -> dict[str, Any]:
    wanted = _LEVELS.index(effort)
    nearest = min(quirks.efforts, key=lambda level: abs(_LEVELS.index(level) - wanted))
    match quirks.reasoning:
        case "effort":
            return {"reasoning_effort": nearest}
        case "object":
            return {"reasoning": {"enabled": False} if effort == "none" else {"effort": nearest}}
        case "thinking":
            return {"thinking": {"type": "disabled" if effort == "none" else "enabled"}}
        case _:
            return {"enable_thinking": effort != "none"}
