"""Messages as the turns of a request: user and assistant alternate, the user begins and ends, every call is answered.

The results of an answer's calls stand at the beginning of the user's next turn, in the order of the calls; what else
was said follows. A call without a result gets one that says so, and a result without a call is left out: the vendor
would refuse the request, and every later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_compatible.messages.blocks import THINKING, answer_blocks, call_id, result_block, user_blocks
from hermes_host.messages import Message, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_compatible.preset import Quirks

__all__ = ["EncodedMessage", "Turn", "arrange", "encode"]

_encode = msgspec.json.encode
_OPENING = _encode({"type": "text", "text": "(The conversation goes on.)"})
_GO_ON = _encode({"type": "text", "text": "Go on."})
_NO_RESULT = "The call was interrupted; whether it had an effect is not known."


class EncodedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message's blocks as bytes. `calls`: place and id of each call; `results`: id and block of each result."""

    role: Literal["user", "assistant"]
    blocks: tuple[bytes, ...] = ()
    calls: tuple[tuple[int, str], ...] = ()
    results: tuple[tuple[str, bytes], ...] = ()
    thinks_first: bool = False

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(map(len, self.blocks)) + sum(len(block) for _, block in self.results)


class Turn(msgspec.Struct):
    """One turn of the request."""

    role: Literal["user", "assistant"]
    blocks: list[bytes]
    has_calls: bool = False
    thinks_first: bool = False


class _Call(msgspec.Struct):
    """A call that waits for its result. The wire's id differs where an earlier call has the same one."""

    id: str
    wire_id: str
    result: bytes = b""

    def answered(self) -> bytes:
        if not self.result:
            content = [{"type": "text", "text": _NO_RESULT}]
            return _encode({"type": "tool_result", "tool_use_id": self.wire_id, "content": content, "is_error": True})
        return self.result if self.wire_id == self.id else _with(self.result, "tool_use_id", self.wire_id)


def encode(message: Message, model: str, quirks: Quirks) -> EncodedMessage:
    """The blocks of one message, for requests to this model."""
    if message.role == "assistant":
        blocks = answer_blocks(message, model, quirks)
        calls = tuple((place, block["id"]) for place, block in enumerate(blocks) if block["type"] == "tool_use")
        thinks = bool(blocks) and blocks[0]["type"] in THINKING
        return EncodedMessage(role="assistant", blocks=tuple(map(_encode, blocks)), calls=calls, thinks_first=thinks)
    results = (part for part in message.parts if isinstance(part, ToolResult))
    return EncodedMessage(
        role="user",
        blocks=tuple(map(_encode, user_blocks(message, quirks))),
        results=tuple((call_id(part.call_id), _encode(result_block(part, quirks))) for part in results),
    )


def arrange(messages: Iterable[EncodedMessage]) -> Sequence[Turn]:
    """The turns of a request."""
    arrangement = _Arrangement()
    for message in messages:
        if message.role == "user":
            arrangement.hear(message)
        elif message.blocks:
            arrangement.answer(message)
    return arrangement.finished()


class _Arrangement:
    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._waiting: list[_Call] = []
        self._said: list[bytes] = []
        self._used: set[str] = set()

    def hear(self, message: EncodedMessage) -> None:
        for id, block in message.results:
            call = next((call for call in self._waiting if call.id == id and not call.result), None)
            if call is not None:
                call.result = block
        self._said.extend(message.blocks)

    def answer(self, message: EncodedMessage) -> None:
        self._end_user_turn()
        if not self._turns:
            self._turns.append(Turn("user", [_OPENING]))
        blocks = list(message.blocks)
        for place, id in message.calls:
            call = _Call(id, self._unused(id))
            if call.wire_id != id:
                blocks[place] = _with(blocks[place], "id", call.wire_id)
            self._waiting.append(call)
        if self._turns[-1].role == "assistant":
            self._turns[-1].blocks.extend(blocks)
        else:
            self._turns.append(Turn("assistant", blocks, thinks_first=message.thinks_first))
        self._turns[-1].has_calls |= bool(message.calls)

    def finished(self) -> Sequence[Turn]:
        self._end_user_turn()
        if not self._turns or self._turns[-1].role == "assistant":
            self._turns.append(Turn("user", [_GO_ON]))
        return self._turns

    def _end_user_turn(self) -> None:
        blocks = [*(call.answered() for call in self._waiting), *self._said]
        if blocks:
            self._turns.append(Turn("user", blocks))
        self._waiting, self._said = [], []

    def _unused(self, id: str) -> str:
        """The id, or one like it: ids must differ, and some vendors number the calls of each answer from 0 again."""
        free, number = id, 2
        while free in self._used:
            free, number = f"{id}_{number}", number + 1
        self._used.add(free)
        return free


def _with(block: bytes, key: str, value: str) -> bytes:
    fields: dict[str, Any] = msgspec.json.decode(block)
    return _encode({**fields, key: value})
