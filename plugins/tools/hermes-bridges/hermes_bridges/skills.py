"""The skills of all folders as a source: read where they lie, as long as they are what was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_bridges.bridges import Bridges
from hermes_host.protocols import SkillFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext

__all__ = ["BridgedSkills", "connect"]


class BridgedSkills:
    """Skills of folders that are on."""

    def __init__(self, bridges: Bridges) -> None:
        self._bridges = bridges

    def folders(self) -> Sequence[SkillFolder]:
        """Where they lie; the category is the bridge's name."""
        return [
            SkillFolder(path=f"{bridge.consent.path}/{path}".removesuffix("/."), category=bridge.name)
            for bridge in self._bridges.on()
            if bridge.bundle is not None
            for path in bridge.bundle.skills
        ]


async def connect(context: PluginContext, spec: object) -> BridgedSkills:
    """The source."""
    return BridgedSkills(await context.services.get(Bridges))
