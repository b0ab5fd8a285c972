"""What a call cost, by the price list of its model. Nothing is guessed: a missing price gives no cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hermes_host.services import ModelFacts
    from hermes_host.stream import Usage

__all__ = ["PriceList", "price_list"]


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars per million tokens; None where unknown."""

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    source: str = ""

    def cost(self, usage: Usage) -> float | None:
        """Dollars for these tokens, None when a price that is needed is unknown."""
        plain = max(0, usage.input - usage.cached - usage.cache_write)
        lines = (
            (plain, self.input),
            (usage.cached, self.cached),
            (usage.cache_write, self.cache_write),
            (usage.output, self.output),
        )
        if any(tokens and price is None for tokens, price in lines):
            return None
        return sum(tokens * price for tokens, price in lines if price is not None) / 1_000_000


def price_list(facts: ModelFacts, prompt_tokens: int) -> PriceList:
    """The prices that hold for a request with so many prompt tokens, the cached ones included."""
    # A catalogue may know more than the contract asks for: a step above which the whole request costs more.
    step: int = getattr(facts, "long_above", 0)
    prefix = "long_" if step and prompt_tokens > step else ""
    return PriceList(
        input=getattr(facts, f"{prefix}input_price"),
        output=getattr(facts, f"{prefix}output_price"),
        cached=getattr(facts, f"{prefix}cached_price"),
        cache_write=getattr(facts, f"{prefix}cache_write_price"),
        source=getattr(facts, "price_source", "") or (facts.source if facts.input_price is not None else ""),
    )
