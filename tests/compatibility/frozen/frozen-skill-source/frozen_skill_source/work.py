"""Frozen: never edit."""

from __future__ import annotations

from pathlib import Path

from hermes_host.protocols import SkillFolder


def connect(context, spec):
    return Source()


class Source:
    def folders(self):
        root = Path(__file__).parent / "skills"
        return [SkillFolder(path=str(path.parent), category="frozen") for path in sorted(root.glob("*/SKILL.md"))]
