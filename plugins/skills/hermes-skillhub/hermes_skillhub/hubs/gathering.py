"""Asking several places of one hub at once: what they have together, and a word about those that failed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from hermes_skillhub.protocol import SkillListing

__all__ = ["gathered"]


async def gathered(
    work: Mapping[str, Awaitable[Sequence[SkillListing]]], report: Callable[[str], None]
) -> list[SkillListing]:
    """The listings of all places, by their names. Raises the first failure when every place failed."""
    found = await asyncio.gather(*work.values(), return_exceptions=True)
    listings: list[SkillListing] = []
    failures: dict[str, HermesError] = {}
    for place, outcome in zip(work, found, strict=True):
        if isinstance(outcome, HermesError):
            failures[place] = outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            listings += outcome
    if failures and len(failures) == len(work):
        raise next(iter(failures.values()))
    for place, failure in failures.items():
        report(f"{place}: {failure.message}")
    return listings
