"""From the host's messages to turns that alternate between user and assistant, as the API demands them.

Each call of an answer is answered at the beginning of the next turn, in the order of the calls: results that belong to
no call are left out, calls without a result get one that says so. Messages of one role in a row become one turn.

Blocks are bytes from here on. Each message is encoded once and kept by `Encoder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_anthropic.blocks import assistant_blocks, call_id, result_block, user_blocks
from hermes_host.messages import Message, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["EncodedMessage", "Turn", "arrange", "encode"]

_encode = msgspec.json.encode
_GOES_ON = _encode({"type": "text", "text": "(The conversation goes on.)"})
_GO_ON = _encode({"type": "text", "text": "Go on."})
_TOOL_USE = b'{"type":"tool_use"'
_NO_RESULT = "This call was interrupted; whether it had an effect is not known."


class EncodedMessage(msgspec.Struct, frozen=True):
    """A message's blocks. `calls` and `results` bear the ids as they stand on the wire."""

    role: str
    blocks: tuple[bytes, ...] = ()
    calls: tuple[str, ...] = ()
    results: tuple[tuple[str, bytes], ...] = ()
    thinks_first: bool = False

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(map(len, self.blocks)) + sum(len(block) for _, block in self.results)


class Turn:
    """One turn on the wire."""

    __slots__ = ("blocks", "calls", "role", "thinks_first")

    def __init__(self, role: str) -> None:
        self.role = role
        self.blocks: list[bytes] = []
        self.calls = False
        """Whether it has calls."""
        self.thinks_first = False


def encode(message: Message, model: str) -> EncodedMessage:
    """The blocks of one message for requests to `model`."""
    if message.role == "assistant":
        blocks = assistant_blocks(message.parts, model)
        calls = tuple(call_id(part.id) for part in message.parts if isinstance(part, ToolCall))
        thinks = bool(blocks) and blocks[0]["type"] in ("thinking", "redacted_thinking")
        return EncodedMessage("assistant", _all(blocks), calls, thinks_first=thinks)
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    others = user_blocks(message.parts, own=message.role == "user" and message.provenance == "owner")
    return EncodedMessage(
        "user", _all(others), results=tuple((call_id(part.call_id), _encode(result_block(part))) for part in results)
    )


class _Call:
    """A call that waits for its result: the id the messages know, the id on the wire, the result's block."""

    __slots__ = ("id", "result", "wire_id")

    def __init__(self, id: str, wire_id: str) -> None:
        self.id = id
        self.wire_id = wire_id
        self.result = b""

    def block(self) -> bytes:
        """The block of the result, or of its absence."""
        if not self.result:
            content = [{"type": "text", "text": _NO_RESULT}]
            missing = {"type": "tool_result", "tool_use_id": self.wire_id, "content": content, "is_error": True}
            return _encode(missing)
        return self.result if self.wire_id == self.id else _changed(self.result, "tool_use_id", self.wire_id)


def arrange(messages: Iterable[EncodedMessage]) -> Sequence[Turn]:
    """The turns of a request; the first and the last are the user's."""
    arrangement = _Arrangement()
    for message in messages:
        if message.role == "assistant":
            arrangement.answer(message)
        else:
            arrangement.user(message)
    return arrangement.finished()


class _Arrangement:
    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._waiting: list[_Call] = []
        self._seen: set[str] = set()

    def answer(self, message: EncodedMessage) -> None:
        if not message.blocks:
            return
        self._settle()
        if not self._turns:
            self._turn("user").blocks.append(_GOES_ON)
        turn = self._turn("assistant")
        if not turn.blocks:
            turn.thinks_first = message.thinks_first
        calls = [_Call(id, self._free_id(id)) for id in message.calls]
        turn.blocks.extend(_with_wire_ids(message.blocks, calls))
        turn.calls = turn.calls or bool(calls)
        self._waiting = calls

    def user(self, message: EncodedMessage) -> None:
        for id, block in message.results:
            call = next((call for call in self._waiting if call.id == id and not call.result), None)
            if call is not None:
                call.result = block
        if message.blocks:
            self._settle()
            self._turn("user").blocks.extend(message.blocks)

    def finished(self) -> Sequence[Turn]:
        self._settle()
        if not self._turns or self._turns[-1].role == "assistant":
            self._turn("user").blocks.append(_GO_ON)
        return self._turns

    def _settle(self) -> None:
        """Answer the calls that wait; a result that comes later belongs to none."""
        if self._waiting:
            self._turn("user").blocks.extend(call.block() for call in self._waiting)
            self._waiting = []

    def _turn(self, role: str) -> Turn:
        """The last turn, or a new one where the other side had the word."""
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(Turn(role))
        return self._turns[-1]

    def _free_id(self, id: str) -> str:
        """The id, or a new one where it is taken: some vendors number the calls of each answer from 0 again."""
        free, number = id, 2
        while free in self._seen:
            free, number = f"{id}_{number}", number + 1
        self._seen.add(free)
        return free


def _with_wire_ids(blocks: tuple[bytes, ...], calls: Sequence[_Call]) -> Iterable[bytes]:
    if all(call.id == call.wire_id for call in calls):
        return blocks
    left = iter(calls)
    return [_changed(block, "id", next(left).wire_id) if block.startswith(_TOOL_USE) else block for block in blocks]


def _changed(block: bytes, key: str, value: str) -> bytes:
    fields: dict[str, Any] = msgspec.json.decode(block)
    return _encode({**fields, key: value})


def _all(blocks: Iterable[dict[str, Any]]) -> tuple[bytes, ...]:
    return tuple(_encode(block) for block in blocks)
