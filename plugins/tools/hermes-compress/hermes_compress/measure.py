"""How many tokens a request has: counted by the vendor where it was sent, estimated where it was not.

Text is given a *weight*, a first guess in tokens that treats scripts differently. What vendors report for whole
requests then tells how many of their tokens one unit of weight is; that ratio is kept for each model, so that code,
prose and languages come out right after the first answer, whatever the tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.protocols import ToolDefinition

__all__ = ["Meter", "weigh", "weigh_text"]

_ASCII_PER_TOKEN = 4.0
_OTHER_BYTES_PER_TOKEN = 2.5
"""UTF-8 bytes: a Chinese character has three and is about one token, a Cyrillic letter two and about half a token."""

_PER_PART = 4.0
_MEDIA = {"image": 1600.0, "audio": 2000.0, "video": 6000.0, "file": 3000.0}
"""Tokens; an image is 1,600 at most in Anthropic's documentation, the others are coarse guesses."""

_PLAUSIBLE = (0.3, 4.0)
"""Tokens per unit of weight. A vendor that reports less counts only a part, such as what its cache did not have."""


def weigh_text(text: str) -> float:
    """The weight of a text."""
    if text.isascii():
        return len(text) / _ASCII_PER_TOKEN
    plain = len(text.encode("ascii", "ignore"))
    return plain / _ASCII_PER_TOKEN + (len(text.encode("utf-8", "surrogatepass")) - plain) / _OTHER_BYTES_PER_TOKEN


def weigh(message: Message) -> float:
    """The weight of a message."""
    return _PER_PART + sum(map(_weigh_part, message.parts))


def _weigh_part(part: object) -> float:
    match part:
        case Text() | Reasoning():
            return weigh_text(part.text)
        case ToolCall():
            raw = part.raw or msgspec.json.encode(part.arguments).decode()
            return _PER_PART + weigh_text(part.name) + weigh_text(raw)
        case ToolResult():
            return _PER_PART + sum(map(_weigh_part, part.content))
        case Media():
            return _MEDIA[part.kind]
        case _:
            return _PER_PART


class _Measured(msgspec.Struct, frozen=True):
    """A request the vendor has counted: how many messages it had, the last of them, its view, and its tokens."""

    model: str
    count: int
    last: Message
    view: int
    tokens: int


class Meter:
    """The weights of one conversation, and what its vendors counted.

    Each message is weighed once: conversations grow and shrink only at their end.
    """

    def __init__(self) -> None:
        self._seen: list[Message] = []
        self._sums: list[float] = [0.0]
        self._system: tuple[str, tuple[ToolDefinition, ...], float] = ("", (), 0.0)
        self._ratios: dict[str, float] = {}
        self._expected = 1.0
        self._measured: _Measured | None = None

    def follow(self, messages: Sequence[Message]) -> None:
        """Weigh what is new, and forget what is gone."""
        seen, sums = self._seen, self._sums
        while seen and (len(seen) > len(messages) or messages[len(seen) - 1] is not seen[-1]):
            seen.pop()
            sums.pop()
        for index in range(len(seen), len(messages)):
            message = messages[index]
            seen.append(message)
            sums.append(sums[-1] + weigh(message))

    def between(self, start: int, stop: int) -> float:
        """The weight of messages `start` to `stop` of those followed."""
        return self._sums[stop] - self._sums[start]

    def fixed(self, system: str, tools: tuple[ToolDefinition, ...]) -> float:
        """The weight of the system prompt and the tools."""
        if self._system[0] is not system or self._system[1] is not tools:
            weight = weigh_text(system) + sum(
                _PER_PART + weigh_text(tool.summary) + weigh_text(msgspec.json.encode(tool.parameters).decode())
                for tool in tools
            )
            self._system = (system, tools, weight)
        return self._system[2]

    def ratio(self, model: str) -> float:
        """Tokens per unit of weight: this model's, else that of another model of the conversation, else as expected."""
        return self._ratios.get(model) or next(iter(self._ratios.values()), self._expected)

    def expect(self, ratio: float) -> None:
        """Take in what the ratio was before a restart."""
        if _PLAUSIBLE[0] <= ratio <= _PLAUSIBLE[1]:
            self._expected = ratio

    def tokens(self, model: str, weight: float, view: int) -> float:
        """The tokens of a request for the followed messages: `weight` is all of it, `view` the number of its view."""
        seen, measured = self._seen, self._measured
        ratio = self.ratio(model)
        if (
            measured is None
            or (measured.model, measured.view) != (model, view)
            or measured.count > len(seen)
            or seen[measured.count - 1] is not measured.last
        ):
            return weight * ratio
        # The answer to that request was counted as its output.
        answered = measured.count < len(seen) and seen[measured.count].role == "assistant"
        return measured.tokens + ratio * self.between(measured.count + answered, len(seen))

    def learn(self, model: str, weight: float, view: int, *, input: int, output: int) -> None:
        """Take in what the vendor counted for a request with the followed messages."""
        ratio = input / weight if weight else 0.0
        if not _PLAUSIBLE[0] <= ratio <= _PLAUSIBLE[1]:
            return
        self._ratios[model] = ratio
        self._measured = _Measured(model, len(self._seen), self._seen[-1], view, input + output)

    def at_least(self, model: str, weight: float, tokens: float) -> None:
        """Take in that a request of this weight had more tokens than the estimate said."""
        self._measured = None
        if weight:
            self._ratios[model] = max(self.ratio(model), min(tokens / weight, _PLAUSIBLE[1]))
