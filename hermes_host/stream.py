"""What a provider's stream says, and how the pieces become a message.

The grammar, checked by `hermes_host.testing` for every provider:

* parts are numbered 0, 1, 2 … in the order in which they appear in the message;
* a part is started, gets any number of deltas, and is ended before the next one starts;
* the deltas of a part, joined, are its text (of a tool call: the JSON text of its arguments, `ToolCall.raw`);
* `UsageReported` may come at any time; the last one counts;
* exactly one `MessageEnded` comes, last, and its message consists of the ended parts;
* `AttemptDiscarded` voids everything before it: the answer begins anew with part 0;
* failures are raised as `ProviderError`, never yielded; cancelling the iterator closes the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.errors import InvalidResponse
from hermes_host.messages import Message, Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = [
    "AttemptDiscarded",
    "MessageEnded",
    "PartDelta",
    "PartEnded",
    "PartKind",
    "PartStarted",
    "ProviderEvent",
    "ProviderNotice",
    "StopReason",
    "Usage",
    "UsageReported",
    "fold",
]

StopReason = Literal["end", "tool_calls", "length", "refused", "other"]
"""Why the model stopped: it was done; it wants tools; it hit the output limit; a filter stopped it; something else."""

PartKind = Literal["text", "reasoning", "tool_call", "media"]


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one model call. `input` counts all prompt tokens, `cached` and `cache_write` are among them;
    `output` counts all generated tokens, `reasoning` is among them."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            cache_write=self.cache_write + other.cache_write,
            reasoning=self.reasoning + other.reasoning,
        )


class PartStarted(msgspec.Struct, frozen=True, gc=False):
    """A part begins. `name` is the tool's name for a tool call, else empty."""

    index: int
    kind: PartKind
    name: str = ""


class PartDelta(msgspec.Struct, frozen=True, gc=False):
    """More text of the open part."""

    index: int
    text: str


class PartEnded(msgspec.Struct, frozen=True):
    """The part is complete."""

    index: int
    part: Part


class UsageReported(msgspec.Struct, frozen=True):
    """Tokens so far, as the vendor counts them."""

    usage: Usage


class ProviderNotice(msgspec.Struct, frozen=True):
    """Something a person should see, such as a retry or a fallback, in one plain sentence. `code` is for programs."""

    text: str
    code: str = ""


class AttemptDiscarded(msgspec.Struct, frozen=True):
    """What came so far does not count: the answer is asked for again. `reason` is one plain sentence."""

    reason: str


class MessageEnded(msgspec.Struct, frozen=True):
    """The end of the stream: the whole message, why it ended, and what it cost."""

    message: Message
    stop_reason: StopReason
    usage: Usage


ProviderEvent = PartStarted | PartDelta | PartEnded | UsageReported | ProviderNotice | AttemptDiscarded | MessageEnded


async def fold(events: AsyncIterator[ProviderEvent]) -> MessageEnded:
    """Read a stream to its end and give its last event.

    Raises `InvalidResponse` when the stream ends without one, and whatever the stream raises.
    """
    ended: MessageEnded | None = None
    async for event in events:
        if isinstance(event, MessageEnded):
            ended = event
    if ended is None:
        raise InvalidResponse("The model's stream ended without an end-of-message event.")
    return ended
