"""Which files of a workspace run something or are read at the start of a program, and which hold secrets."""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hermes_local.names import GIT_DATA, HOME_SETTINGS, KEPT_ABSENT, SETTINGS, START_UP

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Found",
    "Placeholder",
    "find",
    "is_protected",
    "protect_repository",
    "repository_of",
]

_GIT_RUNS = ("hooks", "config", "config.worktree", "commondir", "gitdir")
_DIRECTORIES_AT_MOST = 2000
_DEPTH_AT_MOST = 5
_NOT_SEARCHED = frozenset(["node_modules", "__pycache__", ".venv", "venv", "site-packages", "target", ".tox"])


@dataclass
class Found:
    """What is to be protected in a workspace, as absolute paths."""

    there: list[str] = field(default_factory=list)
    """Existing files and directories that must not be changed."""
    missing: list[str] = field(default_factory=list)
    """What must not come into being."""
    swept: list[str] = field(default_factory=list)
    """What cannot be kept from coming into being, and is taken away as soon as it is there."""


def is_protected(path: str, root: str, homes: tuple[str, ...]) -> str:
    """Why the file at the absolute `path` below the writable `root` must not be written; empty when it may."""
    parts = path.casefold().split("/")[root.rstrip("/").count("/") + 1 :]
    for at, part in enumerate(parts):
        part = part.rstrip(" .")
        if part in START_UP or part in SETTINGS:
            return f"{part} is run or read at the start of a program"
        if part == ".git":
            return _in_git(parts[at + 1 :])
    for home in homes:
        for name in HOME_SETTINGS:
            if _covers(f"{home}/{name}".casefold(), path.casefold()):
                return f"{name} is a protected place of the home directory"
    return ""


def _covers(entry: str, path: str) -> bool:
    return path == entry or path.startswith(entry + "/") or entry.startswith(path + "/")


def _in_git(inside: list[str]) -> str:
    if not inside:
        return "it would replace a git directory"
    if inside[0] in ("modules", "worktrees"):
        if any(part in _GIT_RUNS or part == "info" for part in inside[1:]):
            return "hooks and settings of git run programs"
        return ""
    if inside[0].removesuffix(".lock") in GIT_DATA or inside == ["info", "exclude"]:
        return ""
    return "hooks and settings of git run programs"


def find(workspace: str, homes: tuple[str, ...]) -> Found:
    """Look through a workspace: at most some thousand directories, a few levels deep."""
    found = Found()
    inside = [home for home in homes if home == workspace or home.startswith(workspace + "/")]
    for home in inside:
        _add(found, [f"{home}/{name}" for name in sorted(START_UP)])
        # Below a directory that is not there, nothing can be kept from being made without making that directory.
        _add(found, [f"{home}/{name}" for name in HOME_SETTINGS])
    if workspace not in inside:
        _add(found, [f"{workspace}/{name}" for name in KEPT_ABSENT if name != ".git"])
    if _is_absent(f"{workspace}/.git"):
        found.missing.append(f"{workspace}/.git")
    for directory, names in _directories(workspace):
        for name in names:
            path = f"{directory}/{name}"
            if name == ".git":
                _protect_git(path, found)
            elif name in START_UP or name in SETTINGS:
                found.there.append(path)
    found.there = [path for path in dict.fromkeys(found.there) if not (os.path.islink(path) or _is_absent(path))]
    found.missing = list(dict.fromkeys(found.missing))
    return found


def _add(found: Found, paths: list[str]) -> None:
    for path in paths:
        if not _is_absent(path):
            found.there.append(path)
        elif os.path.isdir(os.path.dirname(path)):
            found.missing.append(path)
        elif os.path.isdir(os.path.dirname(os.path.dirname(path))):
            found.missing.append(os.path.dirname(path))


def _directories(root: str) -> Iterator[tuple[str, list[str]]]:
    """Directories from the top downwards, each with the interesting names in it."""
    level = [root]
    seen = 0
    for _ in range(_DEPTH_AT_MOST):
        below: list[str] = []
        for directory in level:
            seen += 1
            if seen > _DIRECTORIES_AT_MOST:
                return
            names = []
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        name = entry.name
                        if name == ".git" or name in START_UP or name in SETTINGS:
                            names.append(name)
                        elif name not in _NOT_SEARCHED and entry.is_dir(follow_symlinks=False):
                            below.append(entry.path)
            except OSError:
                continue
            yield directory, names
        level = below


def _protect_git(path: str, found: Found) -> None:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if stat.S_ISREG(mode):  # a worktree or a submodule: names the directory
        found.there.append(path)
    elif stat.S_ISDIR(mode) and not _is_absent(path):
        protect_repository(path, found)
        for directory, _ in _repositories(f"{path}/modules"):
            protect_repository(directory, found)


def protect_repository(path: str, found: Found) -> None:
    """Protect hooks and settings of the git directory `path`."""
    for name in ("hooks", "config", "config.worktree", "info/attributes"):
        if not _is_absent(f"{path}/{name}"):
            found.there.append(f"{path}/{name}")
        elif name in ("hooks", "config"):
            found.missing.append(f"{path}/{name}")
    found.swept += [
        f"{path}/{name}"
        for name in ("commondir", "gitdir", "config.worktree", "info/attributes")
        if not os.path.lexists(f"{path}/{name}")
    ]


def _repositories(root: str) -> Iterator[tuple[str, list[str]]]:
    for directory, _, files in os.walk(root):
        if "HEAD" in files:
            yield directory, files


def repository_of(workspace: str) -> str:
    """The git directory outside the workspace that the workspace is a worktree of, where that directory says so too.

    A `.git` file can name any directory; only one that names this worktree in return may be written to.
    """
    try:
        with open(f"{workspace}/.git", encoding="utf-8") as file:  # noqa: PTH123
            line = file.read(4096)
        if not line.startswith("gitdir: "):
            return ""
        private = os.path.realpath(os.path.join(workspace, line[8:].strip()))
        with open(f"{private}/gitdir", encoding="utf-8") as file:  # noqa: PTH123
            back = os.path.realpath(os.path.join(private, file.read(4096).strip()))
        with open(f"{private}/commondir", encoding="utf-8") as file:  # noqa: PTH123
            common = os.path.realpath(os.path.join(private, file.read(4096).strip()))
    except OSError:
        return ""
    if back != os.path.realpath(f"{workspace}/.git") or os.path.dirname(os.path.dirname(private)) != common:
        return ""
    return common


class Placeholder:
    """An empty directory in the place of something that must not come into being while a sandbox runs.

    Several sandboxes, also of several hosts, may need the same one: each holds a shared lock on it, and the last one
    takes it away. What a killed host left is taken over by the next sandbox there. Raises `OSError`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            os.mkdir(path, 0o755)
            os.utime(path, (0, 0))
        except FileExistsError:
            if not _is_absent(path):
                raise
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def remove(self) -> None:
        """Take it away, unless another sandbox needs it or somebody has put something into it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(self._descriptor), os.lstat(self.path)) and _is_absent(self.path):
                os.rmdir(self.path)
        except OSError:
            pass
        finally:
            os.close(self._descriptor)


def _is_absent(path: str) -> bool:
    """Whether nothing is there, or nothing but a placeholder."""
    try:
        found = os.lstat(path)
        return stat.S_ISDIR(found.st_mode) and found.st_mtime == 0 and not os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
