"""Bodies of Responses requests, put together from bytes that are encoded once.

A body is ``{"model": …, "instructions": …, "tools": […], "input": [`` + items + ``]`` + settings + ``}``. Every message
is encoded once and its bytes are kept as long as its conversation goes on, so that a request costs the same at its
hundredth message as at its second, and begins with the bytes of the request before it: the vendor caches by that
prefix.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from hermes_compatible.kept import EncodedMessages, RequestHeads

from hermes_openai.items import EncodedMessage, encode_items, unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.protocols import ModelRequest, ModelSettings, ToolDefinition
    from hermes_openai.endpoint import Access
    from hermes_openai.traits import ModelTraits

__all__ = ["BodyBuilder", "cache_key"]

_encode = msgspec.json.encode
_LONGEST_CACHE_KEY = 64
_LEAST_OUTPUT = 16


class BodyBuilder:
    """Builds the bodies of one provider's requests."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._encoded: EncodedMessages[EncodedMessage] = EncodedMessages(lambda message: message.size)
        self._heads = RequestHeads(self._head)

    def build(self, request: ModelRequest) -> bytes:
        """The body of a request."""
        items = arrange(self._messages(request))
        return b"".join((self._heads.of(request), b",".join(items), b"]", self._tail(request)))

    def _head(self, request: ModelRequest) -> bytes:
        """Everything up to the first item."""
        head = b'{"model":' + _encode(self._access.deployment(request.model))
        if request.system:
            head += b',"instructions":' + _encode(request.system)
        if request.tools:
            head += b',"tools":' + _encode([_tool(tool) for tool in request.tools])
        return head + b',"input":['

    def _messages(self, request: ModelRequest) -> Iterable[EncodedMessage]:
        origin, traits = self._access.origin, self._access.traits(request.model)
        # A model that does not think refuses the thoughts of another.
        thoughts = traits.thinks or not traits.known
        # Side work of a session does not drive out what is kept of its turns.
        conversation = (request.session_id, request.purpose, request.model)
        return self._encoded.of(
            conversation, request.messages, lambda message: encode_items(message, origin, thoughts=thoughts)
        )

    def _tail(self, request: ModelRequest) -> bytes:
        """What stands after the items, so that a changed setting does not change the prefix."""
        access = self._access
        fields = _settings(request.settings, access.traits(request.model), access.summary, tools=bool(request.tools))
        if request.session_id:
            fields["prompt_cache_key"] = cache_key(request.session_id)
        return b"," + _encode({"stream": request.stream, "store": False, **fields, **access.extra_body})[1:]


def arrange(messages: Iterable[EncodedMessage]) -> list[bytes]:
    """The items of all messages, so that every call has one result and every result its call, as the vendor demands."""
    items: list[bytes] = []
    waiting: dict[str, None] = {}
    for message in messages:
        for call_id, result in message.results:
            if call_id in waiting:
                del waiting[call_id]
                items.append(result)
        if message.items:
            items.extend(map(unanswered, waiting))
            waiting = dict.fromkeys(message.calls)
            items.extend(message.items)
    items.extend(map(unanswered, waiting))
    return items


def cache_key(session_id: str) -> str:
    """The session's id, or a digest of it where it is longer than the vendor takes."""
    return session_id if len(session_id) <= _LONGEST_CACHE_KEY else hashlib.sha256(session_id.encode()).hexdigest()


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    # Strict schemas are another dialect; the vendor would rewrite ours unless told not to.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.summary,
        "parameters": tool.parameters,
        "strict": False,
    }


def _settings(settings: ModelSettings, traits: ModelTraits, summary: str, *, tools: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    effort = traits.effort(settings.reasoning)
    if traits.thinks:
        # Without this a thought cannot go back, as nothing is stored.
        fields["include"] = ["reasoning.encrypted_content"]
    reasoning: dict[str, Any] = {"effort": effort} if effort else {}
    if traits.thinks and traits.summary and summary != "off" and effort != "none":
        reasoning["summary"] = summary
    if reasoning:
        fields["reasoning"] = reasoning
    if settings.max_output_tokens is not None:
        fields["max_output_tokens"] = max(_LEAST_OUTPUT, settings.max_output_tokens)
    if settings.temperature is not None and (not traits.thinks or effort == "none"):
        fields["temperature"] = settings.temperature
    if settings.response_schema is not None:
        schema = settings.response_schema
        fields["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}}
    if tools:
        fields["parallel_tool_calls"] = True
        if settings.tool_choice != "auto":
            fields["tool_choice"] = settings.tool_choice
    return fields
