"""What of a workspace differs from the index: found by git, which knows the rules for ignored files."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermes_checkpoints.git import Git

__all__ = ["Changes", "changed_paths", "sorted_out"]

_DEEPEST = 16
"""Repositories within repositories that are looked into."""


def changed_paths(git: Git, workspace: Path, *, limit: int) -> list[bytes]:
    """New, changed and deleted files, relative to the workspace. Raises `GitProblem` beyond `limit` files."""
    found = dict.fromkeys(git.lines("ls-files", "-z", "-m", "-o", "--exclude-standard", limit=limit))
    # Git names a repository within the workspace by its folder alone; its files are to be kept like all others.
    inner = [path for path in found if path.endswith(b"/")]
    for path in inner:
        del found[path]
        found.update(dict.fromkeys(_within(git, workspace, path, limit - len(found), _DEEPEST)))
    return list(found)


def _within(git: Git, workspace: Path, folder: bytes, limit: int, depth: int) -> list[bytes]:
    if not depth:
        return []
    root = os.path.join(os.fsencode(workspace), folder)
    if os.path.islink(root.rstrip(b"/")):
        return []
    environment = {"GIT_WORK_TREE": os.fsdecode(root), "GIT_INDEX_FILE": os.path.join(git.folder, "no-index")}
    names = git.lines(
        "ls-files", "-z", "-o", "--exclude-standard", environment=environment, limit=limit, folder=os.fsdecode(root)
    )
    found: list[bytes] = []
    for name in names:
        if name.endswith(b"/"):
            found += _within(git, workspace, folder + name, limit - len(found), depth - 1)
        else:
            found.append(folder + name)
    return found


class Changes(NamedTuple):
    """Paths that git can take in, or finds deleted; paths whose place something else has taken; what is unreadable."""

    paths: list[bytes]
    replaced: list[bytes]
    unreadable: int
    size: int
    """Bytes of the files to be taken in."""


def sorted_out(workspace: Path, paths: Sequence[bytes]) -> Changes:
    """What is to be done with each changed path."""
    root = os.fsencode(workspace)
    linked: dict[bytes, bool] = {b"": False}

    def behind_a_link(folder: bytes) -> bool:
        if folder not in linked:
            parent = folder.rpartition(b"/")[0]
            linked[folder] = behind_a_link(parent) or os.path.islink(root + b"/" + folder)
        return linked[folder]

    found: list[bytes] = []
    replaced: list[bytes] = []
    unreadable = size = 0
    for path in paths:
        if behind_a_link(path.rpartition(b"/")[0]):
            replaced.append(path)
            continue
        full = root + b"/" + path
        try:
            info = os.lstat(full)
        except OSError:
            found.append(path)  # deleted
            continue
        if stat.S_ISDIR(info.st_mode):
            replaced.append(path)
            continue
        if stat.S_ISREG(info.st_mode):
            if not os.access(full, os.R_OK):
                unreadable += 1
                continue
            size += info.st_size
        found.append(path)
    return Changes(found, replaced, unreadable, size)
