"""Everything this plugin asks of hermes-skills: the scanner, the versions of a skill, and which skills there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_skills.scan import Report, scan_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_host.context import PluginContext

__all__ = ["Skills"]

_PASSED_OVER = frozenset({".git", ".github", ".hub"})
_FOLDERS_AT_MOST = 5_000


class Skills:
    """The skills folder as hermes-skills sees it."""

    def __init__(self, context: PluginContext) -> None:
        self._root = context.home / "skills"

    def scan(self, folder: Path) -> Report:
        """What could do harm in the files that lie there."""
        return scan_folder(folder)

    def keep(self, folder: Path, name: str, reason: str, author: str) -> None:
        """Keep a version of the skill as it lies there, so that it can be gone back to."""

    def changed(self) -> None:
        """Skills changed on disk."""

    def names(self) -> list[str]:
        """The names of all skills in the user's folder."""
        return [folder.name for folder in self.folders()]

    def folder_of(self, name: str) -> Path | None:
        """Where a skill of that name lies, in whatever category."""
        return next((folder for folder in self.folders() if folder.name == name), None)

    def folders(self) -> Iterator[Path]:
        """Every folder with a SKILL.md, in any category."""
        for count, (parent, folders, files) in enumerate(os.walk(self._root)):
            folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
            if count > _FOLDERS_AT_MOST:
                return
            if "SKILL.md" in files and Path(parent) != self._root:
                folders.clear()
                yield Path(parent)
