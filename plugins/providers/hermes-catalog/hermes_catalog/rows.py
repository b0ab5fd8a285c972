"""Models as rows for people to choose from, filtered by what they typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_host.services import ModelFacts

__all__ = ["Row", "price_text", "rows", "tokens_text"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One model, in words short enough for a list."""

    reference: str
    """`provider:model`, as `hermes model set` takes it."""
    name: str
    context: str
    """Such as `200k` or `1M`; empty where it is only assumed."""
    price: str
    """Dollars per million tokens in and out, such as `$3/$15`; empty where unknown."""


def rows(facts: Iterable[ModelFacts], query: str = "") -> Sequence[Row]:
    """The models that match `query`, best first; all in their order when it is empty.

    Each word of the query must be in the reference or the name, whole or with its letters in order. Words found whole
    count more, most where they begin a part of a short name.
    """
    words = query.casefold().split()
    listed = list(facts)
    if words:
        scores = {index: _score(words, each) for index, each in enumerate(listed)}
        found = sorted((index for index in scores if scores[index] >= 0), key=lambda index: -scores[index])
        listed = [listed[index] for index in found]
    return [_row(each) for each in listed]


def tokens_text(tokens: int) -> str:
    """`200k`, `1M`, `1.05M`; empty for 0."""
    if tokens <= 0:
        return ""
    if tokens >= 1_000_000:
        return f"{tokens / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"
    return f"{round(tokens / 1000)}k" if tokens >= 1000 else str(tokens)


def price_text(facts: ModelFacts) -> str:
    """`$3/$15`; `free`; empty where unknown."""
    if facts.input_price is None or facts.output_price is None:
        return ""
    if facts.input_price == 0 == facts.output_price:
        return "free"
    return f"${facts.input_price:g}/${facts.output_price:g}"


def _row(facts: ModelFacts) -> Row:
    return Row(
        reference=f"{facts.provider}:{facts.model}",
        name=facts.name,
        context="" if facts.source == "assumed" else tokens_text(facts.context),
        price=price_text(facts),
    )


def _score(words: Sequence[str], facts: ModelFacts) -> float:
    """How well the words fit; below 0 when one of them is not there at all."""
    texts = (facts.model.casefold(), facts.name.casefold(), f"{facts.provider}:{facts.model}".casefold())
    total = 0.0
    for word in words:
        best = max(_fit(word, text) for text in texts)
        if best < 0:
            return -1.0
        total += best
    return total


def _fit(word: str, text: str) -> float:
    if not text:
        return -1.0
    place = text.find(word)
    if place >= 0:
        at_start = place == 0 or not text[place - 1].isalnum()
        return (20 if at_start else 10) + len(word) / len(text)
    return _in_order(word, text)


def _in_order(word: str, text: str) -> float:
    """Letters in order, with anything between them: the closer together, the better; below 0 when one is missing."""
    place = first = -1
    for letter in word:
        place = text.find(letter, place + 1)
        if place < 0:
            return -1.0
        first = place if first < 0 else first
    return len(word) / (place - first + 1)
