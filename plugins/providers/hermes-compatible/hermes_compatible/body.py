"""Request bodies, put together from bytes that are encoded once.

A body is ``{"model": …, "tools": […], "messages": [`` + messages + ``]`` + settings + ``}``. Every message is encoded
once and its bytes are kept as long as its conversation goes on, so that a request costs the same at its hundredth
message as at its second, and begins with the bytes of the request before it: vendors cache by that prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.kept import EncodedMessages, RequestHeads
from hermes_compatible.parts import wire_messages

if TYPE_CHECKING:
    from hermes_compatible.preset import Quirks
    from hermes_host.messages import Message
    from hermes_host.protocols import ModelRequest, ModelSettings, ToolDefinition

__all__ = ["BodyBuilder"]

_encode = msgspec.json.encode


class BodyBuilder:
    """Builds the bodies of one provider's requests."""

    def __init__(self, provider: str, quirks: Quirks) -> None:
        self._provider = provider
        self._quirks = quirks
        self._encoded_messages: EncodedMessages[bytes] = EncodedMessages(len)
        self._heads = RequestHeads(_head)

    def build(self, request: ModelRequest) -> bytes:
        """The body of a request."""
        head, system = self._heads.of(request)
        conversation = (request.session_id, request.purpose)
        encoded = self._encoded_messages.of(conversation, request.messages, self._encoded)
        messages = [message for message in encoded if message]
        if system:
            messages.insert(0, system)
        return b"".join((head, b",".join(messages), b"]", self._tail(request)))

    def _encoded(self, message: Message) -> bytes:
        return b",".join(_encode(wire) for wire in wire_messages(message, self._quirks, self._provider))

    def _tail(self, request: ModelRequest) -> bytes:
        """What stands after the messages, so that a changed setting does not change the prefix."""
        rest: dict[str, Any] = {"stream": request.stream}
        if request.stream and self._quirks.stream_usage:
            rest["stream_options"] = {"include_usage": True}
        rest.update(_settings(request.settings, self._quirks, tools=bool(request.tools)))
        if self._quirks.cache_key and request.session_id:
            rest["prompt_cache_key"] = request.session_id
        return b"," + _encode(rest)[1:]


def _head(request: ModelRequest) -> tuple[bytes, bytes]:
    """Everything up to the first message, and the system message."""
    head = b'{"model":' + _encode(request.model)
    if request.tools:
        head += b',"tools":' + _encode([_tool(tool) for tool in request.tools])
    system = _encode({"role": "system", "content": request.system}) if request.system else b""
    return head + b',"messages":[', system


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
    if settings.response_schema is not None:
        schema = {"name": "answer", "schema": settings.response_schema, "strict": True}
        wire["response_format"] = {"type": "json_schema", "json_schema": schema}
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
