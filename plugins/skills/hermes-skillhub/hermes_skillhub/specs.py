"""What a plugin yields from `hermes_skill_hubs`: where skills can be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["SkillHubSpec"]


class SkillHubSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A place where skills can be found. Target: `(context: PluginContext, spec) -> SkillHub`, sync or async."""

    name: str
    """Also the prefix of references to its skills: `name:identifier`."""
    summary: str
    target: str
    priority: int = 0
    """Hubs with a higher priority are asked first whether a reference is theirs, and win among equal results."""
    aliases: tuple[str, ...] = ()
    """Other beginnings of references that mean this hub, with what parts them from the rest: `"lobehub/"`."""
    options: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """Data for the target."""
