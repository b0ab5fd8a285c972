"""Where a conversation may be cut, and where it is cut best."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.messages import Message

__all__ = ["Boundaries", "boundaries", "last_step"]

_STRETCH = 1.5
"""How far beyond its budget the end may go to have the wished number of messages."""


class Boundaries(NamedTuple):
    """Messages before `head` and from `cut` on stay as they are; so do those `pinned` between."""

    head: int
    cut: int
    pinned: tuple[int, ...]


def boundaries(
    messages: Sequence[Message], between: Callable[[int, int], float], *, budget: float, protect: int
) -> Boundaries:
    """The user's first message, and as much of the end as `budget` allows (a weight as `between` gives it).

    A call and its results are never parted. The last step always stays, whatever its size, because it is what the
    model is about to answer; so does the user's last message, wherever it stands.
    """
    count = len(messages)
    head = _head(messages)
    cut = last_step(messages)
    while cut > head:
        start = _step_before(messages, cut)
        weight = between(start, count)
        if weight > budget and not (count - start <= protect and weight <= budget * _STRETCH):
            break
        cut = start
    cut = max(cut, head)
    asked = next((index for index in reversed(range(count)) if messages[index].role == "user"), -1)
    return Boundaries(head, cut, (asked,) if head <= asked < cut else ())


def _head(messages: Sequence[Message]) -> int:
    first = next((index for index, message in enumerate(messages) if message.role == "user"), -1)
    head = first + 1
    while head < len(messages) and messages[head].role == "tool":
        head += 1
    return head


def last_step(messages: Sequence[Message]) -> int:
    """Where the last step begins: an answer with the results of its calls, or one message."""
    return _step_before(messages, len(messages))


def _step_before(messages: Sequence[Message], stop: int) -> int:
    start = stop - 1
    while start > 0 and messages[start].role == "tool":
        start -= 1
    return max(start, 0)
