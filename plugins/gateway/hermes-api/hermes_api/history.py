"""What a client says was said before: checked, limited, and turned into the past of a conversation.

Nothing here is believed: results of tools are the outside world's words, whatever tool they name, and calls without
results, results without calls, and giant ones are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_api.content import parts_of, text_only
from hermes_api.errors import refused
from hermes_host.messages import Message, Text, ToolCall, ToolResult, tool_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.messages import Part, Provenance

__all__ = ["Asked", "chat_messages", "response_items"]

RESULT_LIMIT = 100_000
"""Characters of one result of a tool."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_MOST_CALLS = 128


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A client's request in the host's terms."""

    past: tuple[Message, ...]
    prompt: Message
    instructions: str | None
    newest: Message
    """All that was said since the last answer: the prompt where the past is known already."""


def chat_messages(value: Any, *, provenance: Provenance, most: int) -> Asked:
    """The `messages` of chat completions. Raises `ApiError`."""
    if not isinstance(value, list) or not value:
        raise refused("`messages` must be a list with at least one message.", "messages", "missing_messages")
    _check_length(value, most, "messages")
    builder = _Builder(provenance)
    for number, message in enumerate(value):
        where = f"messages[{number}]"
        if not isinstance(message, dict):
            raise refused(f"{where} must be an object.", where)
        role = message.get("role")
        content = message.get("content")
        if role in ("system", "developer"):
            builder.instruct(text_only(content, f"{where}.content"))
        elif role == "user":
            builder.user(parts_of(content, f"{where}.content"), where)
        elif role == "assistant":
            parts = parts_of(content, f"{where}.content") if content is not None else ()
            builder.assistant(parts, [_chat_call(call, where) for call in _calls(message, where)], where)
        elif role == "tool":
            builder.result(message.get("tool_call_id"), text_only(content, f"{where}.content"), where)
        else:
            raise refused(f"{where}.role: {role!r} is no role.", f"{where}.role")
    return builder.finish("messages")


def response_items(value: Any, *, provenance: Provenance, most: int) -> Asked:
    """The `input` of responses. Raises `ApiError`."""
    if isinstance(value, str) and value:
        value = [value]
    if not isinstance(value, list) or not value:
        raise refused("`input` must be a text or a list of items.", "input", "missing_input")
    _check_length(value, most, "input")
    builder = _Builder(provenance)
    for number, item in enumerate(value):
        where = f"input[{number}]"
        if isinstance(item, str):
            item = {"role": "user", "content": item}
        if not isinstance(item, dict):
            raise refused(f"{where} must be an object.", where)
        kind = item.get("type", "message")
        if kind == "message":
            _response_message(builder, item, where)
        elif kind == "function_call":
            builder.assistant((), [_call(item, item.get("call_id"), where)], where)
        elif kind == "function_call_output":
            builder.result(item.get("call_id"), text_only(item.get("output"), f"{where}.output"), where)
        elif kind not in ("reasoning", "item_reference"):
            raise refused(f"{where}: items of type {kind!r} are not served.", where)
        elif kind == "item_reference":
            raise refused(f"{where}: send `previous_response_id` in place of references.", where)
    return builder.finish("input")


def _response_message(builder: _Builder, item: dict[str, Any], where: str) -> None:
    role, content = item.get("role"), item.get("content")
    if role in ("system", "developer"):
        builder.instruct(text_only(content, f"{where}.content"))
    elif role == "user":
        builder.user(parts_of(content, f"{where}.content"), where)
    elif role == "assistant":
        builder.assistant(parts_of(content, f"{where}.content"), [], where)
    else:
        raise refused(f"{where}.role: {role!r} is no role.", f"{where}.role")


class _Builder:
    """Puts messages together in the host's order: calls in the answer that makes them, results in one message."""

    def __init__(self, provenance: Provenance) -> None:
        self._provenance = provenance
        self._messages: list[Message] = []
        self._instructions: list[str] = []
        self._open: dict[str, str] = {}
        self._results: list[ToolResult] = []

    def instruct(self, text: str) -> None:
        self._instructions.append(text)

    def user(self, parts: tuple[Part, ...], where: str) -> None:
        self._settle(where)
        if not any(not isinstance(part, Text) or part.text.strip() for part in parts):
            raise refused(f"{where} is empty.", where, "empty_message")
        self._messages.append(Message(role="user", parts=parts, provenance=self._provenance))

    def assistant(self, parts: tuple[Part, ...], calls: list[ToolCall], where: str) -> None:
        if self._results or not calls:
            self._settle(where)
        if not parts and not calls:
            raise refused(f"{where} has neither content nor calls.", where, "empty_message")
        for call in calls:
            if call.id in self._open:
                raise refused(f"{where}: two calls have the id {call.id!r}.", where)
            self._open[call.id] = call.name
        last = self._messages[-1] if self._messages else None
        if calls and last is not None and last.role == "assistant":
            self._messages[-1] = msgspec.structs.replace(last, parts=(*last.parts, *parts, *calls))
        else:
            self._messages.append(Message(role="assistant", parts=(*parts, *calls)))

    def result(self, call_id: Any, text: str, where: str) -> None:
        if not isinstance(call_id, str) or call_id not in self._open:
            raise refused(f"{where} answers no call: there is none with the id {str(call_id)[:100]!r}.", where)
        if len(text) > RESULT_LIMIT:
            raise refused(f"{where}: a result has at most {RESULT_LIMIT} characters.", where, "result_too_large")
        name = self._open.pop(call_id)
        self._results.append(ToolResult(call_id=call_id, name=name, content=(Text(text=text),), provenance="external"))
        if not self._open:
            self._messages.append(tool_message(*self._results))
            self._results = []

    def finish(self, where: str) -> Asked:
        self._settle(where)
        if not self._messages or self._messages[-1].role != "user":
            raise refused(f"The last of `{where}` must be the user's.", where, "no_prompt")
        newest = []
        for message in reversed(self._messages):
            if message.role != "user":
                break
            newest.append(message)
        *past, prompt = self._messages
        return Asked(
            past=tuple(past),
            prompt=prompt,
            instructions="\n\n".join(filter(None, self._instructions)) if self._instructions else None,
            newest=_joined(reversed(newest)) if len(newest) > 1 else prompt,
        )

    def _settle(self, where: str) -> None:
        if self._open or self._results:
            names = ", ".join(list(self._open)[:3])
            raise refused(f"{where}: the calls {names} before it have no results.", where, "calls_without_results")


def _joined(messages: Iterable[Message]) -> Message:
    parts: list[Part] = []
    provenance: Provenance = "owner"
    for message in messages:
        provenance = message.provenance
        if parts:
            parts.append(Text(text="\n\n"))
        parts.extend(message.parts)
    return Message(role="user", parts=tuple(parts), provenance=provenance)


def _check_length(value: list[Any], most: int, where: str) -> None:
    if len(value) > most:
        raise refused(f"`{where}` has more than {most} entries (api.max_messages).", where, "too_many_messages")


def _calls(message: dict[str, Any], where: str) -> list[Any]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or len(calls) > _MOST_CALLS:
        raise refused(f"{where}.tool_calls must be a list of at most {_MOST_CALLS} calls.", where)
    return calls


def _chat_call(call: Any, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise refused(f"{where}.tool_calls: only calls of functions are served.", where)
    return _call(function, call.get("id"), where)


def _call(function: dict[str, Any], identity: Any, where: str) -> ToolCall:
    name, raw = function.get("name"), function.get("arguments", "{}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refused(f"{where}: {str(name)[:100]!r} is no name of a function.", where)
    if not isinstance(identity, str) or not 0 < len(identity) <= 256:
        raise refused(f"{where}: a call needs an id of at most 256 characters.", where)
    if not isinstance(raw, str) or len(raw) > RESULT_LIMIT:
        raise refused(f"{where}: arguments are a string of at most {RESULT_LIMIT} characters.", where)
    try:
        arguments = msgspec.json.decode(raw or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise refused(f"{where}: the arguments of {name!r} are no JSON object: {error}", where) from error
    return ToolCall(id=identity, name=name, arguments=arguments, raw=raw)
