"""The source: every folder below `skills/` of this package that holds a `SKILL.md`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.protocols import SkillFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext
    from hermes_host.specs import SkillSourceSpec

SKILLS = Path(__file__).parent / "skills"


def connect(context: PluginContext, spec: SkillSourceSpec) -> Source:
    """The target of the spec."""
    return Source()


class Source:
    """Skills are read where they lie, and go away with the package."""

    def folders(self) -> Sequence[SkillFolder]:
        """Every skill, without reading it."""
        return [SkillFolder(path=str(path.parent)) for path in sorted(SKILLS.glob("*/SKILL.md"))]
