"""The git command line, in the user's own repository: quiet, without prompts, without the repository's hooks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GitError", "git", "lines", "root_of"]

_LIMIT = 120.0
"""Seconds: a checkout of a large repository takes a while."""

# Nothing that a repository brings along is to run: no hooks, no monitors, no editor, no pager. Filters must run, or the
# files of the worktree would not be what they are in the repository (large files, line ends).
_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "false", "GIT_PAGER": "cat", "LC_ALL": "C"}


class GitError(HermesError):
    """git refused."""


def git(directory: str | Path, *arguments: str) -> str:
    """Run git there; gives its output. Raises `GitError`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *_OPTIONS, *arguments],
            cwd=directory,
            env={**own, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git is not installed.", remedy="Install git.") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"`git {arguments[0]}` did not end within {_LIMIT:g} s.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise GitError(f"`git {arguments[0]}` failed: {said.splitlines()[-1]}")
    return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def lines(directory: str | Path, *arguments: str) -> Sequence[str]:
    """The lines of git's output."""
    return git(directory, *arguments).splitlines()


def root_of(directory: str | Path) -> Path:
    """The root of the main working tree that `directory` belongs to. Raises `GitError` where there is no repository."""
    if not Path(directory).is_dir():
        raise GitError(f"There is no directory {str(directory)!r}.")
    try:
        common = git(directory, "rev-parse", "--path-format=absolute", "--git-common-dir")
    except GitError as error:
        if "not a git repository" in error.message:
            raise GitError(
                f"{str(directory)!r} is in no git repository, so there is nothing to make a worktree of.",
                remedy="Go into one, make one with `git init`, or leave --worktree out.",
            ) from None
        raise
    if Path(common).name != ".git":
        raise GitError("The repository has no working tree.", remedy="Go into a clone that has one.")
    return Path(common).parent
