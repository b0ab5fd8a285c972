"""The settings of the section `memory` that this plugin reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from hermes_memory.entries import Target

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered and how much of it. Characters count with the marks between entries."""

    memory_enabled: Annotated[bool, Meta(description="Keep the agent's notes, MEMORY.md.")] = True
    user_profile_enabled: Annotated[bool, Meta(description="Keep the user profile, USER.md.")] = True
    memory_char_limit: Annotated[int, Meta(ge=100, le=500_000, description="Most characters of MEMORY.md.")] = 2200
    user_char_limit: Annotated[int, Meta(ge=100, le=500_000, description="Most characters of USER.md.")] = 1375

    def enabled(self, target: Target) -> bool:
        """Whether `target` is kept at all."""
        return self.memory_enabled if target == "memory" else self.user_profile_enabled

    def limit(self, target: Target) -> int:
        """The most characters of `target`."""
        return self.memory_char_limit if target == "memory" else self.user_char_limit
