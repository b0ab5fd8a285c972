"""The settings of the section `compression`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["ASSUMED_CONTEXT", "Settings"]

ASSUMED_CONTEXT = 128_000
"""Tokens, for a model nobody knows anything about."""

_PROJECT = {"project": True}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """When and how conversations are compacted. The model for summaries is set in `auxiliary.compression`."""

    enabled: Annotated[bool, Meta(description="Compact without being asked to.", extra=_PROJECT)] = True
    threshold: Annotated[
        float, Meta(gt=0, le=0.95, description="The share of the model's context at which to compact.", extra=_PROJECT)
    ] = 0.50
    target_ratio: Annotated[
        float,
        Meta(ge=0.10, le=0.80, description="The share of the threshold that stays as it was said.", extra=_PROJECT),
    ] = 0.20
    protect_last_n: Annotated[
        int, Meta(ge=0, description="Messages at the end to keep as they are, where space allows.", extra=_PROJECT)
    ] = 20
    context: Annotated[
        int, Meta(ge=0, description="The context in tokens of models the catalogue does not know; 0: 128,000.")
    ] = 0
