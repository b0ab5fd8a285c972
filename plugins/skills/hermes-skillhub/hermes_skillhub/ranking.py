"""How well a skill fits what was asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_skillhub.protocol import SkillListing

__all__ = ["best", "fit"]


def fit(listing: SkillListing, query: str) -> int:
    """0 for no fit at all; every word of the query must occur somewhere."""
    words = re.findall(r"\w+", query.casefold())
    name = listing.name.casefold()
    text = " ".join((listing.description, *listing.tags, listing.identifier)).casefold()
    if not words:
        return 1
    if name == query.strip().casefold():
        return 1000
    points = 0
    for word in words:
        if word in re.findall(r"[^\W_]+", name):
            points += 20
        elif word in name:
            points += 12
        elif re.search(rf"\b{re.escape(word)}", text):
            points += 4
        elif word in text:
            points += 1
        else:
            return 0
    return points


def best(listings: Iterable[SkillListing], query: str, limit: int) -> list[SkillListing]:
    """Those that fit, best first, equal ones in the order in which they came."""
    rated = [(fit(listing, query), listing) for listing in listings]
    fitting = sorted((pair for pair in rated if pair[0]), key=lambda pair: -pair[0])
    return [listing for _, listing in fitting[:limit]]
