"""Facts with the prices of long prompts, which `ModelFacts` has no room for, and how layers of facts are joined."""

from __future__ import annotations

from typing import Any

import msgspec

from hermes_host.services import ModelFacts

__all__ = ["NO_PRICES", "PricedFacts", "as_object", "over"]

NO_PRICES: dict[str, Any] = {
    "input_price": None,
    "output_price": None,
    "cached_price": None,
    "cache_write_price": None,
    "long_above": 0,
    "long_input_price": None,
    "long_output_price": None,
    "long_cached_price": None,
    "long_cache_write_price": None,
    "price_source": "",
}
"""An empty price list."""


class PricedFacts(ModelFacts, frozen=True, kw_only=True, omit_defaults=True):
    """`ModelFacts` of a vendor who charges more for long prompts.

    A request with more than `long_above` prompt tokens (0: no such step) costs the `long_` prices, every token of it.
    """

    long_above: int = 0
    long_input_price: float | None = None
    long_output_price: float | None = None
    long_cached_price: float | None = None
    long_cache_write_price: float | None = None
    price_source: str = ""
    """Where the prices are from, in the words of `source`; empty without prices."""


def over(facts: PricedFacts, source: str, known: dict[str, Any]) -> PricedFacts:
    """`facts` with what another source knows put over it.

    `source` names where facts other than prices are from, `price_source` the prices'.
    A price for input or output replaces the whole price list; prices of the cache alone complete the one there is.
    """
    if not known:
        return facts
    if known.keys() & {"input_price", "output_price"}:
        known = {**NO_PRICES, **known}
    if known.keys() & NO_PRICES.keys():
        known = {**known, "price_source": source}
    if known.keys() - NO_PRICES.keys():
        known = {**known, "source": source}
    replaced: PricedFacts = msgspec.structs.replace(facts, **known)
    return replaced


def as_object(facts: PricedFacts) -> dict[str, Any]:
    """The facts as a plain mapping for JSON; unknown values are left out, sets are sorted lists."""
    plain: dict[str, Any] = msgspec.to_builtins(facts)
    plain.update(inputs=sorted(facts.inputs), reasoning=facts.reasoning, tools=facts.tools)
    return plain
