"""The files of a skill besides SKILL.md: which there are, and reading one, wherever its name leads."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_skills.names import FOLDERS
from hermes_skills.tree import TreeError, ignored, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["linked_files", "read_linked"]

_MOST = 200


def read_linked(folder: Path, path: str, *, limit: int) -> bytes:
    """The bytes of a skill's file. A link is followed within the skill, never out of it.

    Raises `TreeError` for a path that leaves the skill and for a file that is too large, and `OSError`.
    """
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or "\\" in path or "\x00" in path:
        raise TreeError(
            f"{path!r} does not name a file of the skill.", remedy="Use a path such as references/notes.md."
        )
    try:
        return read_file(folder, parts, limit=limit)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
    root = Path(os.path.realpath(folder))
    target = Path(os.path.realpath(root.joinpath(*parts)))
    if not target.is_relative_to(root):
        raise TreeError(f"{path!r} is a link that leaves the skill.", remedy="Nothing was read.")
    # What the links resolved to is opened without following any; one swapped in between is an error, no escape.
    return read_file(root, target.relative_to(root).parts, limit=limit)


def linked_files(folder: Path) -> Mapping[str, list[str]]:
    """The files below each of the skill's folders, as paths within the skill."""
    found: dict[str, list[str]] = {}
    for name in FOLDERS:
        paths = []
        for place, folders, files in os.walk(folder / name):
            folders[:] = sorted(each for each in folders if not ignored(each) and not each.startswith("."))
            for file in sorted(files):
                if not ignored(file) and not file.startswith("."):
                    paths.append((Path(place) / file).relative_to(folder).as_posix())  # noqa: PERF401
            if len(paths) >= _MOST:
                break
        if paths:
            found[name] = paths[:_MOST]
    return found
