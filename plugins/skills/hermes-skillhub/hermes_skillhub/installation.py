"""Everything this plugin asks of hermes-skills: the scanner, the lock, the versions, and which skills there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_skills import history
from hermes_skills.changes import local_parts, locked
from hermes_skills.history import Author
from hermes_skills.scan import Report, scan_folder
from hermes_skills.tree import read_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["Skills"]

_FOLDERS_AT_MOST = 5_000


class Skills:
    """The skills folder as hermes-skills sees it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._root = home / "skills"

    def scan(self, folder: Path) -> Report:
        """What could do harm in the files that lie there."""
        return scan_folder(folder)

    def writing(self) -> AbstractContextManager[Path]:
        """The lock that everybody holds who changes skills; not to be taken twice."""
        return locked(self._home)

    def keep_edits(self, path: str) -> None:
        """Keep what was changed by hand in the skill at `path` (relative to the skills folder) as a version."""
        name, category, folder = _split(self._root, path)
        entries = read_tree(folder)
        last = history.latest(self._home, name)
        if last is None or last.digest != history.digest(entries):
            action = "change" if last else "found"
            history.record(self._home, name, entries, category=category, author=Author("hand"), action=action)

    def keep(self, path: str, action: str) -> None:
        """Keep the skill as it lies there as a version that came from a hub."""
        name, category, folder = _split(self._root, path)
        entries = read_tree(folder) if folder.is_dir() else {}
        history.record(self._home, name, entries, category=category, author=Author("hub"), action=action)

    def place_of(self, name: str) -> str:
        """Where a skill lies below the skills folder, by its folder's name or by what its SKILL.md says; else empty."""
        parts = local_parts(self._home, name)
        return "/".join(parts) if parts is not None else ""

    def names(self) -> list[str]:
        """The names of all skills in the user's folder."""
        return [folder.name for folder in self.folders()]

    def folders(self) -> Iterator[Path]:
        """Every folder with a SKILL.md, in any category."""
        for count, (parent, folders, files) in enumerate(os.walk(self._root)):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if count > _FOLDERS_AT_MOST:
                return
            if "SKILL.md" in files and parent != str(self._root):
                folders.clear()
                yield Path(parent)


def _split(root: Path, path: str) -> tuple[str, str, Path]:
    category, _, name = path.rpartition("/")
    return name, category, root / path
