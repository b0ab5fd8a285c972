"""What the Messages API demands of a request, and how it says that something is wrong.

The rules are those of https://platform.claude.com/docs/en/api/messages and the guides on tool use, thinking and prompt
caching. Two are stricter than the API, which joins consecutive messages of one role and accepts an unfinished answer of
older models at the end: a client that relies on either is told so.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["breakpoints", "redacted_data", "signature_of", "violation"]

_BREAKPOINTS = 4
_LEAST_BUDGET = 1024
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_THINKING = ("thinking", "redacted_thinking")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

Block = dict[str, Any]


def signature_of(thinking: str) -> str:
    """The signature of a thinking block with this text."""
    return "sig_" + hashlib.sha256(b"thinking:" + thinking.encode()).hexdigest()


def redacted_data(secret: str) -> str:
    """The data of a redacted thinking block: a digest and a checksum of it, so that changes show."""
    digest = hashlib.sha256(b"redacted:" + secret.encode()).hexdigest()
    return f"{digest}{hashlib.sha256(digest.encode()).hexdigest()[:16]}"


def breakpoints(body: Mapping[str, Any]) -> int:
    """How many cache breakpoints a request has, the automatic one included."""
    marked = sum(1 for block in _all_blocks(body) if block.get("cache_control"))
    return marked + bool(body.get("cache_control"))


def violation(body: Any) -> str:
    """The message of the error 400 for this request, empty where it keeps the rules."""
    if not isinstance(body, dict):
        return "The request body is not valid JSON"
    return next((problem for check in _CHECKS for problem in check(body)), "")


def _fields(body: Mapping[str, Any]) -> Iterator[str]:
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            yield f"{name}: Field required"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        yield "max_tokens: Input should be greater than or equal to 1"


def _roles(body: Mapping[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    if not messages:
        yield "messages: at least one message is required"
        return
    for index, message in enumerate(messages):
        if message.get("role") not in ("user", "assistant"):
            yield f'messages: Unexpected role "{message.get("role")}".'
        if index and message["role"] == messages[index - 1]["role"]:
            role = message["role"]
            yield f'messages: roles must alternate between "user" and "assistant", but found multiple "{role}" roles'
    if messages[0]["role"] != "user":
        yield "messages: first message must use the `user` role"
    if messages[-1]["role"] != "user":
        yield ("This model does not support assistant message prefill. The conversation must end with a user message.")


def _contents(body: Mapping[str, Any]) -> Iterator[str]:
    for index, message in enumerate(body["messages"]):
        blocks = _blocks(message)
        if not blocks:
            yield f"messages.{index}: user messages must have non-empty content"
        for position, block in enumerate(blocks):
            yield from _block(f"messages.{index}.content.{position}", block, message["role"])


def _block(place: str, block: Block, role: str) -> Iterator[str]:
    kind = block.get("type")
    if kind == "text" and not str(block.get("text", "")).strip():
        yield "messages: text content blocks must contain non-whitespace text"
    if kind == "image":
        source = block["source"]
        if source["type"] == "base64" and source["media_type"] not in _IMAGES:
            yield f"{place}.image.source.base64.media_type: Input should be {', '.join(map(repr, _IMAGES))}"
    if kind == "tool_use":
        if not isinstance(block.get("input"), dict):
            yield f"{place}.tool_use.input: Input should be a valid dictionary"
        if not _ID.fullmatch(block.get("id", "")):
            yield f"{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if kind in ("tool_use", *_THINKING) and role != "assistant":
        yield f"{place}: `{kind}` blocks can only be in `assistant` messages"
    if kind == "tool_result" and role != "user":
        yield f"{place}: `tool_result` blocks can only be in `user` messages"
    if kind == "tool_result":
        content = block.get("content", "")
        for number, inner in enumerate(content if isinstance(content, list) else ()):
            yield from _block(f"{place}.tool_result.content.{number}", inner, role)
    if kind not in ("text", "image", "document", "tool_use", "tool_result", *_THINKING):
        yield f"{place}: Input tag {kind!r} found using 'type' does not match any of the expected tags"


def _calls(body: Mapping[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    seen: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "user":
            yield from _results(index, messages)
            continue
        ids = [block["id"] for block in _blocks(message) if block["type"] == "tool_use"]
        if len(set(ids)) < len(ids) or seen & set(ids):
            yield f"messages.{index}: `tool_use` ids must be unique"
        seen.update(ids)
        after = messages[index + 1] if index + 1 < len(messages) else {"content": []}
        answered = {block["tool_use_id"] for block in _leading_results(after)}
        missing = [id for id in ids if id not in answered]
        if missing:
            yield (
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )


def _results(index: int, messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    before = _blocks(messages[index - 1]) if index else []
    asked = {block["id"] for block in before if block["type"] == "tool_use"}
    given: set[str] = set()
    for position, block in enumerate(_blocks(messages[index])):
        if block["type"] != "tool_result":
            continue
        id = block["tool_use_id"]
        if id not in asked:
            yield (
                f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if id in given:
            yield f"messages.{index}.content.{position}: each tool_use must have a single result. Found multiple"
        given.add(id)


def _thinking(body: Mapping[str, Any]) -> Iterator[str]:
    for index, message in enumerate(body["messages"]):
        for position, block in enumerate(_blocks(message)):
            place = f"messages.{index}.content.{position}"
            if block["type"] == "thinking" and block.get("signature") != signature_of(block.get("thinking", "")):
                yield f"{place}: Invalid `signature` in `thinking` block"
            if block["type"] == "redacted_thinking" and not _is_redacted_data(block.get("data", "")):
                yield f"{place}: Invalid `data` in `redacted_thinking` block"
    if (body.get("thinking") or {}).get("type") == "enabled":
        yield from _budget(body)
        yield from _final_answer(body["messages"])


def _budget(body: Mapping[str, Any]) -> Iterator[str]:
    budget = body["thinking"].get("budget_tokens", 0)
    if budget < _LEAST_BUDGET:
        yield f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_LEAST_BUDGET}"
    if budget >= body["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."
    if body.get("temperature", 1) != 1:
        yield "`temperature` may only be set to 1 when thinking is enabled."
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."


def _final_answer(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """In a tool loop, the answer being continued must begin with its thoughts; text alone may stand without."""
    index = next((i for i in reversed(range(len(messages))) if messages[i]["role"] == "assistant"), None)
    if index is None:
        return
    blocks = _blocks(messages[index])
    has_calls = any(block["type"] == "tool_use" for block in blocks)
    if has_calls and blocks[0]["type"] not in _THINKING:
        yield (
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _caching(body: Mapping[str, Any]) -> Iterator[str]:
    found = breakpoints(body)
    if found > _BREAKPOINTS:
        yield f"A maximum of {_BREAKPOINTS} blocks with cache_control may be provided. Found {found}."
    for block in _all_blocks(body):
        if block.get("cache_control") and block.get("type") in _THINKING:
            yield f"`{block['type']}` blocks cannot have cache_control"
    lives = [block["cache_control"].get("ttl", "5m") for block in _all_blocks(body) if block.get("cache_control")]
    if "5m" in lives and "1h" in lives[lives.index("5m") :]:
        yield "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."


def _tools(body: Mapping[str, Any]) -> Iterator[str]:
    names = [tool.get("name", "") for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    for index, tool in enumerate(body.get("tools") or ()):
        if not _TOOL_NAME.fullmatch(tool.get("name", "")):
            yield f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if tool.get("input_schema", {}).get("type") != "object":
            yield f"tools.{index}.custom.input_schema.type: Field required"
    if body.get("tool_choice") and not names:
        yield "tool_choice: tool_choice may only be specified while providing tools."


_CHECKS = (_fields, _roles, _contents, _calls, _thinking, _caching, _tools)


def _blocks(message: Mapping[str, Any]) -> list[Block]:
    content = message.get("content", [])
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _leading_results(message: Mapping[str, Any]) -> Iterable[Block]:
    for block in _blocks(message):
        if block["type"] != "tool_result":
            return
        yield block


def _all_blocks(body: Mapping[str, Any]) -> Iterator[Block]:
    """Everything that can carry a breakpoint, in the order in which it is cached."""
    yield from body.get("tools") or ()
    system = body.get("system")
    yield from system if isinstance(system, list) else ()
    for message in body["messages"]:
        yield from _blocks(message)


def _is_redacted_data(data: str) -> bool:
    return hashlib.sha256(data[:64].encode()).hexdigest()[:16] == data[64:]
