"""What is kept of the conversations used last, so that no request costs more than what is new in it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from hermes_host.messages import Message
    from hermes_host.protocols import ModelRequest, ToolDefinition

__all__ = ["EncodedMessages", "RequestHeads"]

T = TypeVar("T")

_CONVERSATIONS = 64
_KEPT_BYTES = 64 * 1024 * 1024


class EncodedMessages(Generic[T]):
    """Encodes each message of a conversation once. `size` says how many bytes one encoded message holds."""

    def __init__(self, size: Callable[[T], int]) -> None:
        self._size = size
        self._conversations: OrderedDict[Hashable, dict[int, tuple[Message, T]]] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """How many conversations are kept."""
        return len(self._conversations)

    def of(self, conversation: Hashable, messages: Sequence[Message], encode: Callable[[Message], T]) -> list[T]:
        """The encoded messages, in order; for one conversation `encode` must give the same each time."""
        before = self._conversations.get(conversation, {})
        now: dict[int, tuple[Message, T]] = {}
        encoded: list[T] = []
        for message in messages:
            kept = before.get(id(message))
            if kept is None or kept[0] is not message:
                kept = (message, encode(message))
            now[id(message)] = kept
            encoded.append(kept[1])
        self._keep(conversation, now, sum(map(self._size, encoded)))
        return encoded

    def _keep(self, conversation: Hashable, kept: dict[int, tuple[Message, T]], size: int) -> None:
        """Keep the conversations used last, within bounds; the others are encoded anew when they go on."""
        self._conversations[conversation] = kept
        self._conversations.move_to_end(conversation)
        self._sizes[conversation] = size
        while len(self._conversations) > 1 and (
            len(self._conversations) > _CONVERSATIONS or sum(self._sizes.values()) > _KEPT_BYTES
        ):
            oldest, _ = self._conversations.popitem(last=False)
            del self._sizes[oldest]


class RequestHeads(Generic[T]):
    """Keeps what is made of a request's model, system prompt and tools, as long as these stay."""

    def __init__(self, make: Callable[[ModelRequest], T]) -> None:
        self._make = make
        self._heads: OrderedDict[Hashable, tuple[str, str, tuple[ToolDefinition, ...], T]] = OrderedDict()

    def of(self, request: ModelRequest) -> T:
        """What belongs to this request."""
        conversation = (request.session_id, request.purpose)
        kept = self._heads.get(conversation)
        if kept is not None and kept[:2] == (request.model, request.system) and kept[2] is request.tools:
            return kept[3]
        made = self._make(request)
        self._heads[conversation] = (request.model, request.system, request.tools, made)
        if len(self._heads) > _CONVERSATIONS:
            self._heads.popitem(last=False)
        return made
