"""Request bodies, put together from bytes that are encoded once.

A body is ``{"model": …, "tools": […], "system": […], "messages": […]`` + settings + ``}``, the order in which the
vendor caches. Every message is encoded once and its bytes are kept as long as its conversation goes on, so that a
request costs the same at its hundredth message as at its second. Apart from the cache marks, each request begins with
the bytes of the one before it.

The marks (`cache_control`) are at most four: the last tool, the system prompt, the end of this request, and the end of
the request before it. The last is where the cache was written; without its mark the vendor looks back 20 blocks only,
which one step with many calls exceeds (https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_anthropic.effort import generation_fields
from hermes_anthropic.turns import EncodedMessage, Turn, arrange, encode
from hermes_host.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_host.protocols import ModelRequest, ToolDefinition

__all__ = ["BodyBuilder"]

_Kept = dict[int, tuple[Message, EncodedMessage]]
_Place = tuple[str, str, str]

_encode = msgspec.json.encode
_CONVERSATIONS = 64
_KEPT_BYTES = 64 * 1024 * 1024


class BodyBuilder:
    """Builds the bodies of one provider's requests.

    `cache` is how long prompts are cached, or `off`; `display` how thoughts are shown; `bind` whether the beta that
    drops thoughts which no longer fit may be used.
    """

    def __init__(self, *, cache: str = "5m", display: str = "summarized", bind: bool = False) -> None:
        self._mark = _mark(cache)
        self._display = display
        self._bind = bind
        self._conversations: OrderedDict[_Place, _Kept] = OrderedDict()
        self._sizes: dict[_Place, int] = {}
        self._heads: OrderedDict[_Place, tuple[tuple[Any, ...], bytes]] = OrderedDict()

    def build(self, request: ModelRequest, continued: Sequence[dict[str, Any]] = ()) -> bytes:
        """The body of a request; `continued` holds the blocks of an answer that was paused and is to go on."""
        turns = arrange(self._messages(request))
        tail = self._tail(request, turns)
        encoded = self._turns(turns)
        if continued:
            encoded.append(_encode({"role": "assistant", "content": list(continued)}))
        return b"".join((self._head(request), b",".join(encoded), b"],", tail))

    def _head(self, request: ModelRequest) -> bytes:
        """Everything up to the first message; kept while what it is made of stays."""
        made_of = (request.model, request.system, request.tools)
        place = _place(request)
        kept = self._heads.get(place)
        if kept is not None and kept[0][:2] == made_of[:2] and kept[0][2] is made_of[2]:
            return kept[1]
        head = b'{"model":' + _encode(request.model)
        if request.tools:
            tools = [_encode(_tool(tool)) for tool in request.tools]
            head += b',"tools":[' + b",".join([*tools[:-1], self._marked(tools[-1])]) + b"]"
        if request.system.strip():
            head += b',"system":[' + self._marked(_encode({"type": "text", "text": request.system})) + b"]"
        head += b',"messages":['
        self._heads[place] = (made_of, head)
        if len(self._heads) > _CONVERSATIONS:
            self._heads.popitem(last=False)
        return head

    def _messages(self, request: ModelRequest) -> Iterable[EncodedMessage]:
        place = _place(request)
        before = self._conversations.get(place, {})
        now: _Kept = {}
        for message in request.messages:
            kept = before.get(id(message))
            if kept is None or kept[0] is not message:
                kept = (message, encode(message, request.model))
            now[id(message)] = kept
        self._keep(place, now)
        return [now[id(message)][1] for message in request.messages]

    def _keep(self, place: _Place, kept: _Kept) -> None:
        """Keep the bytes of the conversations used last, within bounds; the others are encoded anew when they go on."""
        self._conversations[place] = kept
        self._conversations.move_to_end(place)
        self._sizes[place] = sum(encoded.size for _, encoded in kept.values())
        while len(self._conversations) > 1 and (
            len(self._conversations) > _CONVERSATIONS or sum(self._sizes.values()) > _KEPT_BYTES
        ):
            oldest, _ = self._conversations.popitem(last=False)
            del self._sizes[oldest]

    def _turns(self, turns: Sequence[Turn]) -> list[bytes]:
        marked = _ends_of_requests(turns)
        return [self._turn(turn, marked=turn in marked) for turn in turns]

    def _turn(self, turn: Turn, *, marked: bool) -> bytes:
        blocks = [*turn.blocks[:-1], self._marked(turn.blocks[-1])] if marked else turn.blocks
        return b'{"role":"%b","content":[%b]}' % (turn.role.encode(), b",".join(blocks))

    def _marked(self, block: bytes) -> bytes:
        return block[:-1] + self._mark + b"}" if self._mark else block

    def _tail(self, request: ModelRequest, turns: Sequence[Turn]) -> bytes:
        """What stands after the messages, so that a changed setting does not change the prefix."""
        settings = request.settings
        fields = self._fields(request)
        if fields.get("thinking", {}).get("type") == "enabled" and _began_without_thoughts(turns):
            request = msgspec.structs.replace(request, settings=msgspec.structs.replace(settings, reasoning="none"))
            fields = self._fields(request)
        return _encode({**fields, "stream": request.stream})[1:]

    def _fields(self, request: ModelRequest) -> dict[str, Any]:
        return generation_fields(
            request.model, request.settings, display=self._display, tools=bool(request.tools), bind=self._bind
        )


def _place(request: ModelRequest) -> _Place:
    """What is kept together: thoughts are encoded for one model only, and side work has other messages."""
    return request.session_id, request.model, request.purpose


def _ends_of_requests(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns at which this request and the one before it end: the last, and the last one before an answer."""
    return [turns[-1], turns[-3]] if len(turns) > 2 else [turns[-1]]


def _began_without_thoughts(turns: Sequence[Turn]) -> bool:
    """Whether the calls being answered now were made without thinking; the API then takes no thoughts in this loop."""
    answers = [turn for turn in turns if turn.role == "assistant"]
    return bool(answers) and answers[-1].calls and not answers[-1].thinks_first


def _mark(cache: str) -> bytes:
    if cache == "off":
        return b""
    control = {"type": "ephemeral", "ttl": cache} if cache != "5m" else {"type": "ephemeral"}
    return b',"cache_control":' + _encode(control)


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.summary, "input_schema": {"type": "object", **tool.parameters}}
