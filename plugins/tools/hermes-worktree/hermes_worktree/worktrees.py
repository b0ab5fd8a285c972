"""Worktrees of a repository that were made for conversations: made, judged, removed.

A worktree is removed only when nothing would be lost: no changed, staged or untracked file, and no commit on its branch
that is on no other branch, no remote-tracking branch and no tag. What cannot be judged counts as work.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_worktree.git import GitError, git, lines, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Worktree", "list_worktrees", "make", "prune", "remove", "work_in"]

FOLDER = ".worktrees"
_NAME = re.compile(r"hermes-[0-9a-f]{8}")
_STALE = 24 * 3600.0
"""Seconds after which a worktree nobody works in is removed by `prune`, if nothing would be lost."""
_IN_USE = "hermes-in-use"
"""A file in the worktree's own git folder, locked as long as a conversation works there."""


@dataclass(frozen=True, kw_only=True)
class Worktree:
    """A worktree that was made for a conversation."""

    path: Path
    branch: str
    made: float
    """Seconds since the epoch."""

    @property
    def name(self) -> str:
        """`hermes-` and eight hexadecimal digits."""
        return self.path.name


def make(directory: str | Path) -> Worktree:
    """Make a worktree of the commit `directory`'s repository stands on, on a new branch. Raises `GitError`."""
    root = root_of(directory)
    name = f"hermes-{secrets.token_hex(4)}"
    path, branch = root / FOLDER / name, f"hermes/{name}"
    try:
        start = git(directory, "rev-parse", "--verify", "HEAD^{commit}")
    except GitError:
        raise GitError("The repository has no commit yet.", remedy="Commit something first.") from None
    _ignore(root)
    git(root, "worktree", "add", "--quiet", "-b", branch, str(path), start)
    try:
        _bring_along(root, path)
    except OSError as error:
        git(root, "worktree", "remove", "--force", str(path))
        git(root, "branch", "-D", branch)
        raise GitError(f"What .worktreeinclude names could not be brought along: {error}") from error
    return Worktree(path=path, branch=branch, made=time.time())


def _ignore(root: Path) -> None:
    """Have git pass over the folder, without touching a file of the user's: the exclude file is the clone's own."""
    common = Path(git(root, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    exclude = common / "info" / "exclude"
    text = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    if f"/{FOLDER}/" not in text.splitlines():
        exclude.parent.mkdir(exist_ok=True)
        with exclude.open("a", encoding="utf-8") as file:
            file.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}/{FOLDER}/\n")


def _bring_along(root: Path, path: Path) -> None:
    """Copy the files and link the directories that `.worktreeinclude` names; only from inside the repository."""
    listing = root / ".worktreeinclude"
    if not listing.is_file():
        return
    inside = root.resolve()
    for line in listing.read_text(encoding="utf-8").splitlines():
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        source = (root / entry).resolve()
        target = path / entry.strip("/")
        kept = inside in source.parents and FOLDER not in source.relative_to(inside).parts
        if not kept or ".git" in source.relative_to(inside).parts or not source.exists() or os.path.lexists(target):
            continue
        if path.resolve() not in target.parent.resolve().parents and target.parent.resolve() != path.resolve():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.symlink_to(source, target_is_directory=True)
        else:
            shutil.copy2(source, target)


def list_worktrees(directory: str | Path) -> Sequence[Worktree]:
    """The worktrees of the repository that were made for conversations, oldest first. Raises `GitError`."""
    root = root_of(directory)
    found = []
    for block in git(root, "worktree", "list", "--porcelain").split("\n\n"):
        values = dict(line.partition(" ")[::2] for line in block.splitlines())
        path = Path(values.get("worktree", ""))
        if path.parent == root / FOLDER and _NAME.fullmatch(path.name) and path.is_dir():
            branch = values.get("branch", "").removeprefix("refs/heads/")
            found.append(Worktree(path=path, branch=branch, made=(path / ".git").stat().st_mtime))
    return sorted(found, key=lambda worktree: worktree.made)


def work_in(worktree: Worktree) -> Sequence[str]:
    """What would be lost with it, a sentence each; empty when nothing would."""
    found = []
    try:
        changed = lines(worktree.path, "status", "--porcelain", "--untracked-files=normal")
        only_here = lines(worktree.path, "log", "--format=%H", "HEAD", "--not", *_others(worktree))
    except GitError as error:
        return [f"It cannot be judged: {error.message}"]
    if changed:
        found.append(f"{len(changed)} changed or new file{'s' if len(changed) != 1 else ''}")
    if only_here:
        found.append(f"{len(only_here)} commit{'s that are' if len(only_here) != 1 else ' that is'} nowhere else")
    return found


def _others(worktree: Worktree) -> Sequence[str]:
    """Every branch, remote-tracking branch and tag but its own branch."""
    names = lines(worktree.path, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes", "refs/tags")
    return [name for name in names if name != f"refs/heads/{worktree.branch}"]


def remove(worktree: Worktree, *, force: bool = False) -> None:
    """Remove it and its branch. Raises `GitError` when work would be lost, or it is in use, unless `force`."""
    lost = work_in(worktree)
    if not force:
        if lost:
            raise GitError(f"{worktree.name} holds work: {'; '.join(lost)}.", remedy="Merge or push it, or --force.")
        if in_use(worktree):
            raise GitError(f"A conversation works in {worktree.name}.", remedy="Leave it first.")
    root = root_of(worktree.path)
    git(root, "worktree", "remove", "--force", str(worktree.path))
    if worktree.branch.startswith("hermes/"):
        git(root, "branch", "-D", worktree.branch)


def prune(directory: str | Path, *, older_than: float = _STALE) -> Sequence[Worktree]:
    """Remove those nobody works in, that are older (in seconds) and hold no work; gives what was removed."""
    gone = []
    for worktree in list_worktrees(directory):
        if time.time() - worktree.made >= older_than and not work_in(worktree) and not in_use(worktree):
            remove(worktree)
            gone.append(worktree)
    return gone


@contextmanager
def used(worktree: Worktree) -> Iterator[None]:
    """Mark it as in use; the mark goes with the process, whatever ends it."""
    with _marker(worktree).open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def in_use(worktree: Worktree) -> bool:
    """Whether a conversation of any process works there."""
    try:
        with _marker(worktree).open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, GitError):
        return False
    return False


def _marker(worktree: Worktree) -> Path:
    return Path(git(worktree.path, "rev-parse", "--absolute-git-dir")) / _IN_USE
