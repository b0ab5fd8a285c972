"""The settings of the section `learning`, and what this plugin reads of `memory` and `skills`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Learning", "MemoryIntervals", "SkillIntervals"]


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    """Whether and how experience is reviewed. The model for reviews is set in `auxiliary.review`."""

    enabled: Annotated[bool, Meta(description="Review conversations and keep what is worth keeping.")] = True
    exit_wait: Annotated[
        float,
        Meta(ge=0, le=25, description="Seconds that leaving a conversation waits for a review; 0: review it later."),
    ] = 25.0
    snapshot: Annotated[
        int, Meta(ge=4_000, le=400_000, description="Characters of a conversation that a review is shown at most.")
    ] = 60_000
    max_steps: Annotated[int, Meta(ge=1, le=30, description="Requests to the model for one review at most.")] = 8
    unused_days: Annotated[
        int, Meta(ge=1, description="Days without use after which `hermes learning curate` calls a skill stale.")
    ] = 90


class MemoryIntervals(msgspec.Struct, frozen=True, kw_only=True):
    """When memory is reviewed."""

    nudge_interval: Annotated[
        int, Meta(ge=0, description="Your messages after which a conversation is reviewed for memory; 0: never.")
    ] = 10
    flush_min_turns: Annotated[
        int, Meta(ge=0, description="Unreviewed messages of yours that make leaving wait for a review; 0: never.")
    ] = 6
    memory_char_limit: Annotated[int, Meta(ge=100, description="Most characters of MEMORY.md.")] = 2200
    user_char_limit: Annotated[int, Meta(ge=100, description="Most characters of USER.md.")] = 1375


class SkillIntervals(msgspec.Struct, frozen=True, kw_only=True):
    """When skills are reviewed."""

    creation_nudge_interval: Annotated[
        int, Meta(ge=0, description="Steps with tools after which the work is reviewed for skills; 0: never.")
    ] = 10
