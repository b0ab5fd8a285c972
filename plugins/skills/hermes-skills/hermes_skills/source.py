"""The skills about the host itself, as a source: read where they lie, so that they fit the installed version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.protocols import SkillFolder
from hermes_skills.settings import SkillsSettings
from hermes_skills.sync import IN_PLACE, bundled_folder, bundled_skills

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext

__all__ = ["HostSkills", "connect"]


class HostSkills:
    """The bundled skills of the category `hermes`."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def folders(self) -> Sequence[SkillFolder]:
        """Where they lie; none where bundled skills are switched off."""
        root = bundled_folder() / IN_PLACE
        found = bundled_skills(root) if self._wanted else {}
        return [SkillFolder(path=str(root.joinpath(*parts)), category=IN_PLACE) for parts in found.values()]


def connect(context: PluginContext, spec: object) -> HostSkills:
    """The source."""
    return HostSkills(context.section(SkillsSettings).bundled)
